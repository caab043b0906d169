//! The background loops of presence.

pub mod pace;
pub mod reconcile;
pub mod sweep;
