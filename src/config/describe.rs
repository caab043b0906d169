//! The listing of `presence-sidecar config`.

use figment::value::Value;

use super::database::DatabaseConnection;
use super::layers::Layers;
use super::printed::{printed, quoted};
use super::redis::RedisEndpoint;
use super::resolved::{Config, LaravelConfig};
use super::{Origin, manual};
use crate::laravel::cache_key::{default_cache_prefix, default_redis_prefix};

/// Every key that has a value, in the manual's order, and the prefixes that follow from others.
pub(super) fn origins(config: &Config, layers: &Layers) -> Vec<Origin> {
    let keys = layers.manual().keys().filter(|known| !known.key.contains("[]"));
    keys.flat_map(|known| match layers.value(&known.key) {
        Some(value) if known.key == manual::ENDPOINTS => endpoints(&value, layers),
        Some(value) => vec![overridden(origin(known.key.clone(), &value, layers), config, layers)],
        None => derived(&known.key, config).into_iter().collect(),
    })
    .collect()
}

fn origin(key: String, value: &Value, layers: &Layers) -> Origin {
    Origin { value: printed(&key, value), layer: layers.origin(value), key }
}

/// What `redis.url` says in place of a single key.
fn overridden(mut origin: Origin, config: &Config, layers: &Layers) -> Origin {
    let Some(url) = layers.value("redis.url") else {
        return origin;
    };
    let redis = &config.redis;
    let value = match (origin.key.as_str(), &redis.endpoint) {
        ("redis.host", RedisEndpoint::Tcp { host, .. }) => quoted(host),
        ("redis.host", RedisEndpoint::Unix(path)) => quoted(&path.to_string_lossy()),
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
            let at = format!("{}[{index}]", manual::ENDPOINTS);
            table.iter().map(move |(name, value)| origin(format!("{at}.{name}"), value, layers))
        })
        .collect()
}

const PREFIX_SOURCE: &str = "laravel.version and laravel.app_name";

/// A value that nobody set but that follows from others.
fn derived(key: &str, config: &Config) -> Option<Origin> {
    let LaravelConfig { version, app_name, .. } = &config.laravel;
    let (value, source) = match (key, &config.database.connection) {
        ("redis.prefix", _) => (default_redis_prefix(*version, app_name), PREFIX_SOURCE),
        // As it would be configured: without the `:` of LaravelConfig 10.
        ("laravel.cache_prefix", _) => (default_cache_prefix(*version, app_name), PREFIX_SOURCE),
        ("database.database", DatabaseConnection::Sqlite(path)) => (path.display().to_string(), "storage"),
        _ => return None,
    };
    Some(Origin { key: key.to_owned(), value: quoted(&value), layer: format!("from {source}") })
}

/// One line a key, with the layers aligned behind.
pub(super) fn listing(origins: &[Origin]) -> String {
    let lines: Vec<_> = origins.iter().map(|origin| (format!("{} = {}", origin.key, origin.value), origin)).collect();
    let lengths = lines.iter().map(|(line, _)| line.chars().count());
    let width = lengths.filter(|length| *length <= 60).max().unwrap_or_default();
    lines.iter().map(|(line, origin)| format!("{line:width$}  # {}\n", origin.layer)).collect()
}
