//! The third wing: sealed messages for clients that poll, on the tables of the Laravel reference server.
//!
//! A **client** registers with a fingerprint and gets an id, an API token and a key of its own. Whatever is meant for it is
//! sealed under that key (AES-256-GCM) before it is stored; nobody but the client and the holder of `APP_KEY` can read it.
//! The client **polls** for messages behind its **cursor** and **acknowledges** what it has seen; it **sends** messages
//! sealed under its key, which the sidecar opens, seals anew and keeps for the operators to read, and relays to other
//! clients if it is asked to. Applications **publish** to many clients at once, which is called **fan-out**.
//!
//! What is promised: a poll never skips a message that commits late, since ids of one recipient become visible in order;
//! an acknowledgement never goes back; a body that is sent twice, or a fan-out that runs twice, stores each message once;
//! plaintext is never stored or queued; of two publications the one that was answered first reaches each client first, and
//! whatever was answered is not lost. What is not: that a message is delivered only once. A client that polls again before it
//! acknowledges sees the same ids again.
//!
//! In the order to read it: [`model`] and [`seal`] are the pure rules, [`store`] keeps clients and messages in SQL, [`service`]
//! puts them together, [`api`] translates for HTTP; [`page`] is a client in the browser.

pub mod api;
pub mod domain;
pub mod seal;
pub mod service;
pub mod store;
pub mod web_client;

pub use self::service::{Caller, Messaging, MessagingError, MessagingOptions, Metrics};
