//! Where a configuration stores presence and messages, and which keys say so.

use crate::config::{CacheStore, Config, Loaded, Origin, RedisConfig, RedisEndpoint};
use crate::storage::sql::Database;

/// Where one kind of data is stored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Location {
    /// `presence` or `messages`.
    pub(super) data: &'static str,
    /// `redis`, `database` or `array`.
    pub(super) store: &'static str,
    /// The server and its database, or the file.
    pub(super) server: String,
    /// The tables, or the pattern of the keys.
    pub(super) names: String,
    /// What Laravel's own keys begin with.
    pub(super) prefix: String,
    /// The keys of the configuration that decide it, each with its layer.
    pub(super) from: String,
}

const REDIS_KEYS: [&str; 8] = [
    "cache.store",
    "redis.url",
    "redis.host",
    "redis.port",
    "redis.db",
    "redis.cache_db",
    "redis.prefix",
    "laravel.cache_prefix",
];

const PRESENCE_KEYS: [&str; 3] = ["cache.store", "database.cache_table", "laravel.cache_prefix"];

const DATABASE_KEYS: [&str; 5] =
    ["database.connection", "database.url", "database.host", "database.database", "database.prefix"];

/// The locations of a configuration, in the order presence, messages.
pub(super) fn locations(loaded: &Loaded) -> Vec<Location> {
    let config = &loaded.config;
    let messages = config.messaging.enabled.then(|| messages(config, &loaded.origins));
    std::iter::once(presence(config, &loaded.origins)).chain(messages).collect()
}

fn presence(config: &Config, origins: &[Origin]) -> Location {
    let (data, prefix) = ("presence", config.laravel.cache_prefix.clone());
    match config.cache.store {
        CacheStore::Array => Location {
            data,
            store: "array",
            server: "the memory of this process".to_owned(),
            names: String::new(),
            prefix: String::new(),
            from: sources(&["cache.store"], origins),
        },
        CacheStore::Redis => redis(&config.redis, &prefix, origins),
        CacheStore::Database => Location {
            data,
            store: "database",
            server: server(config),
            names: format!("{}, {}*", config.database.cache_table, config.database.prefix),
            prefix,
            from: sources(&[&PRESENCE_KEYS[..], &DATABASE_KEYS].concat(), origins),
        },
    }
}

fn redis(redis: &RedisConfig, cache_prefix: &str, origins: &[Origin]) -> Location {
    let RedisConfig { db, cache_db, .. } = redis;
    let address = match &redis.endpoint {
        RedisEndpoint::Tcp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
        RedisEndpoint::Tcp { host, port, .. } => format!("{host}:{port}"),
        RedisEndpoint::Unix(path) => path.display().to_string(),
    };
    let prefix = format!("{}{cache_prefix}", redis.prefix);
    Location {
        data: "presence",
        store: "redis",
        server: format!("{address}, databases {cache_db} (records) and {db}"),
        names: format!("{prefix}presence|* and {prefix}{{presence}}:*"),
        prefix,
        from: sources(&REDIS_KEYS, origins),
    }
}

fn messages(config: &Config, origins: &[Origin]) -> Location {
    let tables = &config.messaging.tables;
    Location {
        data: "messages",
        store: "database",
        server: server(config),
        names: [&tables.clients, &tables.messages, &tables.message_receipts].map(String::as_str).join(", "),
        prefix: String::new(),
        from: sources(&DATABASE_KEYS, origins),
    }
}

fn server(config: &Config) -> String {
    Database::address_of(&config.database)
}

/// `key from layer` for each of the keys that is not as by default.
fn sources(keys: &[&str], origins: &[Origin]) -> String {
    let of_keys = || origins.iter().filter(|origin| keys.contains(&origin.key.as_str()));
    let stated = of_keys().filter(|origin| origin.layer != "default");
    let mut named: Vec<String> = stated
        .map(|Origin { key, layer, .. }| format!("{key} from {}", layer.strip_prefix("from ").unwrap_or(layer)))
        .collect();
    let defaults: Vec<&str> =
        of_keys().filter(|origin| origin.layer == "default").map(|origin| origin.key.as_str()).collect();
    if !defaults.is_empty() {
        named.push(format!("{} by default", defaults.join(", ")));
    }
    named.join("; ")
}

impl Location {
    /// Writes the location to the log.
    pub(super) fn log(&self) {
        let Self { data, store, server, names, prefix, from } = self;
        tracing::info!(data, store, server, names, prefix, from, "location of the data");
    }
}
