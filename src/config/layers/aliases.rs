//! The environment names: the key that each one sets, and the meaning of an empty value.

/// An environment name and the key it sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alias {
    /// The name in the environment or in a `.env` file.
    pub name: &'static str,
    /// The dotted key it sets.
    pub key: &'static str,
    /// The value that an empty text (or Laravel's `null`) stands for; `None` means that it sets nothing.
    pub empty: Option<&'static str>,
    /// Whether any other source of the key takes precedence.
    pub fallback: bool,
}

const fn alias(name: &'static str, key: &'static str) -> Alias {
    Alias { name, key, empty: None, fallback: false }
}

/// A name whose empty value is a value for Laravel, too.
const fn alias_allowing_empty(name: &'static str, key: &'static str, empty: &'static str) -> Alias {
    Alias { name, key, empty: Some(empty), fallback: false }
}

const fn fallback(name: &'static str, key: &'static str) -> Alias {
    Alias { name, key, empty: None, fallback: true }
}

const ALIASES: [Alias; 65] = [
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
    alias_allowing_empty("REDIS_DB", "redis.db", "0"),
    alias_allowing_empty("REDIS_CACHE_DB", "redis.cache_db", "0"),
    alias("REDIS_CACHE_CONNECTION", "redis.cache_connection"),
    alias_allowing_empty("REDIS_PREFIX", "redis.prefix", ""),
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
    alias_allowing_empty("APP_NAME", "laravel.app_name", ""),
    alias("APP_TIMEZONE", "laravel.timezone"),
    alias("APP_KEY", "laravel.app_key"),
    alias("APP_PREVIOUS_KEYS", "laravel.previous_keys"),
    alias("ADMIN_TOKEN", "messaging.admin_token"),
    alias("OPERATOR_TOKENS", "messaging.operator_tokens"),
    // An empty value is refused: it would open registration.
    alias_allowing_empty("PRESENCE_REGISTRATION_TOKEN", "registration.token", ""),
    fallback("QUEUE_CONNECTION", "messaging.queue"),
    alias_allowing_empty("CACHE_PREFIX", "laravel.cache_prefix", ""),
    alias("PRESENCE_WEBHOOK_URL", "webhook.url"),
    alias("PRESENCE_WEBHOOK_SECRET", "webhook.secret"),
    alias("PRESENCE_TOKEN", "auth.tokens"),
    alias("PRESENCE_USER_TOKEN_SECRET", "auth.user_token_secrets"),
    alias("PRESENCE_LISTEN", "server.listen"),
    fallback("OTEL_EXPORTER_OTLP_ENDPOINT", "otlp.endpoint"),
    fallback("OTEL_SERVICE_NAME", "otlp.service_name"),
    fallback("BROADCAST_CONNECTION", "broadcast.connection"),
    fallback("BROADCAST_DRIVER", "broadcast.connection"),
    alias("REVERB_APP_ID", "broadcast.reverb.app_id"),
    alias("REVERB_APP_KEY", "broadcast.reverb.key"),
    alias("REVERB_APP_SECRET", "broadcast.reverb.secret"),
    alias("REVERB_HOST", "broadcast.reverb.host"),
    alias("REVERB_PORT", "broadcast.reverb.port"),
    alias("REVERB_SCHEME", "broadcast.reverb.scheme"),
    alias("REVERB_SERVER_PATH", "broadcast.reverb.path"),
    alias("PUSHER_APP_ID", "broadcast.pusher.app_id"),
    alias("PUSHER_APP_KEY", "broadcast.pusher.key"),
    alias("PUSHER_APP_SECRET", "broadcast.pusher.secret"),
    alias("PUSHER_HOST", "broadcast.pusher.host"),
    alias("PUSHER_PORT", "broadcast.pusher.port"),
    alias("PUSHER_SCHEME", "broadcast.pusher.scheme"),
    alias("PUSHER_APP_CLUSTER", "broadcast.pusher.cluster"),
    alias("PRESENCE_LOG", "log.filter"),
    alias("PRESENCE_LOG_FORMAT", "log.format"),
];

/// Every name that the configuration reads, besides `PRESENCE__SECTION__KEY`.
pub fn aliases() -> impl Iterator<Item = Alias> {
    ALIASES.into_iter()
}

/// The alias with this name.
pub fn find(name: &str) -> Option<Alias> {
    aliases().find(|alias| alias.name == name)
}

/// Whether an empty text is a value of `key`.
pub fn allows_empty(key: &str) -> bool {
    aliases().any(|alias| alias.key == key && alias.empty.is_some())
}

/// The place of a name in the list: of two fallbacks of one key, the first one takes precedence.
pub fn position(name: &str) -> usize {
    aliases().position(|alias| alias.name == name).unwrap_or(ALIASES.len())
}
