//! Presence: who is online, away or offline, where.
//!
//! Read in this order: [`model`] (the rules), [`identity`], [`meta`] and [`record`] (who, and what Laravel keeps of them),
//! [`store`] (the seam: commit), [`committer`] and [`sweep`] (who commits), [`service`], and [`api`] (HTTP).

pub mod api;
pub mod clock;
mod committer;
mod group;
pub mod identity;
pub mod many;
pub mod meta;
mod metrics;
pub mod model;
pub mod record;
pub mod scope;
pub mod service;
pub mod store;
pub mod sweep;
mod view;

pub use committer::{Happened, Wanted};
pub use metrics::Metrics;
pub use service::Presence;
pub use view::{SessionView, View};
