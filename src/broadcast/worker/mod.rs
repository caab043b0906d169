//! The worker: claim -> publish -> settle.
//!
//! A worker has a few publishing tasks at once, each with the heads of many lanes. While the
//! [circuit](crate::webhooks::domain::breaker) is open, single changes probe the server, at most a second apart, and changes
//! that were replaced meanwhile are dropped, so that the present states are published at once when the server is back.

mod publisher;

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use chrono_tz::Tz;
use futures_util::TryFutureExt;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::publisher::{MAX_AGE, Publication, Publications, Publisher};
use super::Metrics;
use super::client::BroadcastClient;
use super::domain::refusal::{describe, is_final, is_outage};
use crate::config::BROADCAST_QUEUE;
use crate::presence::service::clock::Clock;
use crate::presence::store::PresenceStore;
use crate::queue::{Attempts, Disposition, Job, Queue, Settlement};
use crate::storage::Result;
use crate::webhooks::domain::breaker::{Breaker, CircuitState};
use crate::webhooks::domain::retry::AttemptResult;

/// Poll interval of the queue without a notification.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Most tasks that publish at once, per replica.
const CONCURRENCY: usize = 4;
/// Most changes that one task publishes.
const CLAIM_LIMIT: usize = 60;
/// Duration of a lease. A task makes a few requests; one that takes longer publishes some of its changes twice.
const LEASE: Duration = Duration::from_secs(30);
/// The pause before a change whose request failed is published again.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two probes of a server that is down.
const PROBE_PAUSE: Duration = Duration::from_secs(1);
/// The age at which a change that the server answers with an error is given up.
const GIVE_UP_AGE: Duration = Duration::from_secs(300);
/// Interval of metrics, purges and the removal of replaced changes.
const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(5);
/// Most changes that are looked at in one removal of replaced changes.
const COMPACTION_BATCH: usize = 500;
/// Retention of dead letters: an old status is of no use.
const KEEP_DEAD: Duration = Duration::from_secs(24 * 3600);

/// What broadcasts need.
#[derive(Clone)]
pub struct BroadcastContext {
    /// The queues.
    pub queue: Arc<dyn Queue>,
    /// The present states.
    pub store: Arc<dyn PresenceStore>,
    /// The store's clock.
    pub clock: Arc<Clock>,
    /// The application's time zone.
    pub zone: Tz,
    /// The namespace of ids.
    pub installation: Uuid,
    /// Whether offline events are held back.
    pub is_debounced: bool,
}

/// Publishes the changes of the queue.
pub struct BroadcastWorker {
    queue: Arc<dyn Queue>,
    publisher: Publisher,
    breaker: Breaker,
    last_compaction: Instant,
    unsettled: Vec<Settlement>,
}

type PublishingTasks = JoinSet<Publications>;

impl BroadcastWorker {
    /// Publishes through `client`, also after another client is stored there.
    pub fn new(context: BroadcastContext, client: Arc<ArcSwap<BroadcastClient>>, metrics: Arc<Metrics>) -> Self {
        let BroadcastContext { queue, store, clock, zone, installation, is_debounced } = context;
        let publisher = Publisher { client, store, metrics, clock, zone, installation, is_debounced };
        Self::of(queue, publisher)
    }

    fn of(queue: Arc<dyn Queue>, publisher: Publisher) -> Self {
        let (breaker, last_compaction) = (Breaker::new(PROBE_PAUSE), Instant::now());
        Self { queue, publisher, breaker, last_compaction, unsettled: Vec::new() }
    }

    /// A worker for the same server, with a closed circuit and no tasks.
    #[must_use]
    pub fn restarted(&self) -> Self {
        Self::of(self.queue.clone(), self.publisher.clone())
    }

    /// Publishes until `stop`, then waits for the tasks. `commits` notifies of new changes.
    pub async fn run(mut self, mut commits: watch::Receiver<()>, stop: CancellationToken) {
        let mut tasks = PublishingTasks::new();
        let mut was_failing = false;
        while !stop.is_cancelled() {
            let dispatched = self.dispatch_ready(&mut tasks).await;
            if let Err(error) = &dispatched
                && !was_failing
            {
                tracing::warn!(error = error.reason(), "queue unavailable: broadcasts wait");
            }
            was_failing = dispatched.is_err();
            tokio::select! {
                Some(finished) = tasks.join_next() => self.record(finished),
                _ = commits.changed(), if tasks.len() < CONCURRENCY && !self.breaker.is_open() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                () = stop.cancelled() => {}
            }
            self.record_finished(&mut tasks).await;
        }
        while let Some(finished) = tasks.join_next().await {
            self.record(finished);
            self.record_finished(&mut tasks).await;
        }
    }

    /// Updates the queue's metrics and purges old dead letters, periodically. Never returns.
    pub fn run_maintenance(&self) -> impl Future<Output = ()> + use<> {
        let (queue, metrics) = (self.queue.clone(), self.publisher.metrics.clone());
        async move {
            loop {
                let recorded = queue.stats(BROADCAST_QUEUE).map_ok(|stats| metrics.record_depth(&stats)).await;
                if let Err(error) = recorded.and(queue.purge(BROADCAST_QUEUE, KEEP_DEAD).await) {
                    tracing::debug!(error = error.reason(), "queue unavailable: no metrics of broadcasts");
                }
                tokio::time::sleep(MAINTENANCE_INTERVAL).await;
            }
        }
    }

