//! `[cache]`: the store of presence, and its times.

use serde::Deserialize;

use super::layers::{Layers, Result};

/// `[cache]`: always `0 < away_after_seconds < ttl_seconds`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CacheConfig {
    /// The store of presence.
    pub store: CacheStore,
    /// Seconds after the last heartbeat until a user is offline.
    pub ttl_seconds: u32,
    /// Seconds after the last heartbeat until a user is away.
    pub away_after_seconds: u32,
}

/// A cache store that Laravel and the sidecar can share, or the memory of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheStore {
    /// The memory of this process; lost when it ends.
    Array,
    /// Redis, shared with Laravel and other replicas.
    Redis,
    /// The `cache` table in the app's database.
    Database,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCache {
    store: String,
    ttl_seconds: i64,
    away_after_seconds: i64,
}

pub(super) fn resolve(raw: &RawCache, layers: &Layers) -> Result<CacheConfig> {
    let ttl_seconds = layers.number("cache.ttl_seconds", raw.ttl_seconds, 1..=31_536_000)?;
    let away_after_seconds = layers.number("cache.away_after_seconds", raw.away_after_seconds, 1..=31_536_000)?;
    if away_after_seconds >= ttl_seconds {
        let ttl = layers.describe("cache.ttl_seconds");
        return Err(layers.error_at("cache.away_after_seconds", format!("must be below {ttl}")));
    }
    Ok(CacheConfig { store: store(&raw.store, layers)?, ttl_seconds, away_after_seconds })
}

fn store(text: &str, layers: &Layers) -> Result<CacheStore> {
    match text {
        "redis" => Ok(CacheStore::Redis),
        "redis-sentinel" if layers.value("redis.sentinels").is_some() => Ok(CacheStore::Redis),
        "redis-sentinel" => Err(layers.error_at(
            "cache.store",
            "is of monospice/laravel-redis-sentinel-drivers, whose Sentinels cannot be read without PHP: generate the \
             configuration with php artisan presence:sidecar, or set redis.sentinels (PRESENCE__REDIS__SENTINELS)",
        )),
        "array" => Ok(CacheStore::Array),
        "database" => Ok(CacheStore::Database),
        _ => Err(layers.misspelt(
            "cache.store",
            "cannot be shared by Laravel and the sidecar: set PRESENCE_CACHE_STORE to redis or database",
            &["redis", "array", "database"],
        )),
    }
}
