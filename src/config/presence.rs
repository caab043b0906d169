//! `[presence]` and `[changes]`: how long records and changes are kept.

use std::time::Duration;

use serde::Deserialize;

use super::layers::{Layers, Result};

/// `[presence]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PresenceConfig {
    /// How long `last_online_at` is kept after a user went offline.
    pub remember: Duration,
    /// The pause between two sweeps for users that have become away or offline.
    pub sweep_interval: Duration,
    /// The most bytes of states that are cached.
    pub cache_bytes: usize,
}

/// `[changes]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChangesConfig {
    /// How long a transition stays in the change log.
    pub keep: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPresence {
    remember_days: i64,
    sweep_interval_ms: i64,
    cache_mib: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChanges {
    keep_hours: i64,
}

pub(super) fn resolve(raw: &RawPresence, layers: &Layers) -> Result<PresenceConfig> {
    let interval = layers.number("presence.sweep_interval_ms", raw.sweep_interval_ms, 10..=60_000)?;
    let mib: usize = layers.number("presence.cache_mib", raw.cache_mib, 1..=1_048_576)?;
    Ok(PresenceConfig {
        remember: layers.days("presence.remember_days", raw.remember_days, 1..=3650)?,
        sweep_interval: Duration::from_millis(interval),
        cache_bytes: mib.saturating_mul(1 << 20),
    })
}

pub(super) fn resolve_changes(raw: &RawChanges, layers: &Layers) -> Result<ChangesConfig> {
    let hours: u64 = layers.number("changes.keep_hours", raw.keep_hours, 1..=8760)?;
    Ok(ChangesConfig { keep: Duration::from_secs(hours * 3600) })
}
