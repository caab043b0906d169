//! Durable leased lanes: what has to happen later, in order, and at least once.
//!
//! A *queue* has a name and any number of *lanes*. A lane is first in, first out, and has at most one job in hand; lanes
//! go on side by side. Who works on a queue *claims* the heads of lanes that are ready, each under a *lease*, and
//! *settles* every job: done, to be tried again after a while, or dead. While a head waits for its next try, its lane
//! waits with it: that is what keeps the order.
//!
//! What every queue promises:
//! - A job that was pushed is claimed until it is settled as done or dead. A worker that dies with a job in hand loses
//!   its lease, and the job is handed out again: at least once, never lost.
//! - A settlement counts only under the lease the job was claimed with; one that comes too late changes nothing.
//! - Pushing an id that is still to be done changes nothing. One that is a dead letter comes back, as it is pushed now, at
//!   the end of its lane: who pushes again wants it done.
//! - A job nobody can read goes to the dead letters by itself and holds up nobody.
//! - All times are those of the store's own clock. Callers give spans.
//!
//! Jobs that belong to something else that is stored, such as a change of presence, are pushed in the very commit that
//! stores it; that is why the redis backend lends out its [script](redis::PUSH), the memory backend its lock, and the SQL
//! backend pushes [within](SqlQueue::push_within) a transaction.

pub mod memory;
pub mod redis;
mod sql;

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use self::memory::MemoryQueue;
pub use self::redis::RedisQueue;
pub use self::sql::{RetractTx, SqlQueue};
use crate::storage::Result;

/// A job in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name, unique within the queue.
    pub id: String,
    /// The lane whose head it is.
    pub lane: String,
    /// What is to be done.
    pub payload: Vec<u8>,
    /// How long ago it was pushed.
    pub age: Duration,
    /// What is known of earlier tries.
    pub tries: Attempts,
    /// The lease it was claimed under.
    pub lease: u64,
}

/// What is known of a job's tries so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// How many counted.
    pub count: u32,
    /// What the last one led to, in words for people.
    #[serde(default)]
    pub last: String,
}

/// What is to be pushed.
#[derive(Clone, Debug)]
pub struct NewJob<'a> {
    /// Its name, unique within the queue.
    pub id: &'a str,
    /// The lane it follows in.
    pub lane: &'a str,
    /// What is to be done.
    pub payload: &'a [u8],
    /// How long nobody is handed it.
    pub delay: Duration,
}

/// A job that is held at the end of its lane: it is not due yet, and so is no job behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldJob {
    /// Its name, unique within the queue.
    pub id: String,
    /// What is to be done.
    pub payload: Vec<u8>,
}

/// What became of a job in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It is done with.
    Done,
    /// It is to be handed out again after this span.
    Retry(Duration, Attempts),
    /// It is given up; what is known of its tries says why.
    Dead(Attempts),
}

/// A job in hand, and what became of it.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Which job.
    pub id: String,
    /// Its lane.
    pub lane: String,
    /// The lease it was claimed under.
    pub lease: u64,
    /// What became of it.
    pub verdict: Disposition,
}

impl Job {
    /// This job, settled.
    pub fn settled(self, verdict: Disposition) -> Settlement {
        Settlement { id: self.id, lane: self.lane, lease: self.lease, verdict }
    }
}

/// Which jobs to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Those that are still to be done.
    Pending,
    /// The dead letters.
    Dead,
}

/// A job as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobInfo {
    /// Its name.
    pub id: String,
    /// Its lane.
    pub lane: String,
    /// What is to be done.
    pub payload: Vec<u8>,
    /// When it was pushed, in milliseconds of the store's clock since 1970.
    pub pushed_at: i64,
    /// When its lane is handed out next, likewise; `None` for one that is dead or waits behind another.
    pub next_at: Option<i64>,
    /// What is known of its tries.
    pub tries: Attempts,
    /// Where it stands in its list.
    pub place: ListCursor,
}

/// A place in a list of jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListCursor {
    /// When the job came into that list: was pushed, or died. In milliseconds of the store's clock since 1970.
    pub at: i64,
    /// Its name.
    pub id: String,
}

/// How a queue is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Jobs that are still to be done.
    pub pending: u64,
    /// How long the oldest of them has waited.
    pub oldest: Duration,
    /// Dead letters.
    pub dead: u64,
}

/// Queues in one store. Three ship: [`RedisQueue`], [`SqlQueue`] and [`MemoryQueue`].
#[async_trait]
pub trait Queue: Send + Sync {
    /// Pushes jobs that belong to nothing else that is stored.
    async fn push(&self, queue: &str, jobs: &[NewJob<'_>]) -> Result<()>;

    /// Hands out up to `limit` heads of lanes that are ready, longest ready first, under a lease of `lease`; at most one
    /// job of each lane, and perhaps none at all.
    async fn claim(&self, queue: &str, limit: usize, lease: Duration) -> Result<Vec<Job>>;

    /// Settles jobs in hand; says for each whether its lease still held.
    async fn settle(&self, queue: &str, settlements: &[Settlement]) -> Result<Vec<bool>>;

    /// Up to `limit` jobs in the order in which they came into the list, those that follow `after`.
    async fn list(
        &self,
        queue: &str,
        standing: JobState,
        after: Option<&ListCursor>,
        limit: usize,
    ) -> Result<Vec<JobInfo>>;

    /// Puts dead letters back at the end of their lanes, as if pushed now; those called `ids`. Says how many there were.
    async fn replay(&self, queue: &str, ids: &[String]) -> Result<usize>;

    /// Removes dead letters that died more than `age` ago.
    async fn purge(&self, queue: &str, age: Duration) -> Result<()>;

    /// How the queue is doing.
    async fn depth(&self, queue: &str) -> Result<QueueStats>;
}
