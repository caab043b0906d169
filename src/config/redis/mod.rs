//! `[redis]`: one server, written as Laravel's `REDIS_*` names or as one URL; or a cluster, or Sentinels.

mod parts;
mod servers;

use std::time::Duration;

use secrecy::SecretString;

pub(super) use self::parts::RawRedis;
use self::parts::{Parts, endpoint};
pub use self::servers::{RedisEndpoint, RedisHost, RedisTls, SentinelConfig};
use super::layers::{Layers, Result};

/// `[redis]`: one server, a cluster, or the master of Sentinels; and two databases.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RedisConfig {
    /// The address of the server.
    pub endpoint: RedisEndpoint,
    /// The ACL user; if `None`, only the password is sent.
    pub username: Option<String>,
    /// The password.
    pub password: Option<SecretString>,
    /// The database of the sidecar's own keys (`REDIS_DB`).
    pub db: i64,
    /// The database of Laravel's cache records (`REDIS_CACHE_DB`).
    pub cache_db: i64,
    /// The prefix that Laravel's Redis connection adds to every key.
    pub prefix: String,
    /// Timeout for connecting, and for one command.
    pub timeout: Duration,
    /// The number of shards that users are divided into, at least one.
    pub shards: usize,
    /// The number of replicas that must confirm a commit before it is answered.
    pub wait_replicas: usize,
    /// The certificates of TLS connections.
    pub tls: RedisTls,
    /// The Sentinels that name the server, whose host and port in `endpoint` do not count then.
    pub sentinel: Option<SentinelConfig>,
}

/// Resolves `[redis]`; `default_prefix` is used if no prefix is set.
pub(super) fn resolve(mut raw: RawRedis, default_prefix: String, layers: &Layers) -> Result<RedisConfig> {
    let timeout = layers.number("redis.timeout_ms", raw.timeout_ms, 10..=60_000)?;
    let source = if raw.url.is_some() { "redis.url" } else { "redis.host" };
    let mut parts = Parts::of(&mut raw, layers)?;
    let [url, cluster, sentinels] = [raw.url.is_some(), raw.cluster.is_some(), raw.sentinels.is_some()];
    servers::check_alternatives(url, cluster, sentinels, layers)?;
    let endpoint = match &raw.cluster {
        Some(nodes) => {
            parts.use_first_database(layers);
            RedisEndpoint::Cluster(servers::hosts("redis.cluster", nodes, (6379, parts.is_tls()), layers)?)
        }
        None => endpoint(&parts).map_err(|(key, why, words)| layers.misspelt(key.unwrap_or(source), why, words))?,
    };
    let sentinel = sentinel(&mut raw, matches!(endpoint, RedisEndpoint::Tcp { tls: true, .. }), layers)?;
    let is_cluster = matches!(endpoint, RedisEndpoint::Cluster(_));
    let is_tls = endpoint.is_tls() || sentinel.iter().flat_map(|sentinel| &sentinel.sentinels).any(|host| host.tls);
    Ok(RedisConfig {
        endpoint,
        username: parts.username,
        password: parts.password.map(SecretString::from),
        db: parts.db,
        cache_db: parts.cache_db,
        prefix: parts.prefix.unwrap_or(default_prefix),
        timeout: Duration::from_millis(timeout),
        shards: layers.number("redis.shards", raw.shards.unwrap_or(if is_cluster { 16 } else { 1 }), 1..=64)?,
        wait_replicas: layers.number("redis.wait_replicas", raw.wait_replicas, 0..=16)?,
        tls: servers::certificates([raw.ssl_ca, raw.ssl_cert, raw.ssl_key], is_tls, layers)?,
        sentinel,
    })
}

fn sentinel(raw: &mut RawRedis, is_tls: bool, layers: &Layers) -> Result<Option<SentinelConfig>> {
    let Some(sentinels) = &raw.sentinels else { return Ok(None) };
    if raw.sentinel_service.is_empty() {
        return Err(layers.error_at("redis.sentinel_service", "must name the service that the Sentinels monitor"));
    }
    Ok(Some(SentinelConfig {
        sentinels: servers::hosts("redis.sentinels", sentinels, (26_379, is_tls), layers)?,
        service: std::mem::take(&mut raw.sentinel_service),
        username: raw.sentinel_username.take(),
        password: raw.sentinel_password.take().map(SecretString::from),
    }))
}
