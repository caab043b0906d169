//! The program: requests are served, and beside them everything works that has to.

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
use crate::messaging::worker::{FanoutWorker, Retention, RetentionWorker, run_last_seen};
use crate::presence::ChangeNotifier;
use crate::presence::store::RedisStore;
use crate::storage::sql::Database;
use crate::telemetry::Registry;
use crate::webhooks::worker::DeliveryWorker;

/// How often what was counted is folded together.
const FOLD_EVERY: Duration = Duration::from_secs(5);

/// What works beside the requests.
pub struct Workers {
    pub(super) presence: PresenceWorkers,
    pub(super) redis: Option<Arc<RedisStore>>,
    pub(super) deliveries: Vec<DeliveryWorker>,
    pub(super) messaging: Option<Arc<Messaging>>,
    pub(super) retention: Retention,
    /// Who asks for all who poll; ends when the service is dropped.
    pub(super) asking: Option<BoxFuture<'static, ()>>,
    /// The database of presence, to be closed in the end.
    pub(super) database: Option<Database>,
    pub(super) tables: Tables,
    pub(super) registry: Arc<Registry>,
}

/// The program: serves on `listeners` until `stop`, with the workers beside; returns once everything has ended.
///
/// Stopping flips nobody offline: open requests are answered, sessions end when their heartbeats grow old.
pub async fn run(listeners: Vec<BoundListener>, metrics: Vec<BoundListener>, app: App, stop: CancellationToken) {
    let App { routes, metrics: metrics_routes, workers, limits, .. } = app;
    let Workers { presence, redis, deliveries, messaging, retention, asking, database, tables, registry } = workers;
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
        deliver(&tasks, delivery, &presence.sweep.context.notifier, limits.shutdown_timeout, &stop);
    }
    let answering = presence.start(&tasks, &stop).await;
    asking.into_iter().for_each(|asking| drop(tokio::spawn(asking)));
    tasks.spawn(fold_metrics(registry, stop.clone()));
    if let Some(messaging) = messaging.clone() {
        let (on, stop) = (tasks.clone(), stop.clone());
        tasks.spawn(async move {
            if stop.run_until_cancelled(tables.messages()).await.is_some() {
                spawn_messaging_workers(&on, &messaging, retention, &stop);
            }
        });
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
    if let Some(messaging) = messaging {
        messaging.close().await;
    }
    if let Some(database) = database {
        database.close().await;
    }
    answering.wait().await;
}

impl PresenceWorkers {
    /// Starts everything of presence; what is returned ends when nobody can ask any more.
    async fn start(self, tasks: &TaskTracker, stop: &CancellationToken) -> TaskTracker {
        let Self { sweep, interval, answering, feed, ending } = self;
        let asked = TaskTracker::new();
        answering.into_iter().for_each(|worker| drop(asked.spawn(worker)));
        asked.close();
        if let Err(error) = sweep.context.clock.synchronize(sweep.context.store.as_ref()).await {
            tracing::warn!(error = error.reason(), "the presence store does not answer yet; serving 503 until it does");
        }
        tasks.spawn(feed);
        tasks.spawn(sweep.clone().run_maintenance(stop.clone()));
        tasks.spawn(sweep.run(interval, stop.clone()));
        tasks.spawn(stop.clone().cancelled_owned().map(move |()| ending.cancel()));
        asked
    }
}

/// Starts the background tasks of messaging.
fn spawn_messaging_workers(
    tasks: &TaskTracker,
    messaging: &Arc<Messaging>,
    retention: Retention,
    stop: &CancellationToken,
) {
    tasks.spawn(run_last_seen(messaging.context.clone(), stop.clone()));
    tasks.spawn(RetentionWorker::new(messaging, retention).run(stop.clone()));
    if let Some(worker) = FanoutWorker::new(messaging).map(Arc::new) {
        tasks.spawn(worker.clone().run(stop.clone()));
        tasks.spawn(stop.clone().run_until_cancelled_owned(worker.report_depth()).map(drop));
    }
}

/// Starts the deliveries to one endpoint; those under way have `patience` once all is to stop.
fn deliver(
    tasks: &TaskTracker,
    delivery: DeliveryWorker,
    notifier: &ChangeNotifier,
    patience: Duration,
    stop: &CancellationToken,
) {
    tasks.spawn(stop.clone().run_until_cancelled_owned(delivery.upkeep()).map(drop));
    let (notifier, stop) = (notifier.subscribe(), stop.clone());
    tasks.spawn(async move {
        let under_way = stop.clone().cancelled_owned().then(|()| tokio::time::sleep(patience));
        tokio::select! {
            () = delivery.run(notifier, stop) => {}
            () = under_way => tracing::warn!("deliveries under way are made again by the next sidecar"),
        }
    });
}

async fn fold_metrics(registry: Arc<Registry>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        registry.fold();
        tokio::select! {
            () = tokio::time::sleep(FOLD_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}
