//! Builds the stores of the configuration.

use std::sync::Arc;

use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, TlsCertificates,
};
use secrecy::ExposeSecret;

use super::error::BuildError;
use super::tables::{schema, table_names};
use crate::config;
use crate::config::{Config, RedisEndpoint, RedisTls};
use crate::presence::domain::Outbox;
use crate::presence::store::{ArrayStore, PresenceStore, RedisOptions, RedisStore, SqlOptions, SqlStore, own_prefix};
use crate::queue::{MemoryQueue, Queue, RedisQueue, SqlQueue};
use crate::storage::Unavailable;
use crate::storage::sql::Database;

/// The presence store, and the queues of webhooks in the same place.
pub(super) struct Stores {
    pub(super) store: Arc<dyn PresenceStore>,
    pub(super) queue: Arc<dyn Queue>,
    pub(super) redis: Option<Arc<RedisStore>>,
    pub(super) database: Option<Database>,
}

impl Stores {
    pub(super) fn of(config: &Config, outbox: Outbox) -> Result<Self, BuildError> {
        if !schema(config).is_empty() {
            config.database.check_files().map_err(BuildError)?;
        }
        match config.cache.store {
            config::CacheStore::Array => {
                let queue = Arc::new(MemoryQueue::new());
                let store = Arc::new(ArrayStore::new(queue.clone(), outbox));
                Ok(Self { store, queue, redis: None, database: None })
            }
            config::CacheStore::Redis => {
                let store = Arc::new(RedisStore::new(redis_options(config, outbox)?).map_err(invalid_redis)?);
                let queue = Arc::new(redis_queue(config)?);
                Ok(Self { store: store.clone(), queue, redis: Some(store), database: None })
            }
            config::CacheStore::Database => {
                let database = Database::open_relaxed(&config.database);
                let store = Arc::new(SqlStore::new(sql_options(config, database.clone(), outbox)));
                let queue = Arc::new(SqlQueue::new(database.clone(), &table_names(config)));
                Ok(Self { store, queue, redis: None, database: Some(database) })
            }
        }
    }
}

/// The presence store in the database, not connected yet, without an outbox.
pub fn sql_store(config: &Config) -> SqlStore {
    SqlStore::new(sql_options(config, Database::open(&config.database), Outbox::default()))
}

fn sql_options(config: &Config, database: Database, outbox: Outbox) -> SqlOptions {
    SqlOptions {
        database,
        names: table_names(config),
        prefix: config.laravel.cache_prefix.clone(),
        version: config.laravel.version,
        zone: config.laravel.timezone,
        outbox,
    }
}

/// The queues in Redis, not connected yet.
pub(super) fn redis_queue(config: &Config) -> Result<RedisQueue, BuildError> {
    RedisQueue::new(redis_server(config)?, config.redis.timeout, own_prefix(&prefix(config))).map_err(invalid_redis)
}

/// The presence store in Redis, not connected yet, without an outbox.
///
/// # Errors
/// The address is invalid.
pub fn redis_store(config: &Config) -> Result<RedisStore, BuildError> {
    RedisStore::new(redis_options(config, Outbox::default())?).map_err(invalid_redis)
}

fn invalid_redis(error: Unavailable) -> BuildError {
    BuildError(format!("redis: {}", error.reason()))
}

/// Redis prefix and cache prefix, as Laravel prepends them to a logical key.
pub(super) fn prefix(config: &Config) -> String {
    format!("{}{}", config.redis.prefix, config.laravel.cache_prefix)
}

fn redis_options(config: &Config, outbox: Outbox) -> Result<RedisOptions, BuildError> {
    Ok(RedisOptions {
        connection: redis_server(config)?,
        cache_db: config.redis.cache_db,
        prefix: prefix(config),
        zone: config.laravel.timezone,
        timeout: config.redis.timeout,
        outbox,
    })
}

/// Address, credentials and the database of the sidecar's own keys.
fn redis_server(config: &Config) -> Result<ConnectionInfo, BuildError> {
    let redis = &config.redis;
    let address = match &redis.endpoint {
        RedisEndpoint::Tcp { host, port, tls: false } => ConnectionAddr::Tcp(host.clone(), *port),
        RedisEndpoint::Tcp { host, port, tls: true } => {
            ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None }
        }
        RedisEndpoint::Unix(path) => ConnectionAddr::Unix(path.clone()),
    };
    let mut settings = RedisConnectionInfo::default().set_db(redis.db);
    if let Some(username) = &redis.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = &redis.password {
        settings = settings.set_password(password.expose_secret());
    }
    let invalid = |error: redis::RedisError| BuildError(format!("redis: {error}"));
    let server = address.into_connection_info().map_err(invalid)?.set_redis_settings(settings);
    let RedisTls { ca, client } = redis.tls.clone();
    if ca.is_none() && client.is_none() {
        return Ok(server);
    }
    let client_tls = client.map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key });
    let certificates = TlsCertificates { client_tls, root_cert: ca };
    let client = Client::build_with_tls(server, certificates);
    Ok(client.map_err(invalid)?.get_connection_info().clone())
}
