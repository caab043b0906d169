//! Webhooks: each change, signed and delivered to the application.
//!
//! The commit that records a change also pushes it into the [queue](crate::queue) of each endpoint that subscribes to it,
//! with one lane per user. Then it is *claimed*, *prepared* (which gives the exact bytes that are signed and sent), *sent*
//! and *settled*. Changes are recorded exactly once and delivered at least once: receivers detect duplicates by the id, and
//! may discard a change with a smaller `seq` than the latest one of that user.
//!
//! In reading order: [`domain`] (payload, signature, retry schedule, circuit breaker; pure), [`client`] (one request, through [`egress_client`]),
//! [`worker`] (the delivery loop), [`admin`] (list, replay, ping) and [`api`] (HTTP). [`crate::egress`] decides which
//! addresses may be posted to.

pub mod admin;
pub mod api;
pub mod client;
pub mod domain;
pub mod egress_client;
mod metrics;
pub mod worker;

pub use self::admin::DeliveryAdmin;
pub use self::metrics::Metrics;
