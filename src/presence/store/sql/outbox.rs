//! The operations on the outbox, executed in the transaction of the commit they belong to.

use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{HeldChange, Outbox, OutboxPush, Timestamp};
use crate::presence::store::Commit;
use crate::queue::{NewJob, Queue, RetractTx, SqlQueue};
use crate::storage;
use crate::storage::sql::{Result, Transaction};

/// Entries this many milliseconds older than the oldest job are kept: an entry may be a moment older than its job.
const MAX_ENTRY_LEAD_MS: i64 = 1_000;

/// The outbox, in the same database.
pub(super) struct OutboxWriter {
    outbox: Outbox,
    queue: SqlQueue,
}

/// A job to be pushed.
struct Job<'a> {
    id: String,
    lane: &'a str,
    payload: Vec<u8>,
    push: OutboxPush,
}

impl<'a> Job<'a> {
    fn new(commit: &'a Commit, push: OutboxPush) -> Self {
        let change = &commit.decision.changes[push.change];
        Self { id: change.id.to_string(), lane: commit.key.as_str(), payload: change.encode(), push }
    }

    fn as_new_job(&self) -> NewJob<'_> {
        NewJob { id: &self.id, lane: self.lane, payload: &self.payload, delay: self.push.delay }
    }
}

impl OutboxWriter {
    pub(super) fn new(outbox: Outbox, queue: SqlQueue) -> Self {
        Self { outbox, queue }
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The held jobs of each user in the queues that debounce.
    pub(super) async fn held(&self, keys: &[UserKey]) -> Result<Vec<Vec<HeldChange>>> {
        let queues = self.outbox.debounced();
        let lanes: Vec<(&str, &str)> =
            keys.iter().flat_map(|key| queues.clone().map(|(_, name)| (name, key.as_str()))).collect();
        let mut lanes = self.queue.held(&lanes).await?.into_iter();
        let held = |_: &UserKey| {
            let jobs = queues.clone().zip(lanes.by_ref()).flat_map(|((position, _), jobs)| {
                jobs.into_iter().map(move |job| self.outbox.held(position, job.id, &job.payload))
            });
            jobs.collect()
        };
        Ok(keys.iter().map(held).collect())
    }

    /// Locks the lanes from which the commits retract jobs.
    pub(super) async fn begin_retract(&self, transaction: &mut Transaction, commits: &[Commit]) -> Result<RetractTx> {
        let mut lanes: Vec<(&str, &str)> = Vec::new();
        for commit in commits {
            lanes.extend(self.retractions(commit).map(|(queue, _)| (queue, commit.key.as_str())));
        }
        self.queue.begin_retract(transaction, &lanes).await
    }

    /// Retracts the jobs of a commit; returns false, and retracts none, if one of them is not held.
    pub(super) fn retract(&self, retract: &mut RetractTx, commit: &Commit) -> bool {
        let jobs: Vec<(&str, &str)> = self.retractions(commit).collect();
        retract.retract(commit.key.as_str(), &jobs)
    }

    fn retractions<'a>(&'a self, commit: &'a Commit) -> impl Iterator<Item = (&'a str, &'a str)> {
        let retractions = commit.outbox.retractions.iter();
        retractions.map(|job| (self.outbox.queues[job.queue].name.as_str(), job.id.as_str()))
    }

    /// Removes the retracted jobs, then pushes those of the commits.
    pub(super) async fn write(
        &self,
        transaction: &mut Transaction,
        retract: RetractTx,
        commits: &[&Commit],
    ) -> Result<()> {
        self.queue.end_retract(transaction, retract).await?;
        for (position, queue) in self.outbox.queues.iter().enumerate() {
            let mut jobs = Vec::new();
            for commit in commits {
                for push in commit.outbox.pushes.iter().filter(|push| push.queue == position) {
                    let lane = commit.key.as_str();
                    if !push.only_if_idle || self.queue.is_idle_in_tx(transaction, &queue.name, lane).await? {
                        jobs.push(Job::new(commit, *push));
                    }
                }
            }
            let jobs: Vec<NewJob<'_>> = jobs.iter().map(Job::as_new_job).collect();
            self.queue.push_in_tx(transaction, &queue.name, &jobs).await?;
        }
        Ok(())
    }

    /// The moment before which no recorded change is still in a queue: `before`, or earlier.
    pub(super) async fn delivered_until(&self, before: Timestamp, now: Timestamp) -> storage::Result<i64> {
        let mut until = before.millis();
        for queue in &self.outbox.queues {
            let depth = self.queue.stats(&queue.name).await?;
            if depth.pending > 0 {
                let age = i64::try_from(depth.oldest.as_millis()).unwrap_or(i64::MAX);
                until = until.min(now.millis().saturating_sub(age) - MAX_ENTRY_LEAD_MS);
            }
        }
        Ok(until)
    }
}
