//! Steps within somebody else's transaction: what is pushed there is pushed if that is committed.
//!
//! Transactions that take several lanes in hand one after the other may stand in each other's way: the database then
//! refuses one of them as a [conflict](crate::storage::sql::Error::Conflict), and it is to be done again as a whole. It is rarer if
//! everything for a queue is pushed in one call.

use std::collections::BTreeMap;

use super::{SqlQueue, lane_key, millis};
use crate::queue::NewJob;
use crate::storage::sql::{Arg, Result, Transaction};

/// Most jobs, and most bytes of them, in one statement: servers limit what they take at once.
const CHUNK: usize = 100;
const CHUNK_BYTES: usize = 1 << 20;

impl SqlQueue {
    /// Pushes jobs as part of a transaction. Their lanes are in its hand until it ends.
    ///
    /// # ValidationErrors
    /// The transaction cannot go on.
    pub async fn push_within(&self, transaction: &mut Transaction, queue: &str, jobs: &[NewJob<'_>]) -> Result<()> {
        for jobs in chunks(jobs) {
            self.push_chunk(transaction, queue, jobs).await?;
        }
        Ok(())
    }

    async fn push_chunk(&self, transaction: &mut Transaction, queue: &str, jobs: &[NewJob<'_>]) -> Result<()> {
        let keys: Vec<String> = jobs.iter().map(|job| lane_key(queue, job.lane)).collect();
        let mut lanes: BTreeMap<&str, i64> = BTreeMap::new();
        for (key, job) in keys.iter().zip(jobs) {
            lanes.entry(key).or_insert_with(|| millis(job.delay));
        }
        let opened: Vec<Arg<'_>> =
            lanes.iter().flat_map(|(key, delay)| [Arg::from(*key), queue.into(), (*delay).into()]).collect();
        transaction.execute(&self.statements.repeated("open_lanes", lanes.len()), &opened).await?;
        let pushed: Vec<Arg<'_>> = jobs
            .iter()
            .zip(&keys)
            .flat_map(|(job, key)| {
                let names = [queue, job.id, key, job.lane].map(Arg::from);
                names.into_iter().chain([job.payload.into(), millis(job.delay).into()])
            })
            .collect();
        let push = self.statements.repeated("push", jobs.len());
        let mut new = transaction.execute(&push, &pushed).await?;
        if new < jobs.len() as u64 && self.drop_dead(transaction, queue, jobs).await? {
            new += transaction.execute(&push, &pushed).await?;
        }
        if new < jobs.len() as u64 {
            // An id that was there already has left a lane open in vain, perhaps.
            let keys: Vec<Arg<'_>> = lanes.keys().map(|key| Arg::from(*key)).collect();
            transaction.execute(&self.statements.repeated("drop_empty", keys.len()), &keys).await?;
        }
        Ok(())
    }

    /// Makes room for jobs that are dead letters; says whether there were any.
    async fn drop_dead(&self, transaction: &mut Transaction, queue: &str, jobs: &[NewJob<'_>]) -> Result<bool> {
        let dead: Vec<Arg<'_>> =
            [Arg::from(queue)].into_iter().chain(jobs.iter().map(|job| Arg::from(job.id))).collect();
        Ok(transaction.execute(&self.statements.repeated("drop_dead", jobs.len()), &dead).await? > 0)
    }

    /// Whether nothing is to be done in a lane.
    ///
    /// # ValidationErrors
    /// The transaction cannot go on.
    pub async fn is_idle_within(&self, transaction: &mut Transaction, queue: &str, lane: &str) -> Result<bool> {
        let key = lane_key(queue, lane);
        Ok(transaction.rows(&self.statements.get("is_open"), &[key.as_str().into()]).await?.is_empty())
    }
}

/// The jobs in their order, as many at once as one statement may carry.
fn chunks<'a, 'j>(mut jobs: &'a [NewJob<'j>]) -> impl Iterator<Item = &'a [NewJob<'j>]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |job: &&NewJob<'_>| {
            bytes += job.payload.len();
            bytes <= CHUNK_BYTES
        };
        let count = jobs.iter().take(CHUNK).take_while(fits).count().max(1).min(jobs.len());
        let (chunk, rest) = jobs.split_at(count);
        jobs = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}
