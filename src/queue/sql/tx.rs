//! Operations in a transaction of the caller, which take effect with its commit.
//!
//! Transactions that lock several lanes one after the other may deadlock. The database then fails one of them with a
//! [conflict](crate::storage::sql::Error::Conflict), and the caller must retry it as a whole. Conflicts are rarer when all jobs
//! of a queue are pushed in one call.

use std::collections::BTreeMap;

use super::SqlQueue;
use super::rows::{lane_key, millis};
use crate::queue::NewJob;
use crate::storage::sql::{Arg, Result, Transaction};

/// The largest number of jobs, and of bytes of them, in one statement: servers limit its size.
const CHUNK: usize = 100;
const CHUNK_BYTES: usize = 1 << 20;

impl SqlQueue {
    /// Pushes jobs in a transaction, which locks their lanes until it ends.
    ///
    /// # Errors
    /// The transaction has failed and must be retried or given up.
    pub async fn push_in_tx(&self, transaction: &mut Transaction, queue: &str, jobs: &[NewJob<'_>]) -> Result<()> {
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
        let upserted: Vec<Arg<'_>> =
            lanes.iter().flat_map(|(key, delay)| [Arg::from(*key), queue.into(), (*delay).into()]).collect();
        transaction.execute(&self.statements.repeated("upsert_lanes", lanes.len()), &upserted).await?;
        let pushed: Vec<Arg<'_>> = jobs
            .iter()
            .zip(&keys)
            .flat_map(|(job, key)| {
                let names = [queue, job.id, key, job.lane].map(Arg::from);
                names.into_iter().chain([job.payload.into(), millis(job.delay).into()])
            })
            .collect();
        let push = self.statements.repeated("insert_jobs", jobs.len());
        let mut new = transaction.execute(&push, &pushed).await?;
        if new < jobs.len() as u64 && self.delete_dead(transaction, queue, jobs).await? {
            new += transaction.execute(&push, &pushed).await?;
        }
        if new < jobs.len() as u64 {
            // The id of an existing job may have created a lane that stays empty.
            let keys: Vec<Arg<'_>> = lanes.keys().map(|key| Arg::from(*key)).collect();
            transaction.execute(&self.statements.repeated("delete_empty_lanes", keys.len()), &keys).await?;
        }
        Ok(())
    }

    /// Deletes dead letters with the ids of `jobs`. Returns whether there were any.
    async fn delete_dead(&self, transaction: &mut Transaction, queue: &str, jobs: &[NewJob<'_>]) -> Result<bool> {
        let dead: Vec<Arg<'_>> =
            [Arg::from(queue)].into_iter().chain(jobs.iter().map(|job| Arg::from(job.id))).collect();
        Ok(transaction.execute(&self.statements.repeated("delete_dead", jobs.len()), &dead).await? > 0)
    }

    /// Whether a lane has no pending jobs.
    ///
    /// # Errors
    /// The transaction has failed and must be retried or given up.
    pub async fn is_idle_in_tx(&self, transaction: &mut Transaction, queue: &str, lane: &str) -> Result<bool> {
        let key = lane_key(queue, lane);
        Ok(transaction.rows(&self.statements.get("known_lanes"), &[key.as_str().into()]).await?.is_empty())
    }
}

/// Splits jobs into chunks for one statement each.
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
