//! The rules of webhook delivery: what is sent, how it is signed, and when it is sent again. Pure except for
//! [`egress`], which resolves names.

pub mod breaker;
pub mod egress;
pub mod payload;
pub mod retry;
pub mod signature;
