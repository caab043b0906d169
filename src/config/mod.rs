//! Configuration: raw layers in, one resolved [`Config`] out.
//!
//! Later layers win: the compiled-in defaults (`config/presence.toml`), `secrets.env` in the storage folder, the TOML
//! file, the Laravel app's `.env`, the process environment, flags. Each layer is checked against the schema when it is
//! added, so an error about a misspelt key names the file that has it. The merged layers are deserialized as `Raw...`
//! types, and each section resolves its own into a type whose values are parsed and consistent. The rest of the program
//! never sees a raw type and never checks a value again.
//!
//! Each section has a file with its type, its raw form and `resolve`; `layers` has everything that is not about one
//! section: the schema, the environment names, the merge, the listing of `presence-sidecar config`.

mod admin;
mod auth;
mod broadcast;
mod cache;
mod database;
mod host_port;
mod laravel;
mod layers;
mod log;
mod messaging;
mod network;
mod otlp;
mod presence;
pub mod private_files;
mod redis;
mod reload;
mod rotation;
mod routing;
mod scope;
pub mod secrets;
mod server;
mod socket;
mod stream;
mod warnings;
mod webhook;

use std::path::PathBuf;

use serde::Deserialize;

pub use self::admin::AdminConfig;
pub use self::auth::AuthConfig;
pub use self::broadcast::{BROADCAST_QUEUE, BroadcastConfig, BroadcastKind, BroadcastServer};
pub use self::cache::{CacheConfig, CacheStore};
pub use self::database::{DatabaseConfig, DatabaseConnection, DatabaseHost, DatabaseServer, SslMode};
pub use self::laravel::LaravelConfig;
pub use self::layers::aliases::{Alias, aliases};
pub use self::layers::describe::Origin;
use self::layers::digest::KeyDigests;
pub use self::layers::error::ConfigError;
pub use self::layers::sources::{Flags, Sources};
use self::layers::{Layers, Result, describe, sources};
pub use self::log::{LogConfig, LogFormat};
pub use self::messaging::{FanoutQueue, MessagingConfig, MessagingLimits, MessagingTables};
pub use self::otlp::OtlpConfig;
pub use self::presence::{ChangesConfig, PresenceConfig};
pub use self::redis::{RedisConfig, RedisEndpoint, RedisHost, RedisTls, SentinelConfig};
pub use self::reload::ConfigChanges;
pub use self::rotation::{RotatingSecret, rotate};
pub use self::routing::{RateLimit, RoutingConfig};
pub use self::scope::{ResolverConfig, Rule, ScopeConfig};
pub use self::server::{Listen, MetricsConfig, ServerConfig, TlsFiles};
pub use self::socket::SocketAccess;
pub use self::stream::StreamConfig;
pub use self::webhook::{Algo, Driver, EndpointConfig, SendOn, SigningSecret, WebhookConfig};
pub use crate::egress::Network;

/// The whole configuration. Only [`load`] creates one, so its parts are consistent with each other.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Whether transitions are posted as webhooks.
    pub driver: Driver,
    /// The folder of the sidecar's own files; a relative path starts at the working directory.
    pub storage: PathBuf,
    /// The store of presence, and the time after which a heartbeat expires.
    pub cache: CacheConfig,
    /// The Redis server; resolved even if nothing is stored in Redis.
    pub redis: RedisConfig,
    /// The database of clients and messages, and of presence if it is stored there.
    pub database: DatabaseConfig,
    /// The settings of the Laravel app that decide keys, encryption and times.
    pub laravel: LaravelConfig,
    /// Retention and sweeps of presence records.
    pub presence: PresenceConfig,
    /// The change log.
    pub changes: ChangesConfig,
    /// Limits of the streams of the change log.
    pub stream: StreamConfig,
    /// The signed webhooks to the app.
    pub webhook: WebhookConfig,
    /// The server that changes are published to for browsers.
    pub broadcast: BroadcastConfig,
    /// Encrypted messages for clients that poll.
    pub messaging: MessagingConfig,
    /// The heartbeat route for browsers.
    pub routing: RoutingConfig,
    /// How the tenant, location, domain and guard of a request are found.
    pub scope: ScopeConfig,
    /// Service tokens and the secrets of user tokens.
    pub auth: AuthConfig,
    /// The listeners and their limits.
    pub server: ServerConfig,
    /// The metrics endpoint.
    pub metrics: MetricsConfig,
    /// The operators' page.
    pub admin: AdminConfig,
    /// Logging.
    pub log: LogConfig,
    /// The export of spans.
    pub otlp: OtlpConfig,
}

