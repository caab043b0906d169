//! Presence: which users are online, away or offline, and in which scope.
//!
//! In reading order: [`domain`] (the rules: state + input + now -> decision), [`store`] (the atomic commit, on Redis,
//! SQL or in memory), [`service`] (batched commits and reads, the change feed), then [`api`] (HTTP), [`worker`] (the
//! expiry sweep) and [`browser_client`] (the script for pages).

pub mod api;
pub mod browser_client;
pub mod domain;
pub mod service;
pub mod store;
pub mod worker;

pub use self::service::Presence;
pub use self::service::commit::{CommandOutcome, CommitContext, PresenceCommand};
pub use self::service::metrics::Metrics;
pub use self::service::notifier::ChangeNotifier;
