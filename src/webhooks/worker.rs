//! Delivers what is queued for one endpoint: claim -> prepare -> send -> settle.
//!
//! Deliveries of different users go side by side, up to a limit; those of one user one after the other. While the
//! [circuit](super::domain::breaker) is open, one at a time probes the receiver.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono_tz::Tz;
use futures_util::TryFutureExt;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::client::WebhookClient;
use super::domain::breaker::{Breaker, CircuitState};
use super::domain::retry::{AttemptResult, RetryDecision};
use super::domain::{payload, retry};
use super::metrics::Metrics;
use crate::config::EndpointConfig;
use crate::presence::domain::Change;
use crate::presence::service::clock::Clock;
use crate::queue::{Attempts, Disposition, Job, Queue, Settlement};
use crate::storage::Result;

/// How often the queue is looked at when no bell rings: changes that other replicas recorded, retries that are due.
const PAUSE: Duration = Duration::from_millis(200);
/// Between two tries within one attempt, as in the PHP package.
const BETWEEN_TRIES: Duration = Duration::from_millis(250);
/// What a lease has beyond the time that the tries can take.
const MARGIN: Duration = Duration::from_secs(5);
/// How often the depth of the queue is noted, and what is too old is looked for.
const UPKEEP: Duration = Duration::from_secs(5);
/// So many deliveries are looked through at once for those that are too old.
const EXPIRED_AT_ONCE: usize = 200;

/// What all endpoints have in common.
#[derive(Clone)]
pub struct DeliveryConfig {
    /// The queues.
    pub queue: Arc<dyn Queue>,
    /// The store's clock.
    pub clock: Arc<Clock>,
    /// The application's time zone.
    pub zone: Tz,
    /// The name space of ids.
    pub installation: Uuid,
    /// Pauses between attempts.
    pub schedule: Vec<Duration>,
    /// Attempts within one attempt, at least one.
    pub tries: u32,
    /// Deliveries under way at once, per endpoint and replica.
    pub concurrency: usize,
    /// How long dead letters are kept.
    pub keep_dead: Duration,
}

/// What delivers to one endpoint.
pub struct DeliveryWorker {
    terms: DeliveryConfig,
    endpoint: EndpointConfig,
    sender: WebhookClient,
    metrics: Arc<Metrics>,
    breaker: Breaker,
    expired_at: Instant,
    unsettled: Vec<Settlement>,
}

/// A delivery that was attempted.
struct Attempt {
    job: Job,
    /// What came of it; `None` for a job that cannot be read.
    answer: Option<AttemptResult>,
    probe: bool,
}

/// What is under way. A task each: while this one waits for the queue, posts go on.
type AttemptSet = JoinSet<Attempt>;

impl DeliveryWorker {
    /// Delivers through `sender` to `endpoint`, which is also the queue's name.
    pub fn new(terms: DeliveryConfig, endpoint: EndpointConfig, sender: WebhookClient, metrics: Arc<Metrics>) -> Self {
        let (breaker, expired_at) = (Breaker::default(), Instant::now());
        Self { terms, endpoint, sender, metrics, breaker, expired_at, unsettled: Vec::new() }
    }

    /// Delivers until told to stop, then lets what is under way end.
    pub async fn run(mut self, mut notifier: watch::Receiver<()>, stop: CancellationToken) {
        let mut attempts = AttemptSet::new();
        let mut failing = false;
        while !stop.is_cancelled() {
            let went_well = self.set_out(&mut attempts).await;
            if let Err(error) = &went_well
                && !failing
            {
                tracing::warn!(endpoint = self.endpoint.name, error = error.reason(), "deliveries wait for the queue");
            }
            failing = went_well.is_err();
            tokio::select! {
                Some(attempt) = attempts.join_next() => self.conclude(attempt),
                _ = notifier.changed(), if attempts.len() < self.terms.concurrency && !self.breaker.is_open() => {}
                () = tokio::time::sleep(PAUSE) => {}
                () = stop.cancelled() => {}
            }
            self.conclude_all(&mut attempts).await;
        }
        while let Some(attempt) = attempts.join_next().await {
            self.conclude(attempt);
            self.conclude_all(&mut attempts).await;
        }
    }

    /// Notes every now and then how the queue is doing, and drops dead letters that are too old. Never ends.
    pub fn upkeep(&self) -> impl Future<Output = ()> + use<> {
        let (queue, metrics, name) = (self.terms.queue.clone(), self.metrics.clone(), self.endpoint.name.clone());
        let keep = self.terms.keep_dead;
        async move {
            loop {
                let noted = queue.stats(&name).map_ok(|depth| metrics.depth(&depth)).await;
                if let Err(error) = noted.and(queue.purge(&name, keep).await) {
                    tracing::debug!(endpoint = name, error = error.reason(), "the queue's depth is not known");
                }
                tokio::time::sleep(UPKEEP).await;
            }
        }
    }

    /// Concludes everything that has ended meanwhile, and settles it in one go.
    async fn conclude_all(&mut self, attempts: &mut AttemptSet) {
        while let Some(attempt) = attempts.try_join_next() {
            self.conclude(attempt);
        }
        // What cannot be settled now is settled with the next ones, or delivered again when its lease has ended.
        _ = self.settle().await;
    }

    /// Claims as much as there is room for beside what is under way, and sets out to deliver it.
    async fn set_out(&mut self, attempts: &mut AttemptSet) -> Result<()> {
        let (limit, probe) = match self.breaker.gauge(Instant::now()) {
            CircuitState::Closed => (self.terms.concurrency.saturating_sub(attempts.len()), false),
            CircuitState::Probe if attempts.is_empty() => (1, true),
            CircuitState::Probe | CircuitState::Open(_) => (0, false),
        };
        if limit > 0 {
            for job in self.terms.queue.claim(&self.endpoint.name, limit, self.lease()).await? {
                attempts.spawn(self.attempt(job, probe));
            }
        }
        if self.breaker.is_open() && self.expired_at.elapsed() >= UPKEEP {
            self.expired_at = Instant::now();
            self.expire().await?;
        }
        Ok(())
    }

