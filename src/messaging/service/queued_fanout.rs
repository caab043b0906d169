//! Fan-out through a queue: taken in one commit before the answer, done by a worker, each job once.
//!
//! A fan-out is split into jobs of some recipients each, which go into the queue all together; whoever was answered has
//! lost nothing if everything is killed the next moment. What is queued is encrypted with `APP_KEY`, as Laravel does for
//! jobs that ask for it.
//!
//! **Order.** A client's messages always go through the same lane, and a lane is first in, first out: of two publications the
//! one that was answered first reaches every client first. Only a job that was given up, and then replayed, comes late.
//!
//! **Once.** A job that was interrupted, or handed out again because its lease had ended, is done again; its
//! [steps](super::fanout) that happened are passed over.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{Fanout, Messaging, MessagingError, Outcome};
use crate::messaging::domain::ClientId;
use crate::queue::{Attempts, Disposition, Job, NewJob, Queue, Settlement};
use crate::storage;
use crate::storage::sql;

/// The queue's name. No endpoint of webhooks has a blank in its name.
pub const QUEUE: &str = "fan out";

/// Lanes, and with them jobs that are done side by side: few, since a publication to some clients has a job in each. Who
/// changes the number gives up the order of what is queued meanwhile.
const LANES: u8 = 4;

/// Most recipients of one job.
const RECIPIENTS: usize = 500;

/// How long a worker is waited for before its jobs are handed out again. One that is merely slow does no harm then.
const LEASE: Duration = Duration::from_secs(5);

/// How often the queue is looked at when nothing was pushed here: jobs of other replicas, retries that are due.
const PAUSE: Duration = Duration::from_millis(200);

/// The longest pause before another try.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Attempts at something that the database refuses to do.
const TRIES: u32 = 10;

/// How long anything is tried. This and the time that dead letters are kept, again and again for those that are replayed,
/// are less than that of the names of steps.
const LONGEST: Duration = Duration::from_secs(3 * 86_400);

/// How long dead letters are kept.
pub(super) const KEEP_DEAD: Duration = Duration::from_secs(4 * 86_400);

/// How often the depth of the queue is noted.
const NOTE_EVERY: Duration = Duration::from_secs(5);

/// A job as it is queued, before it is encrypted.
#[derive(Serialize, Deserialize)]
struct StoredFanout {
    id: String,
    from: Option<String>,
    kind: String,
    payload: String,
    recipients: Vec<String>,
}

impl Fanout {
    /// Its jobs, each with its lane.
    fn split(&self) -> Vec<(String, Fanout)> {
        let mut lanes = vec![Vec::new(); usize::from(LANES)];
        for recipient in &self.recipients {
            lanes[usize::from(lane(recipient))].push(recipient.clone());
        }
        let of_lane = |(lane, recipients): (usize, Vec<ClientId>)| {
            let job = |(place, recipients): (usize, &[ClientId])| Fanout {
                id: Self::name(&[&self.id, &lane.to_string(), &place.to_string()]),
                from: self.from.clone(),
                kind: self.kind.clone(),
                payload: self.payload.clone(),
                recipients: recipients.to_vec(),
            };
            recipients.chunks(RECIPIENTS).enumerate().map(|part| (lane.to_string(), job(part))).collect::<Vec<_>>()
        };
        lanes.into_iter().enumerate().flat_map(of_lane).collect()
    }

    fn write(&self) -> Zeroizing<Vec<u8>> {
        let text = |id: &ClientId| id.as_str().to_owned();
        let stored = StoredFanout {
            id: self.id.clone(),
            from: self.from.as_ref().map(text),
            kind: self.kind.clone(),
            payload: self.payload.clone(),
            recipients: self.recipients.iter().map(text).collect(),
        };
        Zeroizing::new(serde_json::to_vec(&stored).unwrap_or_else(|error| unreachable!("only texts: {error}")))
    }

    fn read(plain: &[u8]) -> Option<Self> {
        let StoredFanout { id, from, kind, payload, recipients } = serde_json::from_slice(plain).ok()?;
        let recipients = recipients.iter().map(|id| ClientId::parse(id)).collect::<Option<_>>()?;
        Some(Self { id, from: from.as_deref().and_then(ClientId::parse), kind, payload, recipients })
    }
}

/// The lane of a client's messages. On some engines letters' case makes no other client.
fn lane(client: &ClientId) -> u8 {
    Sha256::digest(client.as_str().to_ascii_lowercase())[0] % LANES
}

