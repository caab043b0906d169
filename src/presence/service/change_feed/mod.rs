//! The change feed: many subscribers follow the change log, and the log is read once for all of them.
//!
//! **The end of the log.** One reader per process polls the log while there are subscribers. It keeps what it
//! read in a window of bounded size. A subscriber whose position is in the window is served from memory.
//!
//! **Behind the window.** A subscriber that is further behind reads pages by itself: one at a time in the
//! whole process, of bounded size, with a pause after each as long as the read, and over a connection that commits do not
//! use. Recent pages are kept, so that subscribers at nearly the same position share them. Errors are followed by a pause
//! that grows, for all of them together.
//!
//! **Turns.** Subscribers that are behind take turns, one page each, let every other task run first, and pause now and then. So a thousand of
//! them at once do not delay heartbeats.
//!
//! A subscription has no queue: a subscriber that does not take its pages costs nothing but its position, and continues
//! from there.

mod catch_up;
mod feed;
mod page;
mod reader;
mod subscription;
mod window;

pub use self::feed::ChangeFeed;
pub use self::page::{EncodeEntry, Entry, LogPage};
pub use self::subscription::{FeedEvent, FeedSubscription, PageSlice};
