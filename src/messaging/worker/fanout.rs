//! Fans out queued publications: claims jobs, stores their messages, settles the jobs.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{FutureExt, join_all};
use tokio_util::sync::CancellationToken;

use crate::messaging::service::{Fanout, LANES, Messaging, MessagingContext, MessagingError, Publisher, QUEUE};
use crate::queue::{Attempts, Disposition, Job, Queue, RunLimit, Settlement};
use crate::storage;

/// The lease of a job. A worker that is merely slow does no harm when its job is claimed again.
const LEASE: Duration = Duration::from_secs(5);

/// The most that is claimed of a lane at once.
const RUN: RunLimit = RunLimit { jobs: 64, bytes: 1 << 20 };

/// The interval at which the queue is polled for jobs of other replicas and for due retries.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The longest pause before a retry.
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(60);

/// Maximum number of attempts at a job that the database rejects.
const MAX_ATTEMPTS: u32 = 10;

/// The result of an attempt that panicked.
const PANICKED: &str = "the fan-out panicked";

/// Maximum age of a job. Together with [`KEEP_DEAD_LETTERS`], also after repeated replays, it is shorter than the time for
/// which idempotency keys are kept.
const MAX_AGE: Duration = Duration::from_secs(3 * 86_400);

/// How long dead letters are kept.
pub(super) const KEEP_DEAD_LETTERS: Duration = Duration::from_secs(4 * 86_400);

/// The interval at which the depth of the queue is reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// Fans out queued publications.
pub struct FanoutWorker {
    publisher: Arc<Publisher>,
    queue: Arc<dyn Queue>,
    context: Arc<MessagingContext>,
}

impl FanoutWorker {
    /// Creates the worker of a messaging service; `None` if the service has no queue.
    pub fn new(messaging: &Messaging) -> Option<Self> {
        let queue = messaging.publisher.queue()?.clone();
        Some(Self { publisher: messaging.publisher.clone(), queue, context: messaging.context.clone() })
    }

    /// Fans out queued jobs until `stop`. Finishes claimed jobs.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut failing = false;
        while !stop.is_cancelled() {
            let result = self.fan_out_once().await;
            if let Err(error) = &result
                && !failing
            {
                tracing::warn!(error = error.reason(), "the fan-out queue does not answer; retrying until it does");
            }
            failing = result.is_err();
            if result.is_ok_and(|count| count > 0) {
                continue;
            }
            tokio::select! {
                () = self.publisher.wait_for_jobs() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Fans out jobs from the heads of the lanes on; returns the number of settled ones.
    ///
    /// # Errors
    /// The queue does not answer. The writes of these jobs are skipped when they are claimed again.
    pub async fn fan_out_once(&self) -> storage::Result<usize> {
        let jobs = self.queue.claim_runs(QUEUE, usize::from(LANES), RUN, LEASE).await?;
        let settlements = self.fan_out_runs(runs_of(jobs)).await;
        let mut attempts = 0;
        loop {
            match self.queue.settle(QUEUE, &settlements).await {
                Ok(_) => return Ok(settlements.len()),
                Err(error) if POLL_INTERVAL * attempts > LEASE => return Err(error),
                Err(_) => attempts += 1,
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Stores runs of jobs together. The first job of a run that cannot be stored so is attempted alone, and those behind it
    /// are left for the next claim.
    async fn fan_out_runs(&self, runs: Vec<VecDeque<Job>>) -> Vec<Settlement> {
        let decrypt =
            |run: &VecDeque<Job>| run.iter().map_while(|job| self.publisher.decrypt_job(&job.payload)).collect();
        let fanouts: Vec<Vec<Fanout>> = runs.iter().map(decrypt).collect();
        let together = self.publisher.fan_out_lanes(&fanouts, LEASE / 2);
        let stored = AssertUnwindSafe(together).catch_unwind().await.unwrap_or_else(|_| vec![0; runs.len()]);
        let finish = |(mut run, stored): (VecDeque<Job>, usize)| async move {
            let done = run.drain(..stored).map(|job| job.into_settlement(Disposition::Done));
            let mut settlements: Vec<Settlement> = done.collect();
            if let Some(next) = run.pop_front() {
                settlements.push(self.attempt(next).await);
            }
            settlements
        };
        join_all(runs.into_iter().zip(stored).map(finish)).await.into_iter().flatten().collect()
    }

    async fn attempt(&self, job: Job) -> Settlement {
        let Some(fanout) = self.publisher.decrypt_job(&job.payload) else {
            tracing::error!(id = job.id, "a fan-out job does not decrypt: another APP_KEY? Moved to dead letters");
            let tries = Attempts { last: "the job does not decrypt".to_owned(), ..job.attempts.clone() };
            return job.into_settlement(Disposition::Dead(tries));
        };
        let disposition = match AssertUnwindSafe(self.publisher.fan_out(&fanout)).catch_unwind().await {
            Ok(Ok(())) => Disposition::Done,
            Ok(Err(error)) => disposition(&job, &error),
            // The other jobs, and the worker, are not affected.
            Err(_) => retry_or_give_up(&job, PANICKED, PANICKED, is_last_attempt(&job)),
        };
        job.into_settlement(disposition)
    }

    /// Reports the depth of the queue to the metrics at an interval. Never returns.
    pub async fn report_depth(self: Arc<Self>) {
        loop {
            match self.queue.stats(QUEUE).await {
                Ok(stats) => self.context.metrics.record_queue_stats(&stats),
                Err(error) => tracing::debug!(error = error.reason(), "the depth of the fan-out queue is unknown"),
            }
            tokio::time::sleep(REPORT_INTERVAL).await;
        }
    }
}

/// Splits claimed jobs into those of each lane.
fn runs_of(jobs: Vec<Job>) -> Vec<VecDeque<Job>> {
    let mut runs: Vec<VecDeque<Job>> = Vec::new();
    for job in jobs {
        match runs.last_mut().filter(|run| run.front().is_some_and(|first| first.lane == job.lane)) {
            Some(run) => run.push_back(job),
            None => runs.push(VecDeque::from([job])),
        }
    }
    runs
}

/// Decides between a retry and the dead letters for a job that failed with `error`. A job is retried while the cause may
/// pass, as while the database is down, and up to [`MAX_ATTEMPTS`] times for other errors.
fn disposition(job: &Job, error: &MessagingError) -> Disposition {
    let outage = matches!(error, MessagingError::Database(error) if error.is_temporary());
    let permanent = match error {
        MessagingError::UndecryptableSecret => true,
        MessagingError::Database(error) => error.is_data_error(),
        _ => false,
    };
    let gives_up = permanent || job.age > MAX_AGE || (!outage && is_last_attempt(job));
    retry_or_give_up(job, &error.to_string(), &error.chain(), gives_up)
}

fn is_last_attempt(job: &Job) -> bool {
    job.attempts.count.saturating_add(1) >= MAX_ATTEMPTS
}

/// Logs `error`, and moves the job to the dead letters or retries it after a pause. Its last result is `last`.
fn retry_or_give_up(job: &Job, last: &str, error: &str, gives_up: bool) -> Disposition {
    let tries = Attempts { count: job.attempts.count.saturating_add(1), last: last.to_owned() };
    let (id, count) = (&job.id, tries.count);
    if gives_up {
        tracing::error!(id, tries = count, error, "fan-out failed; moved to dead letters");
        return Disposition::Dead(tries);
    }
    let pause = Duration::from_secs(1 << (count - 1).min(10)).min(MAX_RETRY_PAUSE);
    tracing::info!(id, tries = count, error, ?pause, "fan-out failed; will retry");
    Disposition::Retry(pause, tries)
}
