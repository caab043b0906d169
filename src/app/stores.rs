//! Builds the stores of the configuration.

use std::sync::Arc;
use std::time::Duration;

use super::error::BuildError;
use super::redis_servers::{invalid_redis, redis_servers};
use super::tables::{schema, table_names};
use crate::config;
use crate::config::Config;
use crate::presence::domain::Outbox;
use crate::presence::store::redis::{MoveOptions, Resharder};
use crate::presence::store::{ArrayStore, PresenceStore, RedisOptions, RedisStore, SqlOptions, SqlStore, own_prefixes};
use crate::queue::{MemoryQueue, Queue, RedisQueue, SqlQueue};
use crate::storage::redis::Confirmation;
use crate::storage::sql::Database;

/// The least timeout of a command while keys are moved: nobody waits for it, and a page is large.
const MOVE_TIMEOUT: Duration = Duration::from_secs(10);

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
                let queue = Arc::new(redis_queue(config, Some(&store))?);
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

/// The queues in Redis, not connected yet. `presence` is the store in the same Redis: jobs are not moved into another number
/// of shards while one of the two is written.
pub(super) fn redis_queue(config: &Config, presence: Option<&RedisStore>) -> Result<RedisQueue, BuildError> {
    let prefixes = own_prefixes(&prefix(config), config.redis.shards);
    let queue = RedisQueue::new(&redis_servers(config)?, config.redis.timeout, prefixes).map_err(invalid_redis)?;
    Ok(match presence {
        Some(presence) => queue.with_layout(presence.layout()),
        None => queue,
    })
}

/// The presence store in Redis, not connected yet, without an outbox.
///
/// # Errors
/// The address is invalid.
pub fn redis_store(config: &Config) -> Result<RedisStore, BuildError> {
    RedisStore::new(redis_options(config, Outbox::default())?).map_err(invalid_redis)
}

/// Moves the keys in Redis into another number of shards; not connected yet.
///
/// # Errors
/// The address is invalid.
pub fn resharder(config: &Config) -> Result<Resharder, BuildError> {
    let timeout = config.redis.timeout.max(MOVE_TIMEOUT);
    let confirmation = Confirmation::new(config.redis.wait_replicas, timeout);
    Resharder::new(MoveOptions {
        servers: redis_servers(config)?.with_confirmation(confirmation),
        prefix: prefix(config),
        include_guard: config.scope.include_guard,
        timeout,
    })
    .map_err(invalid_redis)
}

/// Redis prefix and cache prefix, as Laravel prepends them to a logical key.
pub(super) fn prefix(config: &Config) -> String {
    format!("{}{}", config.redis.prefix, config.laravel.cache_prefix)
}

fn redis_options(config: &Config, outbox: Outbox) -> Result<RedisOptions, BuildError> {
    Ok(RedisOptions {
        servers: redis_servers(config)?,
        cache_db: config.redis.cache_db,
        prefix: prefix(config),
        shards: config.redis.shards,
        zone: config.laravel.timezone,
        timeout: config.redis.timeout,
        outbox,
    })
}
