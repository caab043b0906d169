//! Environment names, one table: which key each one sets, and what its empty value means.

/// An environment name and the key it sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alias {
    /// The name in the environment or the `.env`.
    pub name: &'static str,
    /// The dotted key it sets.
    pub key: &'static str,
    /// What an empty value (or Laravel's `null`) means: nothing, or this text.
    pub empty: Option<&'static str>,
    /// Whether it counts only while nobody else has set the key.
    pub fallback: bool,
}

const fn alias(name: &'static str, key: &'static str) -> Alias {
    Alias { name, key, empty: None, fallback: false }
}

/// A name whose empty value Laravel takes as it is.
const fn taken(name: &'static str, key: &'static str, empty: &'static str) -> Alias {
    Alias { name, key, empty: Some(empty), fallback: false }
}

const fn fallback(name: &'static str, key: &'static str) -> Alias {
    Alias { name, key, empty: None, fallback: true }
}

const ALIASES: [Alias; 45] = [
    alias("PRESENCE_DRIVER", "driver"),
    alias("PRESENCE_STORAGE", "storage"),
    alias("PRESENCE_CACHE_STORE", "cache.store"),
    fallback("CACHE_STORE", "cache.store"),
    fallback("CACHE_DRIVER", "cache.store"),
    alias("PRESENCE_TTL", "cache.ttl_seconds"),
    alias("PRESENCE_AWAY_AFTER", "cache.away_after_seconds"),
    alias("REDIS_URL", "redis.url"),
    alias("REDIS_HOST", "redis.host"),
    alias("REDIS_PORT", "redis.port"),
    alias("REDIS_SCHEME", "redis.scheme"),
    alias("REDIS_USERNAME", "redis.username"),
    alias("REDIS_PASSWORD", "redis.password"),
    taken("REDIS_DB", "redis.db", "0"),
    taken("REDIS_CACHE_DB", "redis.cache_db", "0"),
    taken("REDIS_PREFIX", "redis.prefix", ""),
    alias("DB_CONNECTION", "database.connection"),
    alias("DATABASE_URL", "database.url"),
    alias("DB_URL", "database.url"),
    alias("DB_HOST", "database.host"),
    alias("DB_PORT", "database.port"),
    alias("DB_DATABASE", "database.database"),
    alias("DB_USERNAME", "database.username"),
    alias("DB_PASSWORD", "database.password"),
    alias("DB_SOCKET", "database.socket"),
    alias("DB_SSLMODE", "database.sslmode"),
    alias("MYSQL_ATTR_SSL_CA", "database.ssl_ca"),
    alias("DB_CACHE_TABLE", "database.cache_table"),
    alias("DB_CACHE_CONNECTION", "database.cache_connection"),
    alias("PRESENCE_LARAVEL_VERSION", "laravel.version"),
    taken("APP_NAME", "laravel.app_name", ""),
    alias("APP_TIMEZONE", "laravel.timezone"),
    alias("APP_KEY", "laravel.app_key"),
    alias("APP_PREVIOUS_KEYS", "laravel.previous_keys"),
    alias("ADMIN_TOKEN", "messaging.admin_token"),
    alias("OPERATOR_TOKENS", "messaging.operator_tokens"),
    fallback("QUEUE_CONNECTION", "messaging.queue"),
    taken("CACHE_PREFIX", "laravel.cache_prefix", ""),
    alias("PRESENCE_WEBHOOK_URL", "webhook.url"),
    alias("PRESENCE_WEBHOOK_SECRET", "webhook.secret"),
    alias("PRESENCE_TOKEN", "auth.tokens"),
    alias("PRESENCE_USER_TOKEN_SECRET", "auth.user_token_secrets"),
    alias("PRESENCE_LISTEN", "server.listen"),
    alias("PRESENCE_LOG", "log.filter"),
    alias("PRESENCE_LOG_FORMAT", "log.format"),
];

/// Every name the configuration reads, besides `PRESENCE__SECTION__KEY`.
pub fn aliases() -> impl Iterator<Item = Alias> {
    ALIASES.into_iter()
}

/// The alias of that name.
pub(super) fn find(name: &str) -> Option<Alias> {
    aliases().find(|alias| alias.name == name)
}

/// Whether an empty value of `key` is a value.
pub(super) fn takes_empty(key: &str) -> bool {
    aliases().any(|alias| alias.key == key && alias.empty.is_some())
}
