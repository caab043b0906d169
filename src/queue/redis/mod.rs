//! Queues in Redis 6.2 or later; `push.lua` describes the keys.
//!
//! The lanes of each queue are divided into shards. A lane lies in one shard, so that each operation on it is one atomic
//! script; an operation on several lanes is one for each shard, all at the same time.

mod push;
mod shard;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{join_all, try_join_all};

pub use self::push::{PUSH, keys, lane_of};
use self::shard::QueueShard;
use super::{Job, JobInfo, JobState, ListCursor, NewJob, Queue, QueueStats, RunLimit, Settlement};
use crate::storage::redis::{RedisServers, ShardLayout, shard_of};
use crate::storage::{Result, Unavailable};

/// Queues in Redis, shared by all replicas.
pub struct RedisQueue {
    shards: Vec<QueueShard>,
    /// The shard that the next claim begins with.
    first: AtomicUsize,
    layout: Option<Arc<ShardLayout>>,
}

impl RedisQueue {
    /// Creates queues under `prefixes`, one for each shard, each with a hash tag. It does not connect yet.
    ///
    /// # Errors
    /// The address is invalid.
    pub fn new(servers: &RedisServers, timeout: Duration, prefixes: Vec<String>) -> Result<Self> {
        let shards = prefixes.into_iter().map(|prefix| QueueShard::new(servers.clone(), timeout, prefix));
        Ok(Self { shards: shards.collect::<Result<_>>()?, first: AtomicUsize::new(0), layout: None })
    }

    /// The same queues; nothing is written unless their number of shards is right, and no keys are being moved.
    #[must_use]
    pub fn with_layout(self, layout: Arc<ShardLayout>) -> Self {
        Self { layout: Some(layout), ..self }
    }

    async fn check_layout(&self) -> Result<()> {
        match &self.layout {
            Some(layout) => layout.check().await,
            None => Ok(()),
        }
    }

    /// The positions of items by the shards of their lanes; empty ones are left out.
    fn by_shard<'a>(&self, lanes: impl Iterator<Item = &'a str>) -> Vec<(&QueueShard, Vec<usize>)> {
        let mut groups: Vec<(&QueueShard, Vec<usize>)> = self.shards.iter().map(|shard| (shard, Vec::new())).collect();
        for (position, lane) in lanes.enumerate() {
            groups[shard_of(lane, self.shards.len())].1.push(position);
        }
        groups.retain(|(_, positions)| !positions.is_empty());
        groups
    }

    /// Calls a shard; if there are others, one that did not reply lately is not called.
    async fn in_shard<T>(&self, shard: &QueueShard, call: impl Future<Output = Result<T>>) -> Result<T> {
        if self.shards.len() == 1 {
            return call.await;
        }
        if shard.rest.is_on() {
            return Err(resting());
        }
        let outcome = call.await;
        shard.rest.record(outcome.is_err());
        outcome
    }

    /// All shards, beginning with another one each time.
    fn in_turn(&self) -> Vec<usize> {
        let count = self.shards.len();
        let first = self.first.fetch_add(1, Ordering::Relaxed) % count;
        (first..count).chain(0..first).collect()
    }
}

fn resting() -> Unavailable {
    Unavailable::new("the shards of the queue did not reply, and are called again in a moment")
}

