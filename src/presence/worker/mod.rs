//! The background loops of presence.

pub mod reconcile;
pub mod sweep;
