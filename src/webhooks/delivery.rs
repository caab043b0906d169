//! Delivers what is queued for one endpoint: claim -> prepare -> send -> settle. A step, and a dull loop.
//!
//! Deliveries of different users go side by side, up to a limit; those of one user one after the other. While the
//! [circuit](super::breaker) is open, one at a time probes the receiver.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono_tz::Tz;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::{FutureExt, TryFutureExt};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::breaker::{Breaker, Gauge};
use super::message::{self, Message};
use super::metrics::Metrics;
use super::retry::{self, Answer, Next};
use super::sender::Sender;
use crate::backend::Result;
use crate::config::Endpoint;
use crate::presence::clock::Clock;
use crate::presence::model::Change;
use crate::queue::{Claimed, Job, Queue, Settlement, Tries, Verdict};

/// How often the queue is looked at when no bell rings: changes that other replicas recorded, retries that are due.
const PAUSE: Duration = Duration::from_millis(200);
/// Between two tries within one attempt, as in the PHP package.
const BETWEEN_TRIES: Duration = Duration::from_millis(250);
/// What a lease has beyond the time that the tries can take.
const MARGIN: Duration = Duration::from_secs(5);
/// How long a receiver that is gone (410) is left alone.
const GONE: Duration = Duration::from_secs(3600);
/// How often the depth of the queue is noted.
const UPKEEP: Duration = Duration::from_secs(5);
/// So many deliveries are looked through at once for those that are too old.
const EXPIRED_AT_ONCE: usize = 200;

/// What all endpoints have in common.
#[derive(Clone)]
pub struct Terms {
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
    /// Tries within one attempt; 0 means 1.
    pub tries: u32,
    /// Deliveries under way at once, per endpoint.
    pub concurrency: usize,
    /// How long dead letters are kept.
    pub keep_dead: Duration,
}

/// What delivers to one endpoint.
pub struct Delivery {
    terms: Terms,
    endpoint: Endpoint,
    sender: Sender,
    metrics: Arc<Metrics>,
    breaker: Breaker,
    unsettled: Vec<Settlement>,
}

/// A delivery that was attempted.
struct Attempt {
    job: Job,
    answer: Option<Answer>,
    probe: bool,
}

type Attempts = FuturesUnordered<BoxFuture<'static, Attempt>>;

impl Delivery {
    /// Delivers through `sender` to `endpoint`, which is also the queue's name.
    pub fn new(terms: Terms, endpoint: Endpoint, sender: Sender, metrics: Arc<Metrics>) -> Self {
        Self { terms, endpoint, sender, metrics, breaker: Breaker::default(), unsettled: Vec::new() }
    }

    /// Claims what is ready, attempts all of it, settles; says how many there were.
    pub async fn step(&mut self) -> Result<usize> {
        let attempts: Attempts = self.claim(0).await?.into_iter().collect();
        let count = attempts.len();
        for attempt in attempts.collect::<Vec<_>>().await {
            self.conclude(attempt).await;
        }
        self.settle().await.map(|()| count)
    }

