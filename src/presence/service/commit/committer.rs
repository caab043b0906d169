//! The committing task: takes commands from its callers, and commits them in batches.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;
use futures_util::stream::{FuturesUnordered, StreamExt};
use indexmap::IndexMap;

use super::batch::{BatchResult, CommitBatch, UserBatch};
use super::cache::StateCache;
use super::{CommandOutcome, CommitContext, Job, PresenceCommand};
use crate::presence::domain::identity::UserKey;
use crate::storage::batch::{BatchReceiver, run_batch};

/// The least number of commands that are committed in a batch of their own while another batch is in flight.
const MIN_SPLIT_BATCH: usize = 32;

/// The committing task of a shard.
pub struct Committer {
    context: Arc<CommitContext>,
    cache: StateCache,
    /// The users of the batches in flight.
    in_flight: HashSet<UserKey, RandomState>,
}

impl Committer {
    /// One of `shards` committers, each for the users of a shard, with an empty cache.
    pub fn new(context: CommitContext, shards: usize) -> Self {
        let cache = StateCache::new(context.cache_bytes / shards.max(1), context.metrics.commits.cache.clone());
        Self { context: Arc::new(context), cache, in_flight: HashSet::default() }
    }

    /// Runs until no more commands can come. Many waiting commands are committed in two batches, one of which is prepared
    /// while the other is in flight; a user is never in both.
    pub async fn run(mut self, mut receiver: BatchReceiver<PresenceCommand, CommandOutcome>) {
        let mut running = FuturesUnordered::new();
        let mut waiting = Vec::new();
        loop {
            if running.is_empty() {
                // Users of a batch that panicked are left here.
                self.in_flight.clear();
            }
            if running.is_empty() && waiting.is_empty() && !receiver.next(&mut waiting).await {
                return;
            }
            receiver.fill(&mut waiting);
            let are_many = waiting.len() >= 2 * MIN_SPLIT_BATCH;
            let parts = if running.is_empty() && are_many { 2 } else { 1 };
            if running.is_empty() || waiting.len() >= MIN_SPLIT_BATCH {
                let later = waiting.split_off(waiting.len() / parts);
                for part in [std::mem::take(&mut waiting), later] {
                    let (batch, deferred) = self.take_batch(part);
                    waiting.extend(deferred);
                    if !batch.is_empty() {
                        running.push(run_batch(batch.run()));
                    }
                }
            }
            if let Some(Some(result)) = running.next().await {
                let store_failed = result.store_failed;
                self.finish(result);
                if store_failed {
                    receiver.fail_waiting(&mut waiting);
                }
            }
        }
    }

    /// Groups commands by user, with the cached state of each. Returns the commands of users in flight, which must wait.
    fn take_batch(&mut self, jobs: Vec<Job>) -> (CommitBatch, Vec<Job>) {
        let mut users: IndexMap<UserKey, UserBatch, _> =
            IndexMap::with_capacity_and_hasher(jobs.len(), RandomState::default());
        let mut deferred = Vec::new();
        for job in jobs {
            let key = &job.payload.subject.key;
            if self.in_flight.contains(key) {
                deferred.push(job);
            } else if let Some(user) = users.get_mut(key) {
                user.jobs.push(job);
            } else {
                let cached = self.cache.take(key);
                users.insert(key.clone(), UserBatch::new(job, cached));
            }
        }
        self.in_flight.extend(users.keys().cloned());
        (CommitBatch::new(self.context.clone(), users), deferred)
    }

    /// Caches the committed states.
    fn finish(&mut self, result: BatchResult) {
        let in_flight = &mut self.in_flight;
        let committed = result.states.into_iter().filter_map(|(key, state)| {
            in_flight.remove(&key);
            state.map(|state| (key, state))
        });
        self.cache.put_all(committed);
    }
}