    /// Claims jobs as far as the circuit and the number of tasks permit, and starts tasks for them.
    async fn dispatch_ready(&mut self, tasks: &mut PublishingTasks) -> Result<()> {
        let (limit, is_probe) = match self.breaker.state(Instant::now()) {
            CircuitState::Closed if tasks.len() < CONCURRENCY => (CLAIM_LIMIT, false),
            CircuitState::HalfOpen if tasks.is_empty() => (1, true),
            CircuitState::Closed | CircuitState::HalfOpen | CircuitState::Open(_) => (0, false),
        };
        if limit > 0 {
            let jobs = self.queue.claim(BROADCAST_QUEUE, limit, LEASE).await?;
            if !jobs.is_empty() {
                let asks_first = self.breaker.has_failed();
                tasks.spawn(self.publisher.clone().publish(jobs, is_probe, asks_first));
            }
        }
        if self.breaker.is_open() && self.last_compaction.elapsed() >= MAINTENANCE_INTERVAL {
            self.last_compaction = Instant::now();
            self.drop_superseded().await?;
        }
        Ok(())
    }

    /// Records all tasks that have finished, and settles their jobs together.
    async fn record_finished(&mut self, tasks: &mut PublishingTasks) {
        while let Some(finished) = tasks.try_join_next() {
            self.record(finished);
        }
        // What cannot be settled now is settled with the next ones, or published again after its lease.
        _ = self.settle().await;
    }

    /// Decides how the jobs of a task are settled.
    fn record(&mut self, finished: std::result::Result<Publications, JoinError>) {
        let Publications { jobs, is_probe } = match finished {
            Ok(publications) => publications,
            Err(error) => return tracing::error!(%error, "broadcast task panicked; will retry"),
        };
        self.update_breaker(&jobs);
        for (job, publication) in jobs {
            let disposition = self.disposition(&job, publication, is_probe);
            self.unsettled.push(job.into_settlement(disposition));
        }
    }

    /// A request counts once for the circuit, however many changes were in it.
    fn update_breaker(&mut self, jobs: &[(Job, Publication)]) {
        let failed = jobs.iter().find_map(|(_, publication)| match publication {
            Publication::Failed(result, answer) if is_outage(result) => Some((result, answer)),
            _ => None,
        });
        let is_accepted = jobs.iter().any(|(_, publication)| matches!(publication, Publication::Published));
        if let Some((result, answer)) = failed {
            let last = describe(result, answer);
            if self.breaker.record_failure(Instant::now(), result.retry_after()) {
                tracing::warn!(last, "broadcast server down: probing until it recovers");
            }
        } else if is_accepted && self.breaker.record_success() {
            tracing::info!("broadcast server recovered");
        }
    }

    fn disposition(&self, job: &Job, publication: Publication, is_probe: bool) -> Disposition {
        let metrics = &self.publisher.metrics;
        let pause = if is_probe { self.breaker.retry_after(Instant::now()) } else { RETRY_PAUSE };
        match publication {
            Publication::Published => {
                metrics.record_published();
                Disposition::Done
            }
            Publication::Superseded => {
                metrics.record_superseded();
                Disposition::Done
            }
            Publication::Skipped => Disposition::Retry(pause, job.attempts.clone()),
            Publication::Unreadable => self.dead(job, "the change cannot be read".to_owned(), job.attempts.count),
            Publication::Failed(result, answer) => {
                let is_answered = matches!(result, AttemptResult::Status { .. });
                let count = job.attempts.count + u32::from(is_answered);
                let last = describe(&result, &answer);
                match is_final(&result) || (is_answered && job.age > GIVE_UP_AGE) {
                    true => self.dead(job, last, count),
                    false => Disposition::Retry(pause, Attempts { count, last }),
                }
            }
        }
    }

    fn dead(&self, job: &Job, last: String, count: u32) -> Disposition {
        tracing::error!(endpoint = BROADCAST_QUEUE, id = job.id, last, "moved to dead letters");
        self.publisher.metrics.record_dead();
        Disposition::Dead(Attempts { count, last })
    }

    /// Drops old changes that a later one replaces, while nothing is published.
    async fn drop_superseded(&mut self) -> Result<()> {
        if self.queue.stats(BROADCAST_QUEUE).await?.oldest <= MAX_AGE {
            return Ok(());
        }
        let jobs = self.queue.claim(BROADCAST_QUEUE, COMPACTION_BATCH, LEASE).await?;
        let mut done = Vec::new();
        let kept = self.publisher.decode(jobs, &mut done).await;
        for (job, publication) in done {
            let disposition = self.disposition(&job, publication, false);
            self.unsettled.push(job.into_settlement(disposition));
        }
        for (job, _) in kept {
            let attempts = job.attempts.clone();
            self.unsettled.push(job.into_settlement(Disposition::Retry(Duration::ZERO, attempts)));
        }
        self.settle().await
    }

    async fn settle(&mut self) -> Result<()> {
        if self.unsettled.is_empty() {
            return Ok(());
        }
        let leased = self.queue.settle(BROADCAST_QUEUE, &self.unsettled).await?;
        let late = leased.iter().filter(|leased| !**leased).count();
        if late > 0 {
            tracing::warn!(endpoint = BROADCAST_QUEUE, late, "leases expired during delivery; will deliver again");
        }
        self.unsettled.clear();
        Ok(())
    }
}