    fn lease(&self) -> Duration {
        (self.endpoint.timeout + BETWEEN_TRIES) * self.terms.tries + MARGIN
    }

    /// Posts a job, again at once if that may help. Each post is signed anew: its time must not be long ago.
    fn attempt(&self, job: Job, probe: bool) -> impl Future<Output = Attempt> + use<> {
        let (endpoint, sender, metrics) = (self.endpoint.clone(), self.sender.clone(), self.metrics.clone());
        let (clock, post) = (self.terms.clock.clone(), self.prepare(&job));
        let tries = if probe { 1 } else { self.terms.tries };
        async move {
            let Some((id, body)) = post else { return Attempt { job, answer: None, probe } };
            let mut number = 1;
            loop {
                let now = clock.now().micros().div_euclid(1_000_000);
                let started = Instant::now();
                let answer = sender.send(&payload::sign(&endpoint, &id, body.clone(), now)).await;
                metrics.tried(answer.outcome(), started.elapsed().as_secs_f64());
                if number == tries || !answer.is_worth_another() {
                    return Attempt { job, answer: Some(answer), probe };
                }
                number += 1;
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
        }
    }

    /// Id and body of the post for a job; `None` if it cannot be read.
    fn prepare(&self, job: &Job) -> Option<(String, Vec<u8>)> {
        let change = Change::decode(&job.payload, &self.terms.installation).ok()?;
        Some((change.id.to_string(), payload::body(&change, &change.id, self.terms.zone)))
    }

    /// Judges an attempt.
    fn conclude(&mut self, attempt: std::result::Result<Attempt, JoinError>) {
        let (name, now) = (&self.endpoint.name, Instant::now());
        let Attempt { job, answer, probe } = match attempt {
            Ok(attempt) => attempt,
            Err(error) => return tracing::error!(endpoint = name, %error, "a delivery broke off; it is made again"),
        };
        let Some(answer) = answer else {
            let tries = Attempts { last: "the delivery cannot be read".to_owned(), ..job.attempts.clone() };
            return self.settle_later(job, Disposition::Dead(tries));
        };
        let last = answer.describe();
        if answer.is_outage() {
            if self.breaker.failed(now, answer.rest()) {
                tracing::warn!(endpoint = name, last, "the receiver is down: probing until it is back");
            }
        } else if self.breaker.succeeded() {
            tracing::info!(endpoint = name, "the receiver is back");
        }
        let spared = probe && answer.is_outage();
        let tries = Attempts { count: job.attempts.count + u32::from(!spared), last };
        let verdict = match retry::next(&answer, tries.count.max(1), &self.terms.schedule, rand::random()) {
            RetryDecision::Done => Disposition::Done,
            _ if job.age > self.longest() => Disposition::Dead(tries),
            _ if spared => Disposition::Retry(self.breaker.rest(now), tries),
            RetryDecision::Retry(pause) => Disposition::Retry(pause, tries),
            RetryDecision::GiveUp => Disposition::Dead(tries),
        };
        self.settle_later(job, verdict);
    }

    fn settle_later(&mut self, job: Job, verdict: Disposition) {
        let (endpoint, id) = (&self.endpoint.name, &job.id);
        match &verdict {
            Disposition::Done => tracing::debug!(endpoint, id, "delivered"),
            Disposition::Retry(pause, Attempts { count, last }) => {
                tracing::info!(endpoint, id, tries = count, last, ?pause, "not delivered yet");
            }
            Disposition::Dead(Attempts { count, last }) => {
                tracing::error!(endpoint, id, tries = count, last, "given up: a dead letter now");
                self.metrics.gave_up();
            }
        }
        self.unsettled.push(job.into_settlement(verdict));
    }

    /// Nothing is tried for longer than the whole schedule takes; who waits behind others is tried once at least.
    fn longest(&self) -> Duration {
        self.terms.schedule.iter().sum::<Duration>().mul_f64(1.1) + self.lease()
    }

    /// While the receiver is down, gives up what has waited for longer than the whole schedule takes.
    async fn expire(&mut self) -> Result<()> {
        let (name, longest) = (&self.endpoint.name, self.longest());
        if self.terms.queue.stats(name).await?.oldest <= longest {
            return Ok(());
        }
        let jobs = self.terms.queue.claim(name, EXPIRED_AT_ONCE, MARGIN).await?;
        let last = "the receiver has been down for too long";
        let expired = jobs.iter().filter(|job| job.age > longest).count();
        if expired > 0 {
            tracing::error!(endpoint = name, expired, last, "given up: dead letters now");
        }
        for job in jobs {
            let verdict = if job.age > longest {
                self.metrics.gave_up();
                Disposition::Dead(Attempts { last: last.to_owned(), ..job.attempts.clone() })
            } else {
                Disposition::Retry(Duration::ZERO, job.attempts.clone())
            };
            self.unsettled.push(job.into_settlement(verdict));
        }
        self.settle().await
    }

    async fn settle(&mut self) -> Result<()> {
        if self.unsettled.is_empty() {
            return Ok(());
        }
        let held = self.terms.queue.settle(&self.endpoint.name, &self.unsettled).await?;
        let late = held.iter().filter(|held| !**held).count();
        if late > 0 {
            tracing::warn!(endpoint = self.endpoint.name, late, "deliveries outlasted their lease and are made again");
        }
        self.unsettled.clear();
        Ok(())
    }
}
