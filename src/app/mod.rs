//! The composition root: configuration -> stores -> services -> routes and workers; and the program itself, [`run`].

mod presence;
mod routes;
mod stores;
mod tables;
mod webhooks;
mod workers;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use poem::{Route, get};
use serde_json::Value;

pub use self::routes::Router;
use self::routes::{Apis, Readiness, scrape};
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

/// Everything that a running sidecar consists of, put together but not yet running.
pub struct App {
    /// All routes, with the edge around them.
    pub routes: Middleware<Router>,
    /// The routes of the metrics listener, if there is one.
    pub metrics: Option<Route>,
    /// The OpenAPI document.
    pub document: Value,
    /// What works beside the requests.
    pub workers: Workers,
    limits: listener::ServerLimits,
}

/// Why a configuration could not be put to work.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(String);

impl App {
    /// Puts a sidecar together. Nothing is connected to yet; a store that is down does not stop the start.
    ///
    /// # Errors
    /// A combination this version cannot serve.
    pub fn build(config: &Config) -> Result<Self, BuildError> {
        let registry = Arc::new(Registry::new());
        let outbox = webhooks::outbox(config);
        let stores = Stores::of(config, outbox.clone())?;
        let database = Database::open(&config.database);
        let presence = presence::wing(config, &stores, outbox, &registry);
        let deliveries = webhooks::deliveries(config, &stores, &presence, &registry)?;
        let (messaging, asking) = messaging(config, &database, &registry)?.unzip();
        let apis = Apis {
            presence: presence.api(config),
            browser: presence.browser(config),
            webhooks: webhooks::api(config, &stores),
            clients: messaging::api::Api::new(messaging.clone(), &config.messaging),
            operators: messaging::api::Operators::new(messaging.clone()),
        };
        let ground = Readiness { presence: presence.service.clone(), messaging: messaging.clone() };
        let (routes, document) = routes::all(config, apis, ground, &registry);
        let metrics =
            (!config.metrics.listen.is_empty()).then(|| Route::new().at("/metrics", get(scrape(registry.clone()))));
        let workers = Workers {
            presence: presence.workers,
            redis: stores.redis,
            database: stores.database,
            tables: Tables::of(config, database),
            deliveries,
            messaging,
            retention: Retention { acknowledged: config.messaging.keep_acked, all: config.messaging.keep },
            asking,
            registry,
        };
        let limits = listener::ServerLimits {
            connections: config.server.max_connections,
            header_timeout: config.server.header_timeout,
            shutdown_timeout: config.server.shutdown_timeout,
        };
        Ok(Self { routes, metrics, document, workers, limits })
    }
}

/// The messaging service, and who asks for all who poll.
type Wing = (Arc<Messaging>, BoxFuture<'static, ()>);

/// The messaging wing, if it is wanted and there is a key.
fn messaging(config: &Config, database: &Database, registry: &Registry) -> Result<Option<Wing>, BuildError> {
    let Some(crypt) = config.laravel.crypt.clone().filter(|_| config.messaging.enabled) else { return Ok(None) };
    let (database, names) = (database.clone(), table_names(config));
    let queue: Option<Arc<dyn Queue>> = match config.messaging.queue {
        FanoutQueue::Sync => None,
        FanoutQueue::Database => Some(Arc::new(SqlQueue::new(database.clone(), &names))),
        FanoutQueue::Redis => Some(Arc::new(redis_queue(config)?)),
    };
    let ground = messaging::MessagingOptions {
        database,
        names,
        crypt,
        zone: config.laravel.timezone,
        max_recipients: config.messaging.max_recipients,
        bcrypt_cost: config.messaging.bcrypt_cost,
        queue,
        metrics: messaging::Metrics::new(registry),
    };
    let (service, asking) = Messaging::new(ground);
    Ok(Some((Arc::new(service), asking)))
}
