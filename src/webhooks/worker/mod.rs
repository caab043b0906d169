//! The delivery loop of one endpoint: claim -> prepare -> send -> settle.
//!
//! Deliveries of different users run concurrently, up to a limit; those of one user run one after the other. While the
//! [circuit](super::domain::breaker) is open, single deliveries probe the receiver.

mod attempt;

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use chrono_tz::Tz;
use futures_util::TryFutureExt;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::attempt::{Attempt, Attempter};
use super::client::WebhookClient;
use super::domain::breaker::{Breaker, CircuitState};
use super::domain::retry;
use super::domain::retry::{AttemptResult, RetryDecision};
use super::metrics::Metrics;
use crate::presence::service::clock::Clock;
use crate::queue::{Attempts, Disposition, Job, Queue, Settlement};
use crate::storage::Result;
use crate::telemetry::spans::Spans;

/// Poll interval of the queue without a notification: for changes of other replicas, and for retries that are due.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Time that a lease has beyond the maximum duration of an attempt.
const LEASE_MARGIN: Duration = Duration::from_secs(5);
/// Interval of queue metrics and of purges.
const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(5);
/// Number of jobs that are checked for their age at once.
const EXPIRY_BATCH: usize = 200;

/// Configuration and dependencies that all endpoints share.
#[derive(Clone)]
pub struct DeliveryConfig {
    /// The queues.
    pub queue: Arc<dyn Queue>,
    /// The store's clock.
    pub clock: Arc<Clock>,
    /// The application's time zone.
    pub zone: Tz,
    /// The namespace of ids.
    pub installation: Uuid,
    /// Pauses between attempts.
    pub schedule: Vec<Duration>,
    /// Requests within one attempt, at least one.
    pub tries: u32,
    /// Maximum number of concurrent deliveries, per endpoint and replica.
    pub concurrency: usize,
    /// Retention of dead letters.
    pub keep_dead: Duration,
    /// Takes the spans of requests.
    pub spans: Spans,
}

/// Delivers to one endpoint.
pub struct DeliveryWorker {
    config: DeliveryConfig,
    name: String,
    attempter: Attempter,
    metrics: Arc<Metrics>,
    breaker: Breaker,
    last_expiry: Instant,
    unsettled: Vec<Settlement>,
}

/// The attempts in flight, a task each, so that requests continue while the worker waits for the queue.
type AttemptSet = JoinSet<Attempt>;

impl DeliveryWorker {
    /// Delivers through `client` to its endpoint, also after another client of the endpoint is stored there. The queue has
    /// the endpoint's name.
    pub fn new(config: DeliveryConfig, client: Arc<ArcSwap<WebhookClient>>, metrics: Arc<Metrics>) -> Self {
        let name = client.load().endpoint().name.clone();
        let (clock, zone, installation) = (config.clock.clone(), config.zone, config.installation);
        let spans = config.spans.clone();
        let attempter = Attempter { client, metrics: metrics.clone(), clock, zone, installation, spans };
        let (breaker, last_expiry) = (Breaker::default(), Instant::now());
        Self { config, name, attempter, metrics, breaker, last_expiry, unsettled: Vec::new() }
    }

    /// A worker for the same endpoint, with a closed circuit and no attempts in flight.
    #[must_use]
    pub fn restarted(&self) -> Self {
        Self::new(self.config.clone(), self.attempter.client.clone(), self.metrics.clone())
    }