/// The merged layers as serde reads them: the shape of the TOML file.
///
/// An `Option` is a key without a default; all defaults are in `config/presence.toml`. No raw type is `Debug`, because
/// secrets are plain text until they are resolved.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    driver: String,
    storage: String,
    cache: cache::RawCache,
    redis: redis::RawRedis,
    database: database::RawDatabase,
    laravel: laravel::RawLaravel,
    presence: presence::RawPresence,
    changes: presence::RawChanges,
    stream: stream::RawStream,
    webhook: webhook::RawWebhook,
    broadcast: broadcast::RawBroadcast,
    messaging: messaging::RawMessaging,
    registration: messaging::RawRegistration,
    messages: messaging::RawMessages,
    routing: routing::RawRouting,
    scope: scope::RawScope,
    auth: auth::RawAuth,
    server: server::RawServer,
    metrics: server::RawMetrics,
    admin: admin::RawAdmin,
    log: log::RawLog,
    otlp: otlp::RawOtlp,
}

/// A configuration, and where its values come from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the program runs with.
    pub config: Config,
    /// Every key that has a value, in the order of `config/presence.toml`.
    pub origins: Vec<Origin>,
    /// What is allowed but probably not intended; one sentence each.
    pub warnings: Vec<String>,
    digests: KeyDigests,
}

/// Reads all sources and resolves them. Writes nothing and opens no connection.
///
/// # Errors
/// The first value that cannot be used, with its key and its source.
pub fn load(sources: &Sources) -> Result<Loaded> {
    let (layers, mut warnings) = sources::read(sources)?;
    let config = Config::resolve(layers.extract()?, &layers)?;
    warnings.extend(config.warnings(&layers));
    let origins = describe::origins(&config.redis, &config.database, &config.laravel, &layers);
    Ok(Loaded { origins, config, warnings, digests: KeyDigests::of(&layers) })
}

impl Loaded {
    /// The resolved configuration as a listing: one key per line, its layer in a comment after it, secrets masked.
    pub fn describe(&self) -> String {
        describe::listing(&self.origins)
    }
}

impl Config {
    /// The environment names of the secrets that are not set, which the first start generates.
    pub fn missing_secrets(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.auth.tokens.is_empty() {
            missing.push("PRESENCE_TOKEN");
        }
        if self.messaging.enabled && self.laravel.crypt.is_none() {
            missing.push("APP_KEY");
        }
        missing
    }

    /// Resolves each section, and rejects sections that contradict each other.
    fn resolve(raw: Raw, layers: &Layers) -> Result<Self> {
        let driver = layers.parse_word("driver", &raw.driver, &Driver::WORDS)?;
        let cache = cache::resolve(&raw.cache, layers)?;
        let laravel = laravel::resolve(raw.laravel, cache.store, layers)?;
        let configured = PathBuf::from(raw.storage);
        if cache.store == CacheStore::Database {
            database::check_cache_connection(&raw.database, layers)?;
        }
        if configured.as_os_str().is_empty() {
            return Err(layers.error_at("storage", "must name a folder"));
        }
        let storage = private_files::storage_folder(&configured);
        let (server, metrics) = server::resolve(raw.server, &raw.metrics, layers)?;
        let webhook = webhook::resolve(raw.webhook, driver, layers)?;
        Ok(Self {
            driver,
            database: database::resolve(raw.database, &storage, layers)?,
            storage,
            cache,
            redis: redis::resolve(raw.redis, laravel.default_redis_prefix(), layers)?,
            laravel,
            presence: presence::resolve(&raw.presence, layers)?,
            changes: presence::resolve_changes(&raw.changes, layers)?,
            stream: stream::resolve(&raw.stream, layers)?,
            messaging: messaging::resolve(raw.messaging, raw.registration, &raw.messages, layers)?,
            broadcast: broadcast::resolve(raw.broadcast, &webhook, layers)?,
            webhook,
            routing: routing::resolve(raw.routing, layers)?,
            scope: scope::resolve(raw.scope, layers)?,
            auth: auth::resolve(raw.auth, layers)?,
            server,
            metrics,
            admin: admin::resolve(&raw.admin),
            log: log::resolve(raw.log, layers)?,
            otlp: otlp::resolve(raw.otlp, layers)?,
        })
    }

    /// What is allowed but probably not intended.
    fn warnings(&self, layers: &Layers) -> Vec<String> {
        let mut found = warnings::webhook(self.driver, &self.webhook, layers);
        found.extend(self.broadcast.incomplete.clone());
        found.extend(warnings::short_secrets(&self.auth, &self.messaging));
        found.extend(warnings::unused_redis(self.cache.store, layers));
        found.extend(warnings::guard_left_out(&self.scope, self.cache.store));
        found.extend(warnings::example_tokens(&self.messaging));
        found.extend(warnings::shared_redis_database(&self.redis, self.cache.store, &self.messaging));
        found.extend(warnings::dropped_letters(&self.laravel, self.cache.store, layers));
        found.extend(log::warnings(&self.log));
        found.extend(otlp::warning(&self.otlp));
        found.extend(messaging::queue_warning(layers).filter(|_| self.messaging.enabled));
        found
    }
}