#[async_trait]
impl Queue for RedisQueue {
    async fn push(&self, queue: &str, jobs: &[NewJob<'_>]) -> Result<()> {
        self.check_layout().await?;
        let groups = self.by_shard(jobs.iter().map(|job| job.lane));
        let pushes = groups.iter().map(async |(shard, positions)| {
            let jobs: Vec<&NewJob<'_>> = positions.iter().map(|position| &jobs[*position]).collect();
            shard.push(queue, &jobs).await
        });
        try_join_all(pushes).await.map(drop)
    }

    /// A shard that is not available does not keep the jobs of the others back: it is left alone for a while.
    async fn claim_runs(&self, queue: &str, lanes: usize, run: RunLimit, lease: Duration) -> Result<Vec<Job>> {
        self.check_layout().await?;
        if let [only] = self.shards.as_slice() {
            return only.claim(queue, lanes, run, lease).await;
        }
        let (mut jobs, mut claimed_lanes, mut open) = (Vec::new(), 0, self.in_turn());
        open.retain(|shard| !self.shards[*shard].rest.is_on());
        if open.is_empty() {
            return Err(resting());
        }
        while claimed_lanes < lanes && !open.is_empty() {
            let left = lanes - claimed_lanes;
            let asked: Vec<usize> = open.drain(..left.min(open.len())).collect();
            let quota = left / asked.len();
            let claims = asked.iter().map(|shard| self.shards[*shard].claim(queue, quota, run, lease));
            let mut failure = None;
            for (shard, claimed) in asked.iter().zip(join_all(claims).await) {
                match claimed {
                    Ok(claimed) => {
                        self.shards[*shard].rest.record(false);
                        let count = claimed.chunk_by(|left, right| left.lane == right.lane).count();
                        // One that has given less has no more.
                        if count == quota {
                            open.push(*shard);
                        }
                        claimed_lanes += count;
                        jobs.extend(claimed);
                    }
                    Err(error) => {
                        self.shards[*shard].rest.record(true);
                        failure = Some(error);
                    }
                }
            }
            if let Some(error) = failure.filter(|_| jobs.is_empty() && open.is_empty()) {
                return Err(error);
            }
        }
        Ok(jobs)
    }

    async fn are_idle(&self, queue: &str, lanes: &[&str]) -> Result<Vec<bool>> {
        let groups = self.by_shard(lanes.iter().copied());
        let calls = groups.iter().map(async |(shard, positions)| {
            let lanes: Vec<&str> = positions.iter().map(|position| lanes[*position]).collect();
            self.in_shard(shard, shard.are_idle(queue, &lanes)).await
        });
        let mut idle = vec![false; lanes.len()];
        for ((_, positions), results) in groups.iter().zip(join_all(calls).await) {
            let results = results.or_else(|error| if groups.len() > 1 { Ok(Vec::new()) } else { Err(error) })?;
            positions.iter().zip(results).for_each(|(position, is_idle)| idle[*position] = is_idle);
        }
        Ok(idle)
    }

    async fn settle(&self, queue: &str, settlements: &[Settlement]) -> Result<Vec<bool>> {
        self.check_layout().await?;
        let groups = self.by_shard(settlements.iter().map(|settlement| settlement.lane.as_str()));
        let calls = groups.iter().map(async |(shard, positions)| {
            let settlements: Vec<&Settlement> = positions.iter().map(|position| &settlements[*position]).collect();
            self.in_shard(shard, shard.settle(queue, &settlements)).await
        });
        let mut held = vec![false; settlements.len()];
        let mut failure = None;
        for ((_, positions), results) in groups.iter().zip(join_all(calls).await) {
            match results {
                Ok(results) => positions.iter().zip(results).for_each(|(place, is_held)| held[*place] = is_held),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(held), Err)
    }

    async fn list(
        &self,
        queue: &str,
        state: JobState,
        after: Option<&ListCursor>,
        limit: usize,
    ) -> Result<Vec<JobInfo>> {
        let lists = try_join_all(self.shards.iter().map(|shard| shard.list(queue, state, after, limit))).await?;
        let mut jobs: Vec<JobInfo> = lists.into_iter().flatten().collect();
        if self.shards.len() > 1 {
            jobs.sort_by(|left, right| (left.cursor.at, &left.id).cmp(&(right.cursor.at, &right.id)));
            jobs.truncate(limit);
        }
        Ok(jobs)
    }

    async fn lane(&self, queue: &str, lane: &str, limit: usize) -> Result<Vec<JobInfo>> {
        self.shards[shard_of(lane, self.shards.len())].lane(queue, lane, limit).await
    }

    async fn replay(&self, queue: &str, ids: &[String]) -> Result<usize> {
        self.check_layout().await?;
        let replayed = try_join_all(self.shards.iter().map(|shard| shard.replay(queue, ids))).await?;
        Ok(replayed.into_iter().sum())
    }

    async fn purge(&self, queue: &str, age: Duration) -> Result<()> {
        self.check_layout().await?;
        try_join_all(self.shards.iter().map(|shard| shard.purge(queue, age))).await.map(drop)
    }

    async fn erase_lane(&self, queue: &str, lane: &str) -> Result<usize> {
        self.check_layout().await?;
        self.shards[shard_of(lane, self.shards.len())].erase_lane(queue, lane).await
    }

    async fn stats(&self, queue: &str) -> Result<QueueStats> {
        let shards = try_join_all(self.shards.iter().map(|shard| shard.stats(queue))).await?.into_iter();
        Ok(shards.fold(QueueStats::default(), |sum, shard| QueueStats {
            pending: sum.pending + shard.pending,
            oldest: sum.oldest.max(shard.oldest),
            dead: sum.dead + shard.dead,
        }))
    }
}
