//! Webhooks: what is sent and how it is signed, where to, and when again.

mod addresses;
mod signatures;
mod timing;
