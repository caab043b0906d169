//! Runs the program: the server, and the background tasks.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::App;
use super::presence::PresenceWorkers;
use super::tables::Tables;
use crate::http::listener;
use crate::http::listener::BoundListener;
use crate::messaging::Messaging;
use crate::messaging::worker::{FanoutWorker, Retention, RetentionWorker, check_keys, run_last_seen};
use crate::presence::ChangeNotifier;
use crate::presence::store::RedisStore;
use crate::storage::sql::Database;
use crate::telemetry::Registry;
use crate::webhooks::worker::DeliveryWorker;

/// Interval at which histogram samples are folded.
const FOLD_INTERVAL: Duration = Duration::from_secs(5);

/// The background tasks.
pub struct Workers {
    pub(super) presence: PresenceWorkers,
    pub(super) redis: Option<Arc<RedisStore>>,
    pub(super) deliveries: Vec<DeliveryWorker>,
    pub(super) messaging: Option<Arc<Messaging>>,
    pub(super) retention: Retention,
    /// Batches polls; ends when the service is dropped.
    pub(super) poll_batcher: Option<BoxFuture<'static, ()>>,
    /// The database of presence, closed at the end.
    pub(super) database: Option<Database>,
    pub(super) tables: Tables,
    pub(super) registry: Arc<Registry>,
}

/// Serves on `listeners` until `stop`, with the background tasks; returns when all have ended.
///
/// Stopping puts no user offline: open requests are completed, and sessions end when their heartbeats time out.
pub async fn run(listeners: Vec<BoundListener>, metrics: Vec<BoundListener>, app: App, stop: CancellationToken) {
    let App { routes, metrics: metrics_routes, workers, limits, .. } = app;
    let Workers { presence, redis, deliveries, messaging, retention, poll_batcher, database, tables, registry } =
        workers;
    let tasks = TaskTracker::new();
    tables.ensure(&stop).await;
    tasks.spawn(
        stop.clone().run_until_cancelled_owned(tables.clone().keep(database.iter().cloned().collect())).map(drop),
    );
    if let Some(redis) = redis {
        let stop = stop.clone();
        tasks.spawn(async move { stop.run_until_cancelled(redis.report_settings()).await });
    }
    for delivery in deliveries {
        spawn_delivery_worker(&tasks, delivery, &presence.sweep.context.notifier, limits.shutdown_timeout, &stop);
    }
    let batchers = presence.spawn(&tasks, &stop).await;
    poll_batcher.into_iter().for_each(|batcher| drop(tokio::spawn(batcher)));
    tasks.spawn(fold_metrics(registry, stop.clone()));
    if let Some(messaging) = messaging.clone() {
        spawn_messaging(&tasks, messaging, tables, retention, &stop);
    }
    let serving = listener::serve(listeners, routes, limits, stop.clone());
    match metrics_routes {
        Some(routes) => {
            let metrics = listener::serve(metrics, routes, limits, stop);
            tokio::join!(serving, metrics);
        }
        None => serving.await,
    }
    tasks.close();
    tasks.wait().await;
    close(messaging, database).await;
    batchers.wait().await;
}

/// Writes what is still in memory and closes the database.
async fn close(messaging: Option<Arc<Messaging>>, database: Option<Database>) {
    if let Some(messaging) = messaging {
        messaging.close().await;
    }
    if let Some(database) = database {
        database.close().await;
    }
}

/// Starts the background tasks of messaging once its tables exist.
fn spawn_messaging(
    tasks: &TaskTracker,
    messaging: Arc<Messaging>,
    tables: Tables,
    retention: Retention,
    stop: &CancellationToken,
) {
    let (tracker, stop) = (tasks.clone(), stop.clone());
    tasks.spawn(async move {
        if stop.run_until_cancelled(tables.messages()).await.is_some() {
            spawn_messaging_workers(&tracker, &messaging, retention, &stop);
        }
    });
}

impl PresenceWorkers {
    /// Starts all tasks. The returned batchers end when the service is dropped.
    async fn spawn(self, tasks: &TaskTracker, stop: &CancellationToken) -> TaskTracker {
        let Self { sweep, interval, batchers, feed_reader, feed_stop } = self;
        let batcher_tasks = TaskTracker::new();
        batchers.into_iter().for_each(|batcher| drop(batcher_tasks.spawn(batcher)));
        batcher_tasks.close();
        if let Err(error) = sweep.context.clock.synchronize(sweep.context.store.as_ref()).await {
            tracing::warn!(
                error = error.reason(),
                "presence store unavailable: responding with 503 until it is available"
            );
        }
        tasks.spawn(feed_reader);
        tasks.spawn(sweep.clone().run_maintenance(stop.clone()));
        tasks.spawn(sweep.run(interval, stop.clone()));
        tasks.spawn(stop.clone().cancelled_owned().map(move |()| feed_stop.cancel()));
        batcher_tasks
    }
}

/// Starts the background tasks of messaging.
fn spawn_messaging_workers(
    tasks: &TaskTracker,
    messaging: &Arc<Messaging>,
    retention: Retention,
    stop: &CancellationToken,
) {
    tasks.spawn(stop.clone().run_until_cancelled_owned(check_keys(messaging.clone())).map(drop));
    tasks.spawn(run_last_seen(messaging.context.clone(), stop.clone()));
    tasks.spawn(RetentionWorker::new(messaging, retention).run(stop.clone()));
    if let Some(worker) = FanoutWorker::new(messaging).map(Arc::new) {
        tasks.spawn(worker.clone().run(stop.clone()));
        tasks.spawn(stop.clone().run_until_cancelled_owned(worker.report_depth()).map(drop));
    }
}

/// Starts the delivery worker of one endpoint. After `stop`, deliveries in flight have `timeout` to finish.
fn spawn_delivery_worker(
    tasks: &TaskTracker,
    worker: DeliveryWorker,
    notifier: &ChangeNotifier,
    timeout: Duration,
    stop: &CancellationToken,
) {
    tasks.spawn(stop.clone().run_until_cancelled_owned(worker.run_maintenance()).map(drop));
    let (commits, stop) = (notifier.subscribe(), stop.clone());
    tasks.spawn(async move {
        let timed_out = stop.clone().cancelled_owned().then(|()| tokio::time::sleep(timeout));
        tokio::select! {
            () = worker.run(commits, stop) => {}
            () = timed_out => tracing::warn!("shutdown timeout: in-flight deliveries will be retried after restart"),
        }
    });
}

async fn fold_metrics(registry: Arc<Registry>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        registry.fold();
        tokio::select! {
            () = tokio::time::sleep(FOLD_INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}