    /// Delivers until told to stop, then lets what is under way end.
    pub async fn run(mut self, mut bell: watch::Receiver<()>, stop: CancellationToken) {
        let mut attempts = Attempts::new();
        let mut failing = false;
        while !stop.is_cancelled() {
            let went_well = match self.claim(attempts.len()).await {
                Ok(claimed) => {
                    attempts.extend(claimed);
                    self.expire().await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = &went_well
                && !failing
            {
                tracing::warn!(endpoint = self.endpoint.name, error = error.reason(), "deliveries wait for the queue");
            }
            failing = went_well.is_err();
            tokio::select! {
                Some(attempt) = attempts.next(), if !attempts.is_empty() => self.conclude(attempt).await,
                _ = bell.changed(), if attempts.len() < self.terms.concurrency && !self.breaker.is_open() => {}
                () = tokio::time::sleep(PAUSE) => {}
                () = stop.cancelled() => {}
            }
            self.conclude_all(&mut attempts).await;
        }
        while let Some(attempt) = attempts.next().await {
            self.conclude(attempt).await;
            self.conclude_all(&mut attempts).await;
        }
    }

    /// Notes every now and then how the queue is doing, and drops dead letters that are too old. Never ends.
    pub fn upkeep(&self) -> impl Future<Output = ()> + use<> {
        let (queue, metrics, name) = (self.terms.queue.clone(), self.metrics.clone(), self.endpoint.name.clone());
        let keep = self.terms.keep_dead;
        async move {
            loop {
                let noted = queue.depth(&name).map_ok(|depth| metrics.depth(&depth)).await;
                if let Err(error) = noted.and(queue.purge(&name, keep).await) {
                    tracing::debug!(endpoint = name, error = error.reason(), "the queue's depth is not known");
                }
                tokio::time::sleep(UPKEEP).await;
            }
        }
    }

    /// Concludes everything that has ended meanwhile, and settles it in one go.
    async fn conclude_all(&mut self, attempts: &mut Attempts) {
        while let Some(Some(attempt)) = attempts.next().now_or_never() {
            self.conclude(attempt).await;
        }
        // What cannot be settled now is settled with the next ones, or delivered again when its lease has ended.
        _ = self.settle().await;
    }

    /// Claims as much as there is room for beside what is `under_way`; what is to be done with it.
    async fn claim(&self, under_way: usize) -> Result<Vec<BoxFuture<'static, Attempt>>> {
        let (limit, probe) = match self.breaker.gauge(Instant::now()) {
            Gauge::Closed => (self.terms.concurrency.saturating_sub(under_way), false),
            Gauge::Probe if under_way == 0 => (1, true),
            Gauge::Probe | Gauge::Open(_) => (0, false),
        };
        if limit == 0 {
            return Ok(Vec::new());
        }
        match self.terms.queue.claim(&self.endpoint.name, limit, self.lease()).await? {
            Claimed::Jobs(jobs) => Ok(jobs.into_iter().map(|job| self.attempt(job, probe)).collect()),
            Claimed::Paused(_) => Ok(Vec::new()),
        }
    }

    fn lease(&self) -> Duration {
        (self.endpoint.timeout + BETWEEN_TRIES) * self.terms.tries.max(1) + MARGIN
    }

    fn attempt(&self, job: Job, probe: bool) -> BoxFuture<'static, Attempt> {
        let (message, sender, metrics) = (self.prepare(&job), self.sender.clone(), self.metrics.clone());
        let tries = if probe { 1 } else { self.terms.tries.max(1) };
        Box::pin(async move {
            let Some(message) = message else { return Attempt { job, answer: None, probe } };
            let mut number = 1;
            loop {
                let started = Instant::now();
                let answer = sender.send(&message).await;
                metrics.tried(answer.outcome(), started.elapsed().as_secs_f64());
                if number == tries || !answer.is_worth_another() {
                    return Attempt { job, answer: Some(answer), probe };
                }
                number += 1;
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
        })
    }

    /// The post for a job; `None` if it cannot be read.
    fn prepare(&self, job: &Job) -> Option<Message> {
        let change: Change = serde_json::from_slice(&job.payload).ok()?;
        let id = change.id(&self.terms.installation);
        let body = message::body(&change, &id, self.terms.zone);
        let now = self.terms.clock.now().micros().div_euclid(1_000_000);
        Some(message::sign(&self.endpoint, &id.to_string(), body, now))
    }

    /// Judges an attempt.
    async fn conclude(&mut self, Attempt { job, answer, probe }: Attempt) {
        let name = &self.endpoint.name;
        let Some(answer) = answer else {
            tracing::error!(endpoint = name, id = job.id, "a queued delivery cannot be read and is given up");
            self.metrics.gave_up();
            let tries = Tries { last: "the delivery cannot be read".to_owned(), ..job.tries.clone() };
            return self.unsettled.push(job.settled(Verdict::Dead(tries)));
        };
        let last = answer.describe();
        if answer.is_outage() {
            if self.breaker.failed(Instant::now()) {
                tracing::warn!(endpoint = name, last, "the receiver is down: probing until it is back");
            }
        } else if self.breaker.succeeded() {
            tracing::info!(endpoint = name, "the receiver is back");
        }
        let count = if probe && answer.is_outage() { job.tries.count } else { job.tries.count + 1 };
        let tries = Tries { count, last };
        let verdict = match retry::next(&answer, tries.count.max(1), &self.terms.schedule, rand::random()) {
            Next::Done => Verdict::Done,
            _ if probe && answer.is_outage() => Verdict::Retry(self.breaker.pause(), tries),
            Next::Retry(pause) => Verdict::Retry(pause, tries),
            Next::Gone => self.leave_alone(tries).await,
            Next::GiveUp => Verdict::Dead(tries),
        };
        match &verdict {
            Verdict::Done => tracing::debug!(endpoint = self.endpoint.name, id = job.id, "delivered"),
            Verdict::Retry(pause, tries) => {
                let (last, tries) = (&tries.last, tries.count);
                tracing::info!(endpoint = self.endpoint.name, id = job.id, tries, last, ?pause, "not delivered yet");
            }
            Verdict::Dead(Tries { count, last }) => {
                let endpoint = &self.endpoint.name;
                tracing::error!(endpoint, id = job.id, tries = count, last, "given up: a dead letter now");
                self.metrics.gave_up();
            }
        }
        self.unsettled.push(job.settled(verdict));
    }

    /// The receiver is gone for good: pauses the whole endpoint.
    async fn leave_alone(&self, tries: Tries) -> Verdict {
        let name = &self.endpoint.name;
        tracing::warn!(endpoint = name, "the receiver says it is gone (410): the endpoint is paused for an hour");
        if let Err(error) = self.terms.queue.pause(name, GONE).await {
            tracing::warn!(endpoint = name, error = error.reason(), "the endpoint could not be paused");
        }
        let over = usize::try_from(tries.count).unwrap_or(usize::MAX) > self.terms.schedule.len();
        if over { Verdict::Dead(tries) } else { Verdict::Retry(GONE, tries) }
    }

    /// While the receiver is down, gives up what has waited for longer than the whole schedule takes.
    async fn expire(&mut self) -> Result<()> {
        let oldest: Duration = self.terms.schedule.iter().sum::<Duration>().mul_f64(1.1) + self.lease();
        if !self.breaker.is_open() || self.terms.queue.depth(&self.endpoint.name).await?.oldest <= oldest {
            return Ok(());
        }
        let claimed = self.terms.queue.claim(&self.endpoint.name, EXPIRED_AT_ONCE, MARGIN).await?;
        let Claimed::Jobs(jobs) = claimed else { return Ok(()) };
        let mut expired = 0;
        for job in jobs {
            let verdict = if job.age > oldest {
                expired += 1;
                self.metrics.gave_up();
                let last = "the receiver has been down for too long".to_owned();
                Verdict::Dead(Tries { last, ..job.tries.clone() })
            } else {
                Verdict::Retry(Duration::ZERO, job.tries.clone())
            };
            self.unsettled.push(job.settled(verdict));
        }
        let endpoint = &self.endpoint.name;
        tracing::error!(endpoint, expired, "given up, the receiver has been down for too long: dead letters now");
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
