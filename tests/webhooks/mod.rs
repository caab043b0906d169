//! Webhooks: payload and signature, egress policy, retries, delivery.

mod client;
mod commands;
mod deliveries;
mod egress;
mod feed;
mod signatures;
mod timing;
mod verifiers;