    /// Delivers until `stop`, then waits for the attempts in flight. `commits` notifies of new changes.
    pub async fn run(mut self, mut commits: watch::Receiver<()>, stop: CancellationToken) {
        let mut attempts = AttemptSet::new();
        let mut was_failing = false;
        while !stop.is_cancelled() {
            let dispatched = self.dispatch_ready(&mut attempts).await;
            if let Err(error) = &dispatched
                && !was_failing
            {
                tracing::warn!(endpoint = self.name, error = error.reason(), "queue unavailable: deliveries wait");
            }
            was_failing = dispatched.is_err();
            tokio::select! {
                Some(attempt) = attempts.join_next() => self.record_outcome(attempt),
                _ = commits.changed(), if attempts.len() < self.config.concurrency && !self.breaker.is_open() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                () = stop.cancelled() => {}
            }
            // The tasks of other requests whose responses have arrived may finish first.
            tokio::task::yield_now().await;
            self.record_finished(&mut attempts);
        }
        loop {
            let settled = self.settle_jobs().await;
            _ = self.record_settled(settled);
            let Some(attempt) = attempts.join_next().await else { break };
            self.record_outcome(attempt);
            self.record_finished(&mut attempts);
        }
    }

    /// Updates the queue's metrics and purges old dead letters, periodically. Never returns.
    pub fn run_maintenance(&self) -> impl Future<Output = ()> + use<> {
        let (queue, metrics, name) = (self.config.queue.clone(), self.metrics.clone(), self.name.clone());
        let keep = self.config.keep_dead;
        async move {
            loop {
                let recorded = queue.stats(&name).map_ok(|stats| metrics.record_depth(&stats)).await;
                if let Err(error) = recorded.and(queue.purge(&name, keep).await) {
                    tracing::debug!(endpoint = name, error = error.reason(), "queue unavailable: no metrics");
                }
                tokio::time::sleep(MAINTENANCE_INTERVAL).await;
            }
        }
    }

    /// Records all attempts that have finished.
    fn record_finished(&mut self, attempts: &mut AttemptSet) {
        while let Some(attempt) = attempts.try_join_next() {
            self.record_outcome(attempt);
        }
    }

    /// Settles what has finished, and claims as many jobs as the circuit and the concurrency permit, at the same time; starts
    /// their attempts. What cannot be settled now is settled with the next ones, or delivered again after its lease.
    async fn dispatch_ready(&mut self, attempts: &mut AttemptSet) -> Result<()> {
        loop {
            let has_settled = !self.unsettled.is_empty();
            let (limit, is_probe) = self.claim_limit(attempts.len());
            let (settled, claimed) = tokio::join!(self.settle_jobs(), self.claim_jobs(limit));
            _ = self.record_settled(settled);
            let tries = if is_probe { 1 } else { self.config.tries };
            let (claimed, jobs) = claimed.map(|jobs| (jobs.len(), jobs))?;
            for job in jobs {
                attempts.spawn(self.attempter.clone().attempt(job, tries, is_probe));
            }
            // What was settled may have been ahead of others in its lane.
            if !has_settled || claimed >= limit || !self.unsettled.is_empty() {
                break;
            }
        }
        if self.breaker.is_open() && self.last_expiry.elapsed() >= MAINTENANCE_INTERVAL {
            self.last_expiry = Instant::now();
            self.expire_old_jobs().await?;
        }
        Ok(())
    }

    /// How many jobs may be claimed beside `running` attempts, and whether they are probes.
    fn claim_limit(&self, running: usize) -> (usize, bool) {
        match self.breaker.state(Instant::now()) {
            CircuitState::Closed => (self.config.concurrency.saturating_sub(running), false),
            CircuitState::HalfOpen if running == 0 => (1, true),
            CircuitState::HalfOpen | CircuitState::Open(_) => (0, false),
        }
    }

    async fn claim_jobs(&self, limit: usize) -> Result<Vec<Job>> {
        match limit {
            0 => Ok(Vec::new()),
            _ => self.config.queue.claim(&self.name, limit, self.lease()).await,
        }
    }

    fn lease(&self) -> Duration {
        self.attempter.max_duration(self.config.tries) + LEASE_MARGIN
    }

