//! The composition root: configuration -> stores -> services -> routes and workers; and [`run`], the program itself.

mod error;
mod presence;
mod routes;
mod stored_keys;
mod stores;
mod tables;
mod webhooks;
mod workers;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use poem::{Route, get};
use serde_json::Value;

pub use self::error::BuildError;
use self::presence::PresenceModule;
pub use self::routes::Router;
use self::routes::{Apis, Readiness, scrape};
pub use self::stored_keys::sample_stored_keys;
use self::stores::{Stores, redis_queue};
pub use self::stores::{redis_store, sql_store};
use self::tables::Tables;
pub use self::tables::{schema, table_names};
pub use self::workers::{Workers, run};
use crate::config::{Config, FanoutQueue};
use crate::http::listener;
use crate::http::middleware::Middleware;
use crate::messaging;
use crate::messaging::Messaging;
use crate::messaging::worker::Retention;
use crate::queue::{Queue, SqlQueue};
use crate::storage::sql::Database;
use crate::telemetry::Registry;

/// A sidecar, built from a configuration but not running yet.
pub struct App {
    /// The routes, within the middleware.
    pub routes: Middleware<Router>,
    /// The routes of the metrics listener, if there is one.
    pub metrics: Option<Route>,
    /// The OpenAPI document.
    pub document: Value,
    /// The background tasks.
    pub workers: Workers,
    limits: listener::ServerLimits,
}

impl App {
    /// Builds a sidecar. It connects to no store: a store that is down does not prevent the start.
    ///
    /// # Errors
    /// An address or a combination of values that cannot be served.
    pub fn build(config: &Config) -> Result<Self, BuildError> {
        let registry = Arc::new(Registry::new());
        let outbox = webhooks::outbox(config);
        let stores = Stores::of(config, outbox.clone())?;
        let database = Database::open(&config.database);
        let presence = PresenceModule::build(config, &stores, outbox, &registry);
        let deliveries = webhooks::workers(config, &stores, &presence, &registry)?;
        let (messaging, poll_batcher) = build_messaging(config, &database, &registry)?.unzip();
        let apis = Apis {
            presence: presence.apis(config),
            webhooks: webhooks::api(config, &stores),
            clients: messaging::api::Api::new(messaging.clone(), &config.messaging),
            operators: messaging::api::Operators::new(messaging.clone()),
        };
        let readiness = Readiness { presence: presence.service.clone(), messaging: messaging.clone() };
        let (routes, document) = routes::build(config, apis, readiness, &registry);
        let workers = Workers {
            presence: presence.workers,
            redis: stores.redis,
            database: stores.database,
            tables: Tables::of(config, database),
            deliveries,
            messaging,
            retention: Retention { acknowledged: config.messaging.keep_acked, all: config.messaging.keep },
            poll_batcher,
            registry: registry.clone(),
        };
        Ok(Self { routes, metrics: metrics_routes(config, registry), document, workers, limits: limits(config) })
    }
}

fn metrics_routes(config: &Config, registry: Arc<Registry>) -> Option<Route> {
    (!config.metrics.listen.is_empty()).then(|| Route::new().at("/metrics", get(scrape(registry))))
}

fn limits(config: &Config) -> listener::ServerLimits {
    listener::ServerLimits {
        connections: config.server.max_connections,
        header_timeout: config.server.header_timeout,
        shutdown_timeout: config.server.shutdown_timeout,
    }
}

/// The messaging service, and the batcher of its polls.
type MessagingModule = (Arc<Messaging>, BoxFuture<'static, ()>);

/// Builds messaging, if it is enabled and there is a key.
fn build_messaging(
    config: &Config,
    database: &Database,
    registry: &Registry,
) -> Result<Option<MessagingModule>, BuildError> {
    let Some(crypt) = config.laravel.crypt.clone().filter(|_| config.messaging.enabled) else { return Ok(None) };
    let (database, names) = (database.clone(), table_names(config));
    let queue: Option<Arc<dyn Queue>> = match config.messaging.queue {
        FanoutQueue::Sync => None,
        FanoutQueue::Database => Some(Arc::new(SqlQueue::new(database.clone(), &names))),
        FanoutQueue::Redis => Some(Arc::new(redis_queue(config)?)),
    };
    let options = messaging::MessagingOptions {
        database,
        names,
        crypt,
        zone: config.laravel.timezone,
        max_recipients: config.messaging.max_recipients,
        bcrypt_cost: config.messaging.bcrypt_cost,
        replace_lost_keys: config.messaging.replace_lost_keys,
        queue,
        metrics: messaging::Metrics::new(registry),
    };
    let (service, poll_batcher) = Messaging::new(options);
    Ok(Some((Arc::new(service), poll_batcher)))
}
