//! The background loops of presence.

pub mod sweep;
