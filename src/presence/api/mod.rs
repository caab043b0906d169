//! Presence over HTTP. In reading order: [`users`], [`roster`], [`feed`] and [`explain`] (the operations for applications), then
//! [`browser`]; [`scope`] resolves the scope of a request, [`fast_path`] shortens the way of the most frequent requests.

mod browser;
mod claims;
pub mod encode;
mod errors;
mod event_source;
mod explain;
mod fast_path;
mod feed;
mod requests;
pub mod responses;
mod roster;
mod schema;
mod scope;
mod scope_param;
mod stream;
mod stream_limits;
mod tag;
mod time;
mod users;
mod watched;

pub use self::browser::BrowserApi;
pub use self::explain::ExplainApi;
pub use self::fast_path::FastPath;
pub use self::feed::{FeedApi, Streams};
pub use self::roster::RosterApi;
pub use self::scope::ScopeResolver;
pub use self::scope_param::ScopeBody;
pub use self::stream::encode_event;
pub use self::stream_limits::{StreamLimits, StreamMaximums};
pub use self::time::JsonTime;
pub use self::users::UsersApi;
pub use self::watched::WatchedApi;
