//! Broadcasts: each change, published to the browsers of an app through Pusher's HTTP API (Laravel Reverb, Pusher and
//! servers like them), without PHP in between.
//!
//! A broadcast is one more consumer of the [outbox](crate::presence::domain::Outbox): the commit that records a change also
//! pushes it into the [queue](crate::queue) [`BROADCAST_QUEUE`](crate::config::BROADCAST_QUEUE), with one lane per user. The
//! worker claims the heads of many lanes, publishes them in batches within the server's limits, and settles them. So the
//! changes of one user arrive in their order, and at least once.
//!
//! A broadcast is for pages that are open now. Therefore a change that has waited for longer than a minute is published only
//! if it is still the user's present state; otherwise it is dropped, since a later change of the same lane replaces it.
//!
//! In reading order: [`domain`] (channels, events, batches, signatures; pure), [`client`] (one request) and [`worker`].

pub mod client;
pub mod domain;
mod metrics;
pub mod worker;

pub use self::metrics::Metrics;
