//! The rules of webhook delivery: what is sent, how it is signed, and when it is retried. Pure.

pub mod breaker;
pub mod payload;
pub mod retry;
pub mod signature;
