//! Messaging: encrypted messages for clients that poll, on the tables of the Laravel reference server.
//!
//! A **client** registers with a fingerprint and receives an id, an API token and a key of its own. Every message to it is
//! sealed under that key (AES-256-GCM) before it is stored; only the client and the holder of `APP_KEY` can read it. The
//! client **polls** for messages after its **cursor** and **acknowledges** the ones it has received. It **sends** messages
//! sealed under its key; the sidecar opens them, seals them anew, stores them for the operators, and relays them to other
//! clients on request. Applications **publish** to many clients at once; sealing and storing a message for each of them is
//! the **fan-out**.
//!
//! Promises:
//! - A poll never skips a message that commits late: the ids of one recipient become visible in ascending order.
//! - The acknowledged id of a client never decreases.
//! - A body that is sent twice, or a fan-out that runs twice, stores each message once.
//! - Plaintext is never stored or queued.
//! - Of two publications, the one that was answered first reaches each client first; an answered publication is not lost.
//!
//! Not promised: that a message is delivered only once. A client that polls again before it acknowledges receives the same
//! ids again.
//!
//! Reading order: [`domain`] and [`seal`] are pure rules, [`store`] keeps clients and messages in SQL, [`service`] combines
//! them, [`api`] translates for HTTP, [`worker`] runs in the background; [`web_client`] is a client in the browser.

pub mod api;
pub mod domain;
pub mod seal;
pub mod service;
pub mod store;
pub mod web_client;
pub mod worker;

pub use self::service::{Messaging, MessagingError, MessagingOptions, Metrics, SendLimits};
