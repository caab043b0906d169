//! Durable job queues: FIFO per lane, leased, at least once.
//!
//! A *queue* has a name and any number of *lanes*. A lane is an ordered partition of a queue (a message group in SQS): first
//! in, first out, with at most one job claimed at a time. Lanes proceed in parallel. A worker *claims* the heads of lanes
//! that are ready, each under a *lease*, and *settles* every job: done, to be retried after a pause, or dead. While a head
//! waits for its retry, its lane waits with it; this keeps the order.
//!
//! Every queue guarantees:
//! - A pushed job is handed out until it is settled as done or dead. When a worker dies with a job, the lease ends and the
//!   job is handed out again: at least once, never lost.
//! - A settlement takes effect only under the lease with which the job was claimed; a late one changes nothing.
//! - Pushing the id of a pending job of the same lane changes nothing. Pushing the id of a dead letter replaces it: the job returns to the
//!   end of its lane with the new payload.
//! - A job that cannot be decoded becomes a dead letter and does not block its lane.
//! - All times are those of the store's own clock. Callers pass durations.
//!
//! A job that belongs to another write, such as a change of presence, is pushed in the same commit. For this the Redis
//! queue exports its [script](redis::PUSH), the memory queue has synchronous methods that the caller calls under its own
//! lock, and the SQL queue pushes [in a transaction](SqlQueue::push_in_tx) of the caller.

pub mod memory;
pub mod redis;
mod sql;

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use self::memory::MemoryQueue;
pub use self::redis::RedisQueue;
pub use self::sql::{RetractTx, SqlQueue, TABLES, statements as sql_statements};
use crate::storage::Result;

/// A claimed job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The id, unique within the queue.
    pub id: String,
    /// The lane whose head it is.
    pub lane: String,
    /// The content.
    pub payload: Vec<u8>,
    /// The time since it was pushed.
    pub age: Duration,
    /// The earlier attempts.
    pub attempts: Attempts,
    /// The lease under which it was claimed.
    pub lease: u64,
}

/// The attempts at a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// The number of attempts that count.
    pub count: u32,
    /// The result of the last one, as text for people.
    #[serde(default)]
    pub last: String,
}

impl Attempts {
    /// Decodes attempts. Those that cannot be decoded count as none.
    fn from_json(json: &[u8]) -> Self {
        serde_json::from_slice(json).unwrap_or_default()
    }

    fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| unreachable!("attempts have string keys only: {error}"))
    }
}

/// A job to push.
#[derive(Clone, Debug)]
pub struct NewJob<'a> {
    /// The id, unique within the queue.
    pub id: &'a str,
    /// The lane to append it to.
    pub lane: &'a str,
    /// The content.
    pub payload: &'a [u8],
    /// The time before which it is not handed out.
    pub delay: Duration,
}

/// A job that is held at the end of its lane: it is delayed, and so is every job behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldJob {
    /// The id, unique within the queue.
    pub id: String,
    /// The content.
    pub payload: Vec<u8>,
}

/// The outcome of a claimed job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The job is removed.
    Done,
    /// The job is handed out again after this pause.
    Retry(Duration, Attempts),
    /// The job becomes a dead letter; the attempts contain the reason.
    Dead(Attempts),
}

/// A claimed job and its outcome.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The id of the job.
    pub id: String,
    /// Its lane.
    pub lane: String,
    /// The lease under which it was claimed.
    pub lease: u64,
    /// The outcome.
    pub disposition: Disposition,
}

impl Job {
    /// Returns the settlement of this job.
    pub fn into_settlement(self, disposition: Disposition) -> Settlement {
        Settlement { id: self.id, lane: self.lane, lease: self.lease, disposition }
    }
}

/// The state of a job, as a filter of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Not settled yet.
    Pending,
    /// A dead letter.
    Dead,
}

/// A job in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobInfo {
    /// The id.
    pub id: String,
    /// The lane.
    pub lane: String,
    /// The content.
    pub payload: Vec<u8>,
    /// The time of the push, in milliseconds of the store's clock since 1970.
    pub pushed_at: i64,
    /// The time when it is handed out next, likewise; `None` for a dead letter and for a job behind the head of its lane.
    pub next_at: Option<i64>,
    /// The attempts so far.
    pub attempts: Attempts,
    /// The position in the list.
    pub cursor: ListCursor,
}

/// A position in a list of jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListCursor {
    /// The time when the job entered the list: that of its push or of its death, in milliseconds of the store's clock since
    /// 1970.
    pub at: i64,
    /// The id of the job.
    pub id: String,
}

/// The size and the age of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// The number of pending jobs.
    pub pending: u64,
    /// The age of the oldest pending job.
    pub oldest: Duration,
    /// The number of dead letters.
    pub dead: u64,
}

/// The most that is claimed of one lane at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLimit {
    /// The number of jobs, at least one.
    pub jobs: usize,
    /// The bytes of their contents. The head is claimed whatever its size.
    pub bytes: usize,
}

impl RunLimit {
    /// The head alone.
    pub const HEAD: Self = Self { jobs: 1, bytes: 0 };
}

/// Queues in one store: [`RedisQueue`], [`SqlQueue`] or [`MemoryQueue`].
///
/// Every method fails when the store is not available.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Pushes jobs that belong to no other write.
    async fn push(&self, queue: &str, jobs: &[NewJob<'_>]) -> Result<()>;

    /// Claims up to `limit` heads of lanes that are ready, those that have been ready longest first, under a lease of
    /// `lease`. Returns at most one job of each lane.
    async fn claim(&self, queue: &str, limit: usize, lease: Duration) -> Result<Vec<Job>> {
        self.claim_runs(queue, limit, RunLimit::HEAD, lease).await
    }

    /// Claims up to `lanes` lanes as [`claim`](Self::claim) does, each with the jobs behind its head that may be handed out
    /// too. The jobs of a lane follow each other, in its order and under one lease; they are settled in this order, up to
    /// the first that is retried. Those that are not settled are handed out again.
    async fn claim_runs(&self, queue: &str, lanes: usize, run: RunLimit, lease: Duration) -> Result<Vec<Job>>;

    /// Returns for each lane whether it has no pending jobs. Of several lanes, one that cannot be asked counts as busy.
    async fn are_idle(&self, queue: &str, lanes: &[&str]) -> Result<Vec<bool>>;

    /// Settles claimed jobs. Returns for each whether its lease was still valid.
    async fn settle(&self, queue: &str, settlements: &[Settlement]) -> Result<Vec<bool>>;

    /// Returns up to `limit` jobs behind `after`, in the order in which they entered the list.
    async fn list(
        &self,
        queue: &str,
        state: JobState,
        after: Option<&ListCursor>,
        limit: usize,
    ) -> Result<Vec<JobInfo>>;

    /// Returns up to `limit` pending jobs of a lane, the head first.
    async fn lane(&self, queue: &str, lane: &str, limit: usize) -> Result<Vec<JobInfo>>;

    /// Moves the dead letters with these ids to the end of their lanes, as if pushed now. Returns the number of moved jobs.
    async fn replay(&self, queue: &str, ids: &[String]) -> Result<usize>;

    /// Removes dead letters that died more than `age` ago.
    async fn purge(&self, queue: &str, age: Duration) -> Result<()>;

    /// Removes all jobs of a lane, pending ones and dead letters; returns their number. A job that is claimed is removed as
    /// well: its settlement has no effect.
    async fn erase_lane(&self, queue: &str, lane: &str) -> Result<usize>;

    /// Returns the size and the age of the queue.
    async fn stats(&self, queue: &str) -> Result<QueueStats>;
}
