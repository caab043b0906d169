//! `[stream]`: limits of the streams of the change log.

use std::time::Duration;

use serde::Deserialize;

use super::layers::{Layers, Result};

/// `[stream]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StreamConfig {
    /// Most open streams of one process.
    pub max: usize,
    /// Most open streams of one user.
    pub max_per_user: usize,
    /// Most open streams with user tokens from one address.
    pub max_per_address: usize,
    /// How long a client may take to read what was sent before it is disconnected.
    pub stall_timeout: Duration,
    /// How long a session outlives the stream that kept its user online.
    pub grace: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStream {
    max: i64,
    max_per_user: i64,
    max_per_address: i64,
    stall_timeout_seconds: i64,
    grace_seconds: i64,
}

pub(super) fn resolve(raw: &RawStream, layers: &Layers) -> Result<StreamConfig> {
    Ok(StreamConfig {
        max: layers.number("stream.max", raw.max, 1..=1_000_000)?,
        max_per_user: layers.number("stream.max_per_user", raw.max_per_user, 1..=1_000_000)?,
        max_per_address: layers.number("stream.max_per_address", raw.max_per_address, 1..=1_000_000)?,
        stall_timeout: layers.seconds("stream.stall_timeout_seconds", raw.stall_timeout_seconds, 1..=3600)?,
        grace: layers.seconds("stream.grace_seconds", raw.grace_seconds, 4..=3600)?,
    })
}
