//! The composition root: configuration -> stores -> services -> routes and workers; and [`run`], the program itself.

mod app_migrations;
mod broadcast;
pub mod checks;
mod deliveries;
mod erasure;
mod error;
mod live;
mod monitor;
mod operations;
mod presence;
mod redis_servers;
mod routes;
mod stored_keys;
mod stores;
mod supervisor;
mod tables;
mod telemetry;
mod webhooks;
mod workers;

use std::sync::Arc;

use poem::{Route, get};
use serde_json::Value;

use self::deliveries::DeliveryWorkers;
pub use self::erasure::{client_ids, erase_clients, erase_user};
pub use self::error::BuildError;
pub use self::live::LiveSettings;
use self::monitor::Monitor;
use self::operations::OperationsApi;
use self::presence::PresenceModule;
pub use self::routes::Router;
use self::routes::{Apis, Readiness, scrape};
pub use self::stored_keys::sample_stored_keys;
use self::stores::{Stores, redis_queue};
pub use self::stores::{redis_store, resharder, sql_store};
pub use self::supervisor::{Supervisor, WorkerFailure};
use self::tables::Tables;
pub use self::tables::{schema, statements, table_names, whole_schema};
use self::telemetry::{TelemetryWorkers, registry, spans};
pub use self::workers::{Workers, run};
use crate::config::{Config, FanoutQueue, Loaded, ServerConfig};
use crate::http::budget::MemoryBudget;
use crate::http::listener;
use crate::http::middleware::Middleware;
use crate::messaging;
use crate::messaging::Messaging;
use crate::messaging::worker::Retention;
use crate::queue::{Queue, SqlQueue};
use crate::storage::batch::NamedTasks;
use crate::storage::sql::Database;
use crate::telemetry::{Registry, catalog};

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
    /// The settings that can be replaced while it runs.
    pub live: LiveSettings,
    limits: listener::ServerLimits,
}

impl App {
    /// Builds a sidecar. It connects to no store: a store that is down does not prevent the start.
    ///
    /// # Errors
    /// An address, a file or a combination of values that cannot be served.
    pub fn build(loaded: &Loaded) -> Result<Self, BuildError> {
        let config = &loaded.config;
        let registry = registry(config);
        let live = LiveSettings::new(loaded)?;
        let stores = Stores::of(config, webhooks::outbox(config))?;
        let database = Database::open(&config.database);
        let presence = PresenceModule::build(config, &stores, live.outbox.clone(), &registry);
        let (spans, span_exporter) = spans(config, &registry)?;
        let deliveries = DeliveryWorkers::build(config, &stores, &presence, &live, &spans);
        let (messaging, messaging_tasks) = build_messaging(config, &database, &stores, &registry)?.unzip();
        let apis = Apis {
            presence: presence.apis(config, live.throttle.clone()),
            webhooks: webhooks::api(config, &stores),
            clients: messaging::api::Api::new(messaging.clone(), live.clients.clone()),
            operators: messaging::api::Operators::new(messaging.clone()),
            operations: OperationsApi::new(live.clone()),
        };
        let supervisor = Supervisor::new(registry.clone());
        let readiness = Readiness::new(&supervisor, &presence.service, messaging.as_ref());
        let monitor = Monitor::new(config, registry.clone(), presence.service.clone(), messaging.clone());
        let budget = memory_budget(&config.server, &registry);
        let shared = routes::Shared { live: &live, budget: &budget, registry: &registry, spans: &spans };
        let (routes, document) = routes::build(config, &shared, apis, readiness);
        let workers = Workers {
            presence: presence.workers,
            redis: stores.redis,
            database: stores.database,
            tables: Tables::of(config, database),
            deliveries,
            messaging,
            retention: Retention { acknowledged: config.messaging.keep_acked, all: config.messaging.keep },
            messaging_tasks: messaging_tasks.unwrap_or_default(),
            supervisor,
            telemetry: TelemetryWorkers { monitor, spans: span_exporter },
        };
        let limits = limits(&config.server, &live, budget, &registry);
        let metrics = metrics_routes(config, registry);
        Ok(Self { routes, metrics, document, workers, live, limits })
    }
}

impl App {
    /// The metrics of this sidecar.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.workers.telemetry.monitor.registry
    }

    /// The supervisor of the background tasks. Workers that are spawned before [`run`] begins count for `/ready` as well.
    pub fn supervisor(&self) -> &Supervisor {
        &self.workers.supervisor
    }
}

fn metrics_routes(config: &Config, registry: Arc<Registry>) -> Option<Route> {
    (!config.metrics.listen.is_empty()).then(|| Route::new().at("/metrics", get(scrape(registry))))
}

/// The limits of the listeners. Raises the limit of open files, which is one of them.
fn limits(
    server: &ServerConfig,
    live: &LiveSettings,
    budget: Arc<MemoryBudget>,
    registry: &Registry,
) -> listener::ServerLimits {
    listener::raise_open_files(server.max_connections);
    listener::ServerLimits {
        connections: listener::MaxConnections {
            total: server.max_connections,
            per_address: server.max_connections_per_address,
            anonymous: server.max_anonymous_connections,
        },
        trusted_proxies: live.proxies.clone(),
        timeouts: listener::StreamTimeouts {
            head: server.header_timeout,
            idle: server.idle_timeout,
            write: server.write_timeout,
        },
        shutdown_timeout: server.shutdown_timeout,
        budget,
        metrics: listener::ConnectionMetrics::new(registry),
        tls: live.tls.clone(),
    }
}

/// The memory budget, with its metrics.
#[expect(clippy::cast_precision_loss, reason = "a budget has fewer than 2^52 bytes")]
fn memory_budget(server: &ServerConfig, registry: &Registry) -> Arc<MemoryBudget> {
    let budget = Arc::new(MemoryBudget::new(server.memory_budget, server.memory_budget_per_address));
    let (used, refused) = (budget.clone(), budget.clone());
    registry.observe(&catalog::BUDGET_USED, &[], move || Some(used.used() as f64));
    registry.observe(&catalog::REJECTED, &["memory"], move || Some(refused.refused() as f64));
    budget
}

/// The messaging service, and the batcher of its polls.
type MessagingModule = (Arc<Messaging>, NamedTasks);

/// Builds messaging, if it is enabled and there is a key.
fn build_messaging(
    config: &Config,
    database: &Database,
    stores: &Stores,
    registry: &Registry,
) -> Result<Option<MessagingModule>, BuildError> {
    let Some(crypt) = config.laravel.crypt.clone().filter(|_| config.messaging.enabled) else { return Ok(None) };
    let (database, names) = (database.clone(), table_names(config));
    let queue: Option<Arc<dyn Queue>> = match config.messaging.queue {
        FanoutQueue::Sync => None,
        FanoutQueue::Database => Some(Arc::new(SqlQueue::new(database.clone(), &names))),
        FanoutQueue::Redis => Some(Arc::new(redis_queue(config, stores.redis.as_deref())?)),
    };
    let options = messaging::MessagingOptions {
        database,
        names,
        crypt,
        zone: config.laravel.timezone,
        limits: messaging::SendLimits {
            recipients: config.messaging.max_recipients,
            stored_bytes: config.messaging.max_stored_bytes,
        },
        bcrypt_cost: config.messaging.bcrypt_cost,
        replace_lost_keys: config.messaging.replace_lost_keys,
        queue,
        metrics: messaging::Metrics::new(registry),
    };
    let (service, tasks) = Messaging::new(options);
    Ok(Some((Arc::new(service), tasks)))
}
