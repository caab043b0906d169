//! Presence: who is online, away or offline, where.
//!
//! [`store`] (the seam: commit), [`committer`] and [`sweep`] (who commits), [`service`], [`feed`] (the change log as it
//! grows), and [`api`] (HTTP).

pub mod api;
mod bell;
pub mod clock;
mod committer;
pub mod feed;
pub mod identity;
mod lost;
pub mod many;
pub mod meta;
mod metrics;
pub mod model;
pub mod scope;
pub mod service;
pub mod store;
pub mod sweep;
mod view;

pub use bell::Bell;
pub use committer::{Ground, Happened, Wanted};
pub use metrics::Metrics;
pub use service::Presence;
pub use view::{SessionView, View};
