//! Changes on their way into queues, within the commit that records them.

use std::time::Duration;

use super::{Outbox, Timestamp};
use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{Change, Event, Status};
use crate::presence::store::outbox;
use crate::presence::store::outbox::OutboxQueue;
use crate::queue::{NewJob, Queue, SqlQueue};
use crate::storage;
use crate::storage::sql::{Result, Transaction};

/// Entries this many milliseconds older than the oldest job are kept: an entry may be a moment older than its job.
const MAX_ENTRY_LEAD_MS: i64 = 1_000;

/// Where changes go out to, in the same database.
pub(super) struct OutboxWriter {
    outbox: Outbox,
    queue: SqlQueue,
}

/// A job that is going to be pushed.
struct Job<'a> {
    id: String,
    key: &'a UserKey,
    change: &'a Change,
    payload: Vec<u8>,
    delay: Duration,
}

impl Job<'_> {
    fn pushed(&self) -> NewJob<'_> {
        NewJob { id: &self.id, lane: self.key.as_str(), payload: &self.payload, delay: self.delay }
    }
}

impl OutboxWriter {
    pub(super) fn new(outbox: Outbox, queue: SqlQueue) -> Self {
        Self { outbox, queue }
    }

    /// Pushes changes into every queue that wants them.
    pub(super) async fn push(&self, transaction: &mut Transaction, changes: &[(&UserKey, &Change)]) -> Result<()> {
        for outlet in &self.outbox.queues {
            let mut jobs = Vec::new();
            for (key, change) in changes {
                self.gather(transaction, (outlet, key, change), &mut jobs).await?;
            }
            let jobs: Vec<NewJob<'_>> = jobs.iter().map(Job::pushed).collect();
            self.queue.push_in_tx(transaction, &outlet.queue, &jobs).await?;
        }
        Ok(())
    }

    /// Adds the job of a change, if there is to be one, behind those gathered before it.
    async fn gather<'a>(
        &self,
        transaction: &mut Transaction,
        (outlet, key, change): (&OutboxQueue, &'a UserKey, &'a Change),
        jobs: &mut Vec<Job<'a>>,
    ) -> Result<()> {
        let event = change.event();
        let back = !outlet.debounce.is_zero() && matches!(event, Event::Online | Event::Away);
        let unchanged = back && self.take_back(transaction, (outlet, key), jobs).await? == Some(change.status);
        if unchanged || !outlet.events.contains(&event) {
            return Ok(());
        }
        // Signs of life do not pile up behind what a receiver has not taken yet.
        let piles_up = change.is_heartbeat
            && (jobs.iter().any(|job| job.key == key)
                || !self.queue.is_idle_in_tx(transaction, &outlet.queue, key.as_str()).await?);
        if !piles_up {
            let delay = if event == Event::Offline { outlet.debounce } else { Duration::ZERO };
            let id = change.id(&self.outbox.installation).to_string();
            jobs.push(Job { id, key, change, payload: outbox::json(change), delay });
        }
        Ok(())
    }

    /// Takes back what is held of a user who is back; gives the status before all of it.
    async fn take_back(
        &self,
        transaction: &mut Transaction,
        (outlet, key): (&OutboxQueue, &UserKey),
        jobs: &mut Vec<Job<'_>>,
    ) -> Result<Option<Status>> {
        let mut before = None;
        while let Some(last) = jobs.iter().rposition(|job| job.key == key) {
            if jobs[last].change.status != Status::Offline {
                return Ok(before);
            }
            before = Some(jobs.remove(last).change.previous);
        }
        let offline = |payload: &[u8]| outbox::read(payload).is_some_and(|held| held.status == Status::Offline);
        let lane = (outlet.queue.as_str(), key.as_str());
        while let Some(held) = self.queue.retract_in_tx(transaction, lane, offline).await? {
            before = outbox::read(&held).map(|held| held.previous);
        }
        Ok(before)
    }

    /// The moment before which nothing that was recorded is still on its way: `before`, or earlier.
    pub(super) async fn delivered_until(&self, before: Timestamp, now: Timestamp) -> storage::Result<i64> {
        let mut until = before.millis();
        for outlet in &self.outbox.queues {
            let depth = self.queue.stats(&outlet.queue).await?;
            if depth.pending > 0 {
                let age = i64::try_from(depth.oldest.as_millis()).unwrap_or(i64::MAX);
                until = until.min(now.millis().saturating_sub(age) - MAX_ENTRY_LEAD_MS);
            }
        }
        Ok(until)
    }
}