impl Messaging {
    /// Takes a message for many clients: stores it for each of them, or queues it. Done twice it is stored once.
    ///
    /// # Errors
    /// It may have been taken or not: the database, or the queue, does not answer.
    pub async fn publish(&self, fanout: &Fanout) -> Outcome<()> {
        self.holds("type", &fanout.kind)?;
        let Some(queue) = &self.queue else { return self.fan_out(fanout).await };
        let jobs = fanout.split();
        let encrypted = jobs.iter().map(|(_, job)| self.crypt.encrypt(&job.write()).into_bytes());
        let encrypted: Vec<Vec<u8>> = encrypted.collect();
        let new = jobs.iter().zip(&encrypted).map(|((lane, job), payload)| NewJob {
            id: &job.id,
            lane,
            payload,
            delay: Duration::ZERO,
        });
        queue.push(QUEUE, &new.collect::<Vec<_>>()).await?;
        self.queued.notify_one();
        Ok(())
    }

    /// Does what is queued, until `stop`. Jobs in hand are finished.
    pub async fn work(self: Arc<Self>, stop: CancellationToken) {
        let Some(queue) = self.queue.clone() else { return };
        let mut failing = false;
        while !stop.is_cancelled() {
            let done = self.work_once(queue.as_ref()).await;
            if let Err(error) = &done
                && !failing
            {
                tracing::warn!(error = error.reason(), "fan-out waits for the queue");
            }
            failing = done.is_err();
            if done.is_ok_and(|count| count > 0) {
                continue;
            }
            tokio::select! {
                () = self.queued.notified() => {}
                () = tokio::time::sleep(PAUSE) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Does the jobs at the heads of the lanes, and says how many there were.
    ///
    /// # Errors
    /// The queue does not answer: what was done of them is found to be done when they are handed out again.
    pub async fn work_once(&self, queue: &dyn Queue) -> storage::Result<usize> {
        let jobs = queue.claim(QUEUE, usize::from(LANES), LEASE).await?;
        let settled = join_all(jobs.into_iter().map(|job| self.attempt(job))).await;
        let mut tries = 0;
        loop {
            match queue.settle(QUEUE, &settled).await {
                Ok(_) => return Ok(settled.len()),
                Err(error) if PAUSE * tries > LEASE => return Err(error),
                Err(_) => tries += 1,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn attempt(&self, job: Job) -> Settlement {
        let Some(fanout) = self.read_job(&job.payload) else {
            tracing::error!(id = job.id, "a fan-out job does not decrypt: another APP_KEY? It is a dead letter now");
            let tries = Attempts { last: "the job does not decrypt".to_owned(), ..job.attempts.clone() };
            return job.into_settlement(Disposition::Dead(tries));
        };
        let verdict = match self.fan_out(&fanout).await {
            Ok(()) => Disposition::Done,
            Err(failure) => judged(&job, &failure),
        };
        job.into_settlement(verdict)
    }

    /// What is in a job; `None` if it does not decrypt.
    pub(super) fn read_job(&self, payload: &[u8]) -> Option<Fanout> {
        Fanout::read(&self.crypt.decrypt(std::str::from_utf8(payload).ok()?).ok()?)
    }

    /// Notes every now and then how the queue is doing. Never ends.
    pub async fn note_depth(self: Arc<Self>) {
        let Some(queue) = self.queue.clone() else { return };
        loop {
            match queue.stats(QUEUE).await {
                Ok(depth) => self.metrics.depth(&depth),
                Err(error) => tracing::debug!(error = error.reason(), "the depth of the fan-out queue is not known"),
            }
            tokio::time::sleep(NOTE_EVERY).await;
        }
    }
}

/// What is to become of a job that was not done.
fn judged(job: &Job, failure: &MessagingError) -> Disposition {
    let outage = matches!(failure, MessagingError::Database(sql::Error::Unavailable(_) | sql::Error::Conflict(_)));
    let hopeless = match failure {
        MessagingError::Secret => true,
        MessagingError::Database(error) => error.is_data_error(),
        _ => false,
    };
    let tries = Attempts { count: job.attempts.count.saturating_add(1), last: failure.to_string() };
    let (id, count, error) = (&job.id, tries.count, failure.chain());
    if hopeless || job.age > LONGEST || (!outage && count >= TRIES) {
        tracing::error!(id, tries = count, error, "fan-out given up: a dead letter now");
        return Disposition::Dead(tries);
    }
    let pause = Duration::from_secs(1 << (count - 1).min(10)).min(LONGEST_PAUSE);
    tracing::info!(id, tries = count, error, ?pause, "not fanned out yet");
    Disposition::Retry(pause, tries)
}
