//! `Raw` to [`Config`], section by section; the contradictions between keys are refused here.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::error::ConfigError;
use super::layers::Layers;
use super::raw::{
    Raw, RawAuth, RawCache, RawChanges, RawDatabase, RawLaravel, RawLog, RawPresence, RawResolver, RawRouting, RawScope,
};
use super::resolved::{
    AuthConfig, CacheConfig, CacheStore, ChangesConfig, Config, Driver, LaravelConfig, LogConfig, LogFormat,
    PresenceConfig, ResolverConfig, RoutingConfig, ScopeConfig,
};
use super::rule::Rule;
use super::{database, edge, messaging, redis, webhook_keys};
use crate::laravel::cache_key::{Version, default_cache_prefix, default_redis_prefix, store_prefix};
use crate::laravel::crypt::Crypt;

type Resolved<T> = Result<T, ConfigError>;

/// The configuration these layers make together.
pub(super) fn resolve(raw: Raw, layers: &Layers) -> Resolved<Config> {
    let driver = driver(&raw.driver, layers)?;
    let cache = cache(&raw.cache, layers)?;
    let laravel = laravel(raw.laravel, cache.store, layers)?;
    let storage = PathBuf::from(raw.storage);
    let sections =
        messaging::Sections { messaging: raw.messaging, registration: raw.registration, messages: raw.messages };
    let redis_prefix = default_redis_prefix(laravel.version, &laravel.app_name);
    let (server, metrics) = edge::resolve(raw.server, &raw.metrics, layers)?;
    if cache.store == CacheStore::Database {
        same_connection(&raw.database, layers)?;
    }
    if storage.as_os_str().is_empty() {
        return Err(layers.refuse("storage", "must name a folder"));
    }
    Ok(Config {
        driver,
        database: database::resolve(raw.database, &storage, layers)?,
        storage,
        cache,
        redis: redis::resolve(raw.redis, layers, redis_prefix)?,
        laravel,
        presence: presence(&raw.presence, layers)?,
        changes: changes(&raw.changes, layers)?,
        messaging: messaging::resolve(sections, layers)?,
        webhook: webhook_keys::resolve(raw.webhook, driver, layers)?,
        routing: routing(raw.routing, layers)?,
        scope: scope(raw.scope, layers)?,
        auth: auth(raw.auth, layers)?,
        server,
        metrics,
        log: log(raw.log, layers)?,
    })
}

fn presence(raw: &RawPresence, layers: &Layers) -> Resolved<PresenceConfig> {
    let days: u64 = layers.number("presence.remember_days", raw.remember_days, 1..=3650)?;
    let pause = layers.number("presence.sweep_interval_ms", raw.sweep_interval_ms, 10..=60_000)?;
    Ok(PresenceConfig { remember: Duration::from_secs(days * 86_400), sweep_interval: Duration::from_millis(pause) })
}

fn changes(raw: &RawChanges, layers: &Layers) -> Resolved<ChangesConfig> {
    let hours: u64 = layers.number("changes.keep_hours", raw.keep_hours, 1..=8760)?;
    Ok(ChangesConfig { keep: Duration::from_secs(hours * 3600) })
}

fn driver(text: &str, layers: &Layers) -> Resolved<Driver> {
    match text {
        "cache" => Ok(Driver::Cache),
        "webhook" => Ok(Driver::Webhook),
        _ => Err(layers.refuse("driver", "must be cache or webhook")),
    }
}

fn cache(raw: &RawCache, layers: &Layers) -> Resolved<CacheConfig> {
    let ttl_seconds = layers.number("cache.ttl_seconds", raw.ttl_seconds, 1..=31_536_000)?;
    let away_after_seconds = layers.number("cache.away_after_seconds", raw.away_after_seconds, 1..=31_536_000)?;
    if away_after_seconds >= ttl_seconds {
        let ttl = layers.stated("cache.ttl_seconds");
        return Err(layers.refuse("cache.away_after_seconds", format!("must be below {ttl}")));
    }
    Ok(CacheConfig { store: store(&raw.store, layers)?, ttl_seconds, away_after_seconds })
}

fn store(text: &str, layers: &Layers) -> Resolved<CacheStore> {
    match text {
        "redis" => Ok(CacheStore::Redis),
        "array" => Ok(CacheStore::Array),
        "database" => Ok(CacheStore::Database),
        _ => Err(layers.refuse(
            "cache.store",
            "is no store that Laravel and the sidecar can share: set PRESENCE_CACHE_STORE to redis or database",
        )),
    }
}

/// The records of presence lie beside everything else: there is one database.
fn same_connection(raw: &RawDatabase, layers: &Layers) -> Resolved<()> {
    match raw.cache_connection.as_ref().is_none_or(|cache| *cache == raw.connection) {
        true => Ok(()),
        false => {
            let own = layers.stated("database.connection");
            Err(layers.refuse(
                "database.cache_connection",
                format!("is another database than that of {own}: unset it, or set PRESENCE_CACHE_STORE to redis"),
            ))
        }
    }
}

