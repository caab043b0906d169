//! The rules of broadcasts: which events a change is published as, how events are batched, how a request is signed. Pure.

pub mod batch;
pub mod channel;
pub mod event;
pub mod refusal;
pub mod signature;
