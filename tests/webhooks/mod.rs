//! Webhooks: what is sent and how it is signed, where to, and when again.

mod addresses;
mod commands;
mod deliveries;
mod feed;
mod guarded;
mod signatures;
mod timing;
mod verifiers;
