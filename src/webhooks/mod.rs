//! DeliveryAdmin: every change, signed and delivered to the application.
//!
//! A change is pushed into a [queue](crate::queue) of each endpoint that wants it, in the very commit that records it, with
//! a lane for each user. From there on it is *claimed*, *prepared* (which gives the exact bytes that are signed and
//! sent), *sent*, and *settled*. Recorded exactly once, delivered at least once: receivers tell repetitions by the id, and
//! may discard what has a smaller `seq` than they have seen of that user.
//!
//! Read in this order: [`signature`], [`message`] (what is sent), [`retry`] and [`breaker`] (when it is sent again), all of
//! which are pure; [`guard`] (where to) and [`sender`]; [`delivery`], the loop; [`operate`] and [`api`].

pub mod admin;
pub mod api;
pub mod client;
pub mod domain;
mod metrics;
pub mod worker;

pub use self::admin::DeliveryAdmin;
pub use self::metrics::Metrics;
