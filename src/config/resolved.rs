//! The configuration the program sees: every value parsed, every contradiction refused.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;

use super::database::DatabaseConfig;
use super::listen::Listen;
use super::messaging::MessagingConfig;
use super::redis::RedisConfig;
use super::rule::Rule;
use super::throttle::RateLimit;
use super::webhook::WebhookConfig;
use crate::laravel::cache_key::Version;
use crate::laravel::crypt::Crypt;

/// The whole configuration. Only [`load`](super::load) makes one, so its parts agree with each other.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What a transition does besides being recorded.
    pub driver: Driver,
    /// The folder of the sidecar's own files, relative to the working directory unless absolute.
    pub storage: PathBuf,
    /// Where presence is kept, and for how long a heartbeat counts.
    pub cache: CacheConfig,
    /// The RedisConfig server, resolved even when the store is another one.
    pub redis: RedisConfig,
    /// The database of clients and messages, and of presence if it is kept there.
    pub database: DatabaseConfig,
    /// What the LaravelConfig app says about itself.
    pub laravel: LaravelConfig,
    /// Upkeep of presence.
    pub presence: PresenceConfig,
    /// The change log.
    pub changes: ChangesConfig,
    /// The signed posts to the app.
    pub webhook: WebhookConfig,
    /// Sealed messages for clients that poll.
    pub messaging: MessagingConfig,
    /// The browsers' heartbeat route.
    pub routing: RoutingConfig,
    /// How a request finds its tenant, location, domain and guard.
    pub scope: ScopeConfig,
    /// Who may call.
    pub auth: AuthConfig,
    /// The listeners and their limits.
    pub server: ServerConfig,
    /// The metrics endpoint.
    pub metrics: MetricsConfig,
    /// Logging.
    pub log: LogConfig,
}

impl Config {
    /// The environment names of the secrets that nobody has set and that the first start generates.
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
}

/// `driver` of presence.php.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// PresenceConfig is kept, nothing is posted.
    Cache,
    /// PresenceConfig is kept, and transitions are posted to [`WebhookConfig::endpoints`].
    Webhook,
}

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

/// A cache store that LaravelConfig and the sidecar can both use, or `array` of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheStore {
    /// Memory of this process, gone when it ends.
    Array,
    /// RedisConfig, shared with LaravelConfig and other replicas.
    Redis,
    /// The `cache` table of the app's database.
    Database,
}

/// `[laravel]`: what decides the physical keys.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LaravelConfig {
    /// The version of the app, which picks the style of the default prefixes.
    pub version: Version,
    /// `APP_NAME`.
    pub app_name: String,
    /// What `APP_KEY` and `APP_PREVIOUS_KEYS` encrypt and decrypt; none before the first start has generated a key.
    pub crypt: Option<Crypt>,
    /// `APP_TIMEZONE`: the offset that is written into presence records.
    pub timezone: chrono_tz::Tz,
    /// The cache prefix as the store puts it in front of a key, so with the `:` of LaravelConfig 10 and older in RedisConfig.
    pub cache_prefix: String,
}

/// `[presence]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PresenceConfig {
    /// How long `last_online_at` is kept after a user went offline.
    pub remember: Duration,
    /// The pause between two looks for users that are due to be away or offline.
    pub sweep_interval: Duration,
}

/// `[changes]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChangesConfig {
    /// How long a transition stays in the change log.
    pub keep: Duration,
}

/// `[routing]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RoutingConfig {
    /// Whether `POST /{prefix}/heartbeat` exists.
    pub register_heartbeat_route: bool,
    /// Path in front of `heartbeat`, without slashes at its ends; may be empty.
    pub prefix: String,
    /// The limit of the heartbeat route per user, `None` for no limit.
    pub throttle: Option<RateLimit>,
}

/// `[scope]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScopeConfig {
    /// Whether the guard is a part of the cache key.
    pub include_guard: bool,
    /// The rules of each part.
    pub resolver: ResolverConfig,
    /// Host name to `domain` value, for the rule `host`; the host names are in lower case.
    pub domains: HashMap<String, String>,
}

/// `[scope.resolver]`: per part the rules in order; the first that yields a value wins.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResolverConfig {
    /// Rules of the tenant.
    pub tenant: Vec<Rule>,
    /// Rules of the location.
    pub location: Vec<Rule>,
    /// Rules of the domain.
    pub domain: Vec<Rule>,
    /// Rules of the guard.
    pub guard: Vec<Rule>,
}

/// `[auth]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthConfig {
    /// The service tokens, any of which is valid; empty before the first start has generated one.
    pub tokens: Vec<SecretString>,
    /// The HS256 secrets of user tokens, the first signs; empty means that the service tokens do it.
    pub user_token_secrets: Vec<SecretString>,
}

/// `[server]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Where to listen: at least one, none twice.
    pub listen: Vec<Listen>,
    /// Connections that may be open at once, over all listeners.
    pub max_connections: usize,
    /// Threads for requests; 0 means half of the machine's cores.
    pub workers: usize,
    /// Time for a request's head to arrive.
    pub header_timeout: Duration,
    /// Time for a request's body to arrive.
    pub body_timeout: Duration,
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// Time for open requests to end after SIGTERM.
    pub shutdown_timeout: Duration,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// BrowserApi origins that may call the user routes: exact origins, or `*` alone.
    pub allowed_origins: Vec<String>,
}

/// `[metrics]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MetricsConfig {
    /// Listeners that serve `/metrics` alone; empty serves it on the main listeners.
    pub listen: Vec<Listen>,
}

/// `[log]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogConfig {
    /// A filter as `RUST_LOG` knows it.
    pub filter: String,
    /// How a line is written.
    pub format: LogFormat,
}

/// `log.format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