    /// Decides how an attempt's job is settled.
    fn record_outcome(&mut self, attempt: std::result::Result<Attempt, JoinError>) {
        let Attempt { job, result, is_probe } = match attempt {
            Ok(attempt) => attempt,
            Err(error) => {
                return tracing::error!(endpoint = self.name, %error, "delivery task panicked; will retry");
            }
        };
        let Some(result) = result else {
            let tries = Attempts { last: "the delivery cannot be read".to_owned(), ..job.attempts.clone() };
            return self.queue_settlement(job, Disposition::Dead(tries));
        };
        self.update_breaker(&result);
        let is_failed_probe = is_probe && result.is_outage();
        let tries = Attempts { count: job.attempts.count + u32::from(!is_failed_probe), last: result.describe() };
        let disposition = match retry::decide(&result, tries.count.max(1), &self.config.schedule, rand::random()) {
            RetryDecision::Done => Disposition::Done,
            _ if job.age > self.max_age() => Disposition::Dead(tries),
            _ if is_failed_probe => Disposition::Retry(self.breaker.retry_after(Instant::now()), tries),
            RetryDecision::Retry(pause) => Disposition::Retry(pause, tries),
            RetryDecision::GiveUp => Disposition::Dead(tries),
        };
        self.queue_settlement(job, disposition);
    }

    fn update_breaker(&mut self, result: &AttemptResult) {
        if !result.is_outage() {
            if self.breaker.record_success() {
                tracing::info!(endpoint = self.name, "receiver recovered");
            }
        } else if self.breaker.record_failure(Instant::now(), result.retry_after()) {
            tracing::warn!(endpoint = self.name, last = result.describe(), "receiver down: probing until it recovers");
        }
    }

    fn queue_settlement(&mut self, job: Job, disposition: Disposition) {
        let (endpoint, id) = (&self.name, &job.id);
        match &disposition {
            Disposition::Done => tracing::debug!(endpoint, id, "delivered"),
            Disposition::Retry(pause, Attempts { count, last }) => {
                tracing::info!(endpoint, id, tries = count, last, ?pause, "delivery failed; will retry");
            }
            Disposition::Dead(Attempts { count, last }) => {
                tracing::error!(endpoint, id, tries = count, last, "moved to dead letters");
                self.metrics.record_dead_letter();
            }
        }
        self.unsettled.push(job.into_settlement(disposition));
    }

    /// The maximum age of a job: the duration of the whole schedule. A job that waited in its lane is attempted at least
    /// once.
    fn max_age(&self) -> Duration {
        self.config.schedule.iter().sum::<Duration>().mul_f64(1.1) + self.lease()
    }

    /// Moves jobs over the maximum age to the dead letters while the circuit is open.
    async fn expire_old_jobs(&mut self) -> Result<()> {
        let max_age = self.max_age();
        if self.config.queue.stats(&self.name).await?.oldest <= max_age {
            return Ok(());
        }
        let jobs = self.config.queue.claim(&self.name, EXPIRY_BATCH, LEASE_MARGIN).await?;
        let last = "the receiver has been down for too long";
        let expired = jobs.iter().filter(|job| job.age > max_age).count();
        if expired > 0 {
            tracing::error!(endpoint = self.name, expired, last, "moved to dead letters");
        }
        for job in jobs {
            let disposition = if job.age > max_age {
                self.metrics.record_dead_letter();
                Disposition::Dead(Attempts { last: last.to_owned(), ..job.attempts.clone() })
            } else {
                Disposition::Retry(Duration::ZERO, job.attempts.clone())
            };
            self.unsettled.push(job.into_settlement(disposition));
        }
        let settled = self.settle_jobs().await;
        self.record_settled(settled)
    }

    /// Settles what has finished. Returns for each whether its lease was still valid.
    async fn settle_jobs(&self) -> Result<Vec<bool>> {
        match self.unsettled.as_slice() {
            [] => Ok(Vec::new()),
            unsettled => self.config.queue.settle(&self.name, unsettled).await,
        }
    }

    fn record_settled(&mut self, settled: Result<Vec<bool>>) -> Result<()> {
        let leased = settled?;
        let late = leased.iter().filter(|leased| !**leased).count();
        if late > 0 {
            tracing::warn!(endpoint = self.name, late, "leases expired during delivery; will deliver again");
        }
        self.unsettled.clear();
        Ok(())
    }
}
