//! The listing of `presence-sidecar config`.

use figment::value::Value;

use super::{Layers, redact, schema};
use crate::config::database::{DatabaseConfig, DatabaseConnection};
use crate::config::laravel::LaravelConfig;
use crate::config::redis::{RedisConfig, RedisEndpoint};

/// The value of one key, and the layer that set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The dotted key, such as `cache.ttl_seconds`.
    pub key: String,
    /// The value as TOML, secrets masked.
    pub value: String,
    /// Such as `default`, a path, `.env of /app`, `environment PRESENCE_TTL`, `flag --listen`.
    pub layer: String,
}

/// Every key that has a value, in the order of the schema, and the values that are derived from others.
pub fn origins(
    redis: &RedisConfig,
    database: &DatabaseConfig,
    laravel: &LaravelConfig,
    layers: &Layers,
) -> Vec<Origin> {
    let keys = layers.schema().keys().filter(|known| !known.key.contains("[]"));
    keys.flat_map(|known| match layers.value(&known.key) {
        Some(value) if known.key == schema::ENDPOINTS => endpoints(&value, layers),
        Some(value) => vec![with_redis_url(origin(known.key.clone(), &value, layers), redis, layers)],
        None => derived(&known.key, database, laravel).into_iter().collect(),
    })
    .collect()
}

fn origin(key: String, value: &Value, layers: &Layers) -> Origin {
    Origin { value: redact::format(&key, value), layer: layers.origin(value), key }
}

/// The origin with the value that `redis.url` overrides.
fn with_redis_url(mut origin: Origin, redis: &RedisConfig, layers: &Layers) -> Origin {
    let Some(url) = layers.value("redis.url") else {
        return origin;
    };
    let value = match (origin.key.as_str(), &redis.endpoint) {
        ("redis.host", RedisEndpoint::Tcp { host, .. }) => redact::quote(host),
        ("redis.host", RedisEndpoint::Unix(path)) => redact::quote(&path.to_string_lossy()),
        ("redis.port", RedisEndpoint::Tcp { port, .. }) => port.to_string(),
        ("redis.db", _) => redis.db.to_string(),
        ("redis.cache_db", _) => redis.cache_db.to_string(),
        _ => return origin,
    };
    if value != origin.value {
        origin.value = value;
        origin.layer = format!("{} (redis.url)", layers.origin(&url));
    }
    origin
}

fn endpoints(value: &Value, layers: &Layers) -> Vec<Origin> {
    let items = value.as_array().unwrap_or_default();
    let tables = items.iter().enumerate().filter_map(|(index, item)| Some((index, item.as_dict()?)));
    tables
        .flat_map(|(index, table)| {
            let at = format!("{}[{index}]", schema::ENDPOINTS);
            table.iter().map(move |(name, value)| origin(format!("{at}.{name}"), value, layers))
        })
        .collect()
}

const PREFIX_SOURCE: &str = "laravel.version and laravel.app_name";

/// A value that is not set but derived from others.
fn derived(key: &str, database: &DatabaseConfig, laravel: &LaravelConfig) -> Option<Origin> {
    let (value, source) = match (key, &database.connection) {
        ("redis.prefix", _) => (laravel.default_redis_prefix(), PREFIX_SOURCE),
        // The value for the key, without the `:` that the Redis store of Laravel 10 adds.
        ("laravel.cache_prefix", _) => (laravel.default_cache_prefix(), PREFIX_SOURCE),
        ("database.database", DatabaseConnection::Sqlite(path)) => (path.display().to_string(), "storage"),
        _ => return None,
    };
    Some(Origin { key: key.to_owned(), value: redact::quote(&value), layer: format!("from {source}") })
}

/// One line per key, with the layers aligned as comments.
pub fn listing(origins: &[Origin]) -> String {
    let lines: Vec<_> = origins.iter().map(|origin| (format!("{} = {}", origin.key, origin.value), origin)).collect();
    let lengths = lines.iter().map(|(line, _)| line.chars().count());
    let width = lengths.filter(|length| *length <= 60).max().unwrap_or_default();
    lines.iter().map(|(line, origin)| format!("{line:width$}  # {}\n", origin.layer)).collect()
}