fn laravel(raw: RawLaravel, store: CacheStore, layers: &Layers) -> Resolved<LaravelConfig> {
    let version = raw.version.trim().parse::<Version>();
    let version = version.map_err(|_| layers.refuse("laravel.version", "must be a version such as 12 or 12.1"))?;
    let timezone = raw.timezone.parse();
    let timezone =
        timezone.map_err(|_| layers.refuse("laravel.timezone", "must be a time zone such as Europe/Berlin"))?;
    let prefix = raw.cache_prefix.clone().unwrap_or_else(|| default_cache_prefix(version, &raw.app_name));
    let cache_prefix = if store == CacheStore::Redis { store_prefix(version, &prefix) } else { prefix };
    let crypt = crypt(&raw, layers)?;
    Ok(LaravelConfig { version, app_name: raw.app_name, crypt, timezone, cache_prefix })
}

fn crypt(raw: &RawLaravel, layers: &Layers) -> Resolved<Option<Crypt>> {
    let cipher = layers.parse("laravel.cipher", &raw.cipher)?;
    let Some(key) = &raw.app_key else { return Ok(None) };
    let previous: Vec<&str> = raw.previous_keys.iter().map(String::as_str).collect();
    // Alone first, so that the error names the key that is wrong.
    Crypt::new(cipher, key, &[]).map_err(|error| layers.refuse("laravel.app_key", error))?;
    let crypt = Crypt::new(cipher, key, &previous).map_err(|error| layers.refuse("laravel.previous_keys", error))?;
    Ok(Some(crypt))
}

fn routing(raw: RawRouting, layers: &Layers) -> Resolved<RoutingConfig> {
    let prefix = raw.prefix.trim_matches('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    let fits = |part: &str| !part.is_empty() && part.chars().all(plain) && !matches!(part, "." | "..");
    if !prefix.is_empty() && !prefix.split('/').all(fits) {
        return Err(layers.refuse("routing.prefix", "may have letters, digits, - _ . ~ between its slashes"));
    }
    if prefix == "api/v1/presence" {
        return Err(layers.refuse("routing.prefix", "is the service API's own path"));
    }
    let throttle = match raw.throttle.is_empty() {
        true => None,
        false => Some(layers.parse("routing.throttle", &raw.throttle)?),
    };
    let register_heartbeat_route = raw.register_heartbeat_route;
    Ok(RoutingConfig { register_heartbeat_route, prefix: prefix.to_owned(), throttle })
}

fn scope(raw: RawScope, layers: &Layers) -> Resolved<ScopeConfig> {
    let mut domains = HashMap::new();
    for (host, domain) in raw.domains {
        if domain.is_empty() || domain.contains(|c: char| c == '|' || c.is_control()) {
            return Err(layers.refuse("scope.domains", format!("has no usable domain for {host:?}")));
        }
        if domains.insert(host.to_lowercase(), domain).is_some() {
            return Err(layers.refuse("scope.domains", format!("has {host:?} twice")));
        }
    }
    Ok(ScopeConfig { include_guard: raw.include_guard, resolver: resolver(&raw.resolver, layers)?, domains })
}

fn resolver(raw: &RawResolver, layers: &Layers) -> Resolved<ResolverConfig> {
    let rules = |part: &str, texts: &[String]| {
        let key = format!("scope.resolver.{part}");
        layers.parse_all(&key, texts, str::parse::<Rule>)
    };
    Ok(ResolverConfig {
        tenant: rules("tenant", &raw.tenant)?,
        location: rules("location", &raw.location)?,
        domain: rules("domain", &raw.domain)?,
        guard: rules("guard", &raw.guard)?,
    })
}

fn auth(raw: RawAuth, layers: &Layers) -> Resolved<AuthConfig> {
    Ok(AuthConfig {
        tokens: tokens("auth.tokens", raw.tokens.unwrap_or_default(), layers)?,
        user_token_secrets: tokens("auth.user_token_secrets", raw.user_token_secrets.unwrap_or_default(), layers)?,
    })
}

fn tokens(key: &str, texts: Vec<String>, layers: &Layers) -> Resolved<Vec<SecretString>> {
    match texts.iter().all(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())) {
        true => Ok(texts.into_iter().map(SecretString::from).collect()),
        false => Err(layers.refuse(key, "must have visible ASCII characters and no blanks in each entry")),
    }
}

fn log(raw: RawLog, layers: &Layers) -> Resolved<LogConfig> {
    if raw.filter.trim().is_empty() {
        return Err(layers.refuse("log.filter", "must be a level such as info, or a filter"));
    }
    let format = match raw.format.as_str() {
        "text" => LogFormat::Text,
        "json" => LogFormat::Json,
        _ => return Err(layers.refuse("log.format", "must be text or json")),
    };
    Ok(LogConfig { filter: raw.filter, format })
}
