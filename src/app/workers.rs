//! Runs the program: the server, and the background tasks.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;
use poem::Route;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::App;
use super::deliveries::DeliveryWorkers;
use super::presence::PresenceWorkers;
use super::supervisor::{Supervisor, WorkerFailure};
use super::tables::Tables;
use super::telemetry::TelemetryWorkers;
use crate::broadcast::worker::BroadcastWorker;
use crate::http::listener;
use crate::http::listener::{BoundListener, ServerLimits};
use crate::messaging::Messaging;
use crate::messaging::worker::{FanoutWorker, Retention, RetentionWorker, check_keys, run_last_seen};
use crate::presence::ChangeNotifier;
use crate::presence::store::RedisStore;
use crate::storage::batch::NamedTasks;
use crate::storage::sql::Database;
use crate::webhooks::worker::DeliveryWorker;

/// Time that closing the stores has after `server.shutdown_timeout_seconds`.
const CLOSE_TIME: Duration = Duration::from_millis(500);

/// The background tasks.
pub struct Workers {
    pub(super) presence: PresenceWorkers,
    pub(super) redis: Option<Arc<RedisStore>>,
    pub(super) deliveries: DeliveryWorkers,
    pub(super) messaging: Option<Arc<Messaging>>,
    pub(super) retention: Retention,
    /// They batch what clients ask for and send; they end when the service is dropped.
    pub(super) messaging_tasks: NamedTasks,
    /// The database of presence, closed at the end.
    pub(super) database: Option<Database>,
    pub(super) tables: Tables,
    pub(super) supervisor: Supervisor,
    pub(super) telemetry: TelemetryWorkers,
}

/// The services whose stores are closed at the end, and the batchers, which end with the services.
struct OpenStores {
    messaging: Option<Arc<Messaging>>,
    redis: Option<Arc<RedisStore>>,
    database: Option<Database>,
    batchers: TaskTracker,
}

/// Serves on `listeners` until `stop`, with the background tasks; returns when all have ended, at the latest half a second
/// after `server.shutdown_timeout_seconds`.
///
/// Stopping puts no user offline: open requests are completed, and sessions end when their heartbeats time out.
///
/// # Errors
/// A worker panics again and again; the sidecar has stopped in the same way.
pub async fn run(
    listeners: Vec<BoundListener>,
    metrics: Vec<BoundListener>,
    app: App,
    stop: CancellationToken,
) -> Result<(), WorkerFailure> {
    let App { routes, metrics: metrics_routes, workers, limits, .. } = app;
    let supervisor = workers.supervisor.clone();
    let shutdown_timeout = limits.shutdown_timeout;
    let linked = supervisor.stop().clone();
    tokio::spawn(stop.cancelled_owned().map(move |()| linked.cancel()));
    let whole = async {
        let stores = workers.start(shutdown_timeout).await;
        let serving = listener::serve(listeners, routes, limits.clone(), supervisor.stop().clone());
        tokio::join!(serving, serve_metrics(metrics, metrics_routes, limits, supervisor.stop()));
        if !supervisor.stop().is_cancelled() {
            supervisor.fail("listener");
        }
        supervisor.wait().await;
        stores.close().await;
    };
    let deadline = async {
        supervisor.stop().cancelled().await;
        tokio::time::sleep(shutdown_timeout + CLOSE_TIME).await;
    };
    tokio::select! {
        () = whole => {}
        () = deadline => tracing::warn!(workers = supervisor.running(), "not all tasks have stopped in time: aborting them"),
    }
    supervisor.failure().map_or(Ok(()), Err)
}

async fn serve_metrics(
    listeners: Vec<BoundListener>,
    routes: Option<Route>,
    limits: ServerLimits,
    stop: &CancellationToken,
) {
    if let Some(routes) = routes {
        listener::serve(listeners, routes, ServerLimits { tls: None, ..limits }, stop.clone()).await;
    }
}

impl Workers {
    /// Starts all tasks. After the stop, deliveries in flight have `timeout` to finish.
    async fn start(self, timeout: Duration) -> OpenStores {
        let Self { presence, redis, deliveries, messaging, retention, .. } = self;
        let Self { messaging_tasks, database, tables, supervisor, telemetry, .. } = self;
        start_tables(&supervisor, &tables, database.iter().cloned().collect()).await;
        if let Some(redis) = &redis {
            start_redis(&supervisor, redis);
        }
        for delivery in deliveries.webhooks {
            spawn_delivery_worker(&supervisor, delivery, &presence.sweep.context.notifier, timeout);
        }
        if let Some(worker) = deliveries.broadcasts {
            spawn_broadcasts(&supervisor, worker, presence.sweep.context.notifier.clone(), timeout);
        }
        let batchers = TaskTracker::new();
        messaging_tasks.into_iter().for_each(|(name, task)| supervisor.spawn_once(&batchers, name, task));
        let registered = async {
            if let Some(redis) = &redis {
                // One that fails is made again in the background.
                _ = supervisor.stop().run_until_cancelled(redis.register()).await;
            }
        };
        tokio::join!(registered, presence.spawn(&supervisor, &batchers));
        batchers.close();
        telemetry.spawn(&supervisor);
        if let Some(messaging) = messaging.clone() {
            spawn_messaging(&supervisor, messaging, tables, retention);
        }
        OpenStores { messaging, redis, database, batchers }
    }
}

impl OpenStores {
    /// Writes what is still in memory, closes the database, waits for the batchers, and ends the registration.
    async fn close(self) {
        let Self { messaging, redis, database, batchers } = self;
        if let Some(messaging) = messaging {
            messaging.close().await;
        }
        if let Some(database) = database {
            database.close().await;
        }
        batchers.wait().await;
        if let Some(redis) = redis {
            // Without it the registration ends by itself.
            _ = redis.leave().await;
        }
    }
}

