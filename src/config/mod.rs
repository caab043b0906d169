//! Configuration: raw layers in, one resolved [`Config`] out.
//!
//! Later layers win: the compiled-in manual (`config/presence.toml`), `secrets.env` in the storage folder, the TOML
//! file, the LaravelConfig app's `.env`, the process environment, flags. Each layer is checked against the manual as it comes in, so
//! a misspelt key is blamed on the file that has it. Then the merged layers are read as `Raw`, and `Raw` is resolved
//! into types that cannot contradict each other. Nobody outside sees `Raw`, and no value is checked again later.
//!
//! Read [`resolved`] for what the program sees, `names` for environment names, `manual` for the schema.

mod check;
mod database;
mod describe;
mod edge;
mod environment;
mod error;
mod layers;
mod listen;
mod manual;
mod messaging;
mod names;
mod network;
mod printed;
mod raw;
mod redis;
mod resolve;
pub mod resolved;
mod rule;
pub mod secrets;
mod sources;
mod throttle;
mod warnings;
mod webhook;
mod webhook_keys;

use std::path::PathBuf;

pub use self::database::{DatabaseConfig, DatabaseConnection, DatabaseServer, SslMode};
pub use self::error::ConfigError;
pub use self::listen::Listen;
pub use self::messaging::{FanoutQueue, MessagingConfig, MessagingLimits, Tables};
pub use self::names::{Alias, aliases};
pub use self::redis::{RedisConfig, RedisEndpoint};
pub use self::resolved::{
    AuthConfig, CacheConfig, CacheStore, ChangesConfig, Config, Driver, LaravelConfig, LogConfig, LogFormat,
    MetricsConfig, PresenceConfig, ResolverConfig, RoutingConfig, ScopeConfig, ServerConfig,
};
pub use self::rule::Rule;
pub use self::throttle::RateLimit;
pub use self::webhook::{Algo, EndpointConfig, SendOn, WebhookConfig};
pub use crate::egress::Network;

/// Where configuration may come from, besides what is compiled in.
#[derive(Clone, Default)]
pub struct Sources {
    /// The TOML file (`--config`).
    pub file: Option<PathBuf>,
    /// The root folder of the LaravelConfig app whose `.env` is read (`--laravel`).
    pub laravel: Option<PathBuf>,
    /// The process environment, handed in so that nothing here reads it.
    pub environment: Vec<(String, String)>,
    /// What the command line says.
    pub flags: Flags,
}

/// The flags that override configuration.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--listen`: a comma list, as `PRESENCE_LISTEN`.
    pub listen: Option<String>,
}

/// A configuration and how it came about.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the program runs with.
    pub config: Config,
    /// Every key that has a value, in the manual's order.
    pub origins: Vec<Origin>,
    /// What is allowed but probably not meant; one sentence each.
    pub warnings: Vec<String>,
}

/// One key's value and the layer it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The dotted key, such as `cache.ttl_seconds`.
    pub key: String,
    /// The value as TOML, secrets masked.
    pub value: String,
    /// Such as `default`, a path, `.env of /app`, `environment PRESENCE_TTL`, `flag --listen`.
    pub layer: String,
}

/// Reads all sources and resolves them. It writes nothing and opens no connection.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let (layers, mut warnings) = sources::read(sources)?;
    let config = resolve::resolve(layers.raw()?, &layers)?;
    warnings.extend(warnings::of(&config, &layers));
    Ok(Loaded { origins: describe::origins(&config, &layers), config, warnings })
}

impl Loaded {
    /// The resolved configuration as people read it: a key a line, its layer in a comment behind it, secrets masked.
    pub fn describe(&self) -> String {
        describe::listing(&self.origins)
    }
}