/// Registers this sidecar among those that run as long as it runs, and reports the settings of the servers.
fn start_redis(supervisor: &Supervisor, redis: &Arc<RedisStore>) {
    let registered = redis.clone();
    supervisor.spawn_until_stop("registration", move || {
        let redis = registered.clone();
        async move { redis.keep_registered().await }
    });
    let redis = redis.clone();
    supervisor.spawn_until_stop("redis_settings", move || {
        let redis = redis.clone();
        async move { redis.report_settings().await }
    });
}

/// Creates missing tables, in the background if the database is not available, and those that are dropped later.
async fn start_tables(supervisor: &Supervisor, tables: &Tables, databases: Vec<Database>) {
    let created = supervisor.stop().run_until_cancelled(tables.ensure()).await == Some(true);
    let first = tables.clone();
    supervisor.spawn_until_stop("first_tables", move || first.clone().complete(created));
    let tables = tables.clone();
    supervisor.spawn_until_stop("tables", move || tables.clone().keep(databases.clone()));
}

/// Starts the background tasks of messaging once its tables exist.
fn spawn_messaging(supervisor: &Supervisor, messaging: Arc<Messaging>, tables: Tables, retention: Retention) {
    let workers = supervisor.clone();
    supervisor.spawn_until_stop("messaging_start", move || {
        let (workers, messaging, tables) = (workers.clone(), messaging.clone(), tables.clone());
        async move {
            tables.messages().await;
            spawn_messaging_workers(&workers, &messaging, retention);
        }
    });
}

impl PresenceWorkers {
    /// Starts all tasks; those in `batchers` end when the service is dropped.
    async fn spawn(self, supervisor: &Supervisor, batchers: &TaskTracker) {
        let Self { sweep, interval, batchers: futures, feed, feed_stop } = self;
        for (name, batcher) in futures {
            supervisor.spawn_once(batchers, name, batcher);
        }
        let synchronized = sweep.context.clock.synchronize(sweep.context.store.as_ref());
        if let Some(Err(error)) = supervisor.stop().run_until_cancelled(synchronized).await {
            tracing::warn!(
                error = error.reason(),
                "presence store unavailable: responding with 503 until it is available"
            );
        }
        supervisor.spawn("feed", move || feed.clone().read());
        let (sweeper, stop) = (sweep.clone(), supervisor.stop().clone());
        supervisor.spawn("presence_maintenance", move || sweeper.clone().run_maintenance(stop.clone()));
        let stop = supervisor.stop().clone();
        supervisor.spawn("sweep", move || sweep.clone().run(interval, stop.clone()));
        tokio::spawn(supervisor.stop().clone().cancelled_owned().map(move |()| feed_stop.cancel()));
    }
}

/// Starts the background tasks of messaging.
fn spawn_messaging_workers(supervisor: &Supervisor, messaging: &Arc<Messaging>, retention: Retention) {
    let checked = messaging.clone();
    supervisor.spawn_until_stop("key_check", move || check_keys(checked.clone()));
    let (context, stop) = (messaging.context.clone(), supervisor.stop().clone());
    supervisor.spawn("last_seen", move || run_last_seen(context.clone(), stop.clone()));
    let (worker, stop) = (RetentionWorker::new(messaging, retention), supervisor.stop().clone());
    supervisor.spawn("retention", move || worker.clone().run(stop.clone()));
    if let Some(worker) = FanoutWorker::new(messaging).map(Arc::new) {
        let reporter = worker.clone();
        supervisor.spawn_until_stop("fan_out_metrics", move || reporter.clone().report_depth());
        let stop = supervisor.stop().clone();
        supervisor.spawn("fan_out", move || worker.clone().run(stop.clone()));
    }
}

/// Starts the delivery worker of one endpoint. After the stop, deliveries in flight have `timeout` to finish.
fn spawn_delivery_worker(
    supervisor: &Supervisor,
    worker: DeliveryWorker,
    notifier: &Arc<ChangeNotifier>,
    timeout: Duration,
) {
    let maintenance = worker.restarted();
    supervisor.spawn_until_stop("delivery_maintenance", move || maintenance.run_maintenance());
    let (notifier, stop) = (notifier.clone(), supervisor.stop().clone());
    supervisor.spawn("delivery", move || {
        let (worker, commits, stop) = (worker.restarted(), notifier.subscribe(), stop.clone());
        async move {
            let timed_out = stop.clone().cancelled_owned().then(|()| tokio::time::sleep(timeout));
            tokio::select! {
                () = worker.run(commits, stop) => {}
                () = timed_out => tracing::warn!("shutdown timeout: in-flight deliveries will be retried after restart"),
            }
        }
    });
}

/// Starts the worker that publishes to the broadcast server. After the stop, requests in flight have `timeout` to finish.
fn spawn_broadcasts(
    supervisor: &Supervisor,
    worker: BroadcastWorker,
    notifier: Arc<ChangeNotifier>,
    timeout: Duration,
) {
    let maintenance = worker.restarted();
    supervisor.spawn_until_stop("broadcast_maintenance", move || maintenance.run_maintenance());
    let stop = supervisor.stop().clone();
    supervisor.spawn("broadcast", move || {
        let (worker, commits, stop) = (worker.restarted(), notifier.subscribe(), stop.clone());
        async move {
            let timed_out = stop.clone().cancelled_owned().then(|()| tokio::time::sleep(timeout));
            tokio::select! {
                () = worker.run(commits, stop) => {}
                () = timed_out => tracing::warn!("shutdown timeout: in-flight broadcasts will be retried after restart"),
            }
        }
    });
}
