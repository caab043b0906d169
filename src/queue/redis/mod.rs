//! Queues in Redis 6.2 or later; each step is one atomic script. `push.lua` tells how a queue lies there.

use std::time::Duration;

use ::redis::{ConnectionInfo, Pipeline, Value, from_redis_value};
use async_trait::async_trait;

use super::{Attempts, Disposition, Job, JobInfo, JobState, ListCursor, NewJob, Queue, QueueStats, Settlement};
use crate::storage::redis::{RedisConnection, unavailable};
use crate::storage::{Result, Unavailable};

/// Lua functions to push with, for scripts that push in a commit of their own: `clock()`, `ours(command, key, ...)`,
/// `push(q, now, job)`, `read(q, id)` and `advance(q, lane, now, from)`.
pub const PUSH: &str = include_str!("push.lua");

/// So many dead letters are removed in one call.
const PURGE_BATCH: usize = 1_000;

/// Queues in Redis, shared by all replicas.
pub struct RedisQueue {
    link: RedisConnection,
    prefix: String,
    claim: String,
    settle: String,
    list: String,
    replay: String,
    purge: String,
    push: String,
}

/// The prefix of everything that belongs to the queue called `queue`, under the sidecar's own prefix.
pub fn keys(own: &str, queue: &str) -> String {
    format!("{own}queue:{queue}:")
}

impl RedisQueue {
    /// Queues under `prefix`, which ends in a hash tag, on `server`.
    ///
    /// # Errors
    /// The address cannot be understood. Nothing is connected yet.
    pub fn new(server: ConnectionInfo, timeout: Duration, prefix: String) -> Result<Self> {
        let mut link = RedisConnection::new(server, timeout)?;
        let mut script = |code: &str| link.register_script(&format!("{PUSH}{code}"));
        Ok(Self {
            claim: script(include_str!("claim.lua")),
            settle: script(include_str!("settle.lua")),
            list: script(include_str!("list.lua")),
            replay: script(include_str!("replay.lua")),
            purge: script(include_str!("purge.lua")),
            push: script(include_str!("push_all.lua")),
            link,
            prefix,
        })
    }

    /// A pipeline with a call of `script` for `queue` in it, to be given more arguments.
    ///
    /// The one declared key stands for the queue: all others carry its hash tag.
    fn call(&self, script: &str, queue: &str) -> Pipeline {
        let keys = keys(&self.prefix, queue);
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.cmd("EVALSHA").arg(script).arg(1).arg(format!("{keys}ready")).arg(keys);
        pipeline
    }

    /// Gives up on jobs that cannot be read.
    async fn bury(&self, queue: &str, unreadable: Vec<Settlement>) -> Result<()> {
        if unreadable.is_empty() {
            return Ok(());
        }
        tracing::error!(queue, jobs = unreadable.len(), "unreadable jobs are dead letters now");
        self.settle(queue, &unreadable).await.map(drop)
    }
}

#[async_trait]
impl Queue for RedisQueue {
    async fn push(&self, queue: &str, jobs: &[NewJob<'_>]) -> Result<()> {
        let mut call = self.call(&self.push, queue);
        for job in jobs {
            call.arg(job.lane).arg(job.id).arg(millis(job.delay)).arg(job.payload);
        }
        self.link.read(&call).await
    }

    async fn claim(&self, queue: &str, limit: usize, lease: Duration) -> Result<Vec<Job>> {
        let mut call = self.call(&self.claim, queue);
        call.arg(limit).arg(millis(lease).max(1));
        let (answer,): (Vec<Value>,) = self.link.send(&call).await?;
        let mut answer = answer.into_iter();
        let (now, lease): (i64, u64) = (next(&mut answer)?, next(&mut answer)?);
        let (mut jobs, mut unreadable) = (Vec::new(), Vec::new());
        while answer.len() >= 4 {
            let (lane, id): (String, String) = (next(&mut answer)?, next(&mut answer)?);
            let (value, attempts): (Vec<u8>, Vec<u8>) = (next(&mut answer)?, next(&mut answer)?);
            match StoredJob::read(value) {
                Some(stored) => {
                    let age = Duration::from_millis(u64::try_from(now - stored.pushed_at).unwrap_or(0));
                    jobs.push(Job { id, lane, payload: stored.payload, age, attempts: known(&attempts), lease });
                }
                None => {
                    let attempts = Attempts { count: 0, last: "the job cannot be read".to_owned() };
                    unreadable.push(Settlement { id, lane, lease, disposition: Disposition::Dead(attempts) });
                }
            }
        }
        self.bury(queue, unreadable).await?;
        Ok(jobs)
    }

    async fn settle(&self, queue: &str, settlements: &[Settlement]) -> Result<Vec<bool>> {
        let mut call = self.call(&self.settle, queue);
        for Settlement { id, lane, lease, disposition } in settlements {
            call.arg(lane).arg(id).arg(*lease);
            match disposition {
                Disposition::Done => call.arg("done").arg(0).arg(""),
                Disposition::Retry(after, attempts) => call.arg("retry").arg(millis(*after)).arg(written(attempts)),
                Disposition::Dead(attempts) => call.arg("dead").arg(0).arg(written(attempts)),
            };
        }
        let (held,): (Vec<bool>,) = self.link.send(&call).await?;
        Ok(held)
    }

    async fn list(
        &self,
        queue: &str,
        state: JobState,
        after: Option<&ListCursor>,
        limit: usize,
    ) -> Result<Vec<JobInfo>> {
        let mut call = self.call(&self.list, queue);
        call.arg(match state {
            JobState::Pending => "pending",
            JobState::Dead => "dead",
        });
        match after {
            Some(after) => call.arg(&after.id).arg(after.at),
            None => call.arg("").arg(""),
        };
        call.arg(limit);
        let (answer,): (Vec<Value>,) = self.link.read(&call).await?;
        let mut answer = answer.into_iter();
        let mut listed = Vec::with_capacity(answer.len() / 5);
        while answer.len() >= 5 {
            let (id, at): (String, i64) = (next(&mut answer)?, next(&mut answer)?);
            let (value, attempts): (Vec<u8>, Vec<u8>) = (next(&mut answer)?, next(&mut answer)?);
            let ready: String = next(&mut answer)?;
            let StoredJob { pushed_at, lane, payload } = StoredJob::read(value).unwrap_or_default();
            let (next_at, attempts, cursor) = (ready.parse().ok(), known(&attempts), ListCursor { at, id: id.clone() });
            listed.push(JobInfo { id, lane, payload, pushed_at, next_at, attempts, cursor });
        }
        Ok(listed)
    }

    async fn replay(&self, queue: &str, ids: &[String]) -> Result<usize> {
        let mut call = self.call(&self.replay, queue);
        call.arg(ids);
        let (count,) = self.link.send(&call).await?;
        Ok(count)
    }

    async fn purge(&self, queue: &str, age: Duration) -> Result<()> {
        loop {
            let mut call = self.call(&self.purge, queue);
            call.arg(millis(age)).arg(PURGE_BATCH);
            let (count,): (usize,) = self.link.read(&call).await?;
            if count < PURGE_BATCH {
                return Ok(());
            }
        }
    }

    async fn stats(&self, queue: &str) -> Result<QueueStats> {
        let keys = keys(&self.prefix, queue);
        let mut pipeline = Pipeline::with_capacity(4);
        pipeline.cmd("TIME").cmd("ZCARD").arg(format!("{keys}pending")).cmd("ZCARD").arg(format!("{keys}dead"));
        pipeline.cmd("ZRANGE").arg(format!("{keys}pending")).arg(0).arg(0).arg("WITHSCORES");
        let (now, pending, dead, oldest): ((u64, u64), u64, u64, Vec<(String, u64)>) =
            self.link.read(&pipeline).await?;
        let now = now.0 * 1_000 + now.1 / 1_000;
        let oldest = oldest.first().map_or(0, |(_, pushed)| now.saturating_sub(*pushed));
        Ok(QueueStats { pending, oldest: Duration::from_millis(oldest), dead })
    }
}

/// A job as it lies in the hash of jobs.
#[derive(Default)]
struct StoredJob {
    pushed_at: i64,
    lane: String,
    payload: Vec<u8>,
}

impl StoredJob {
    fn read(mut value: Vec<u8>) -> Option<Self> {
        let end = value.iter().position(|byte| *byte == b'\n')?;
        let mut head = std::str::from_utf8(&value[..end]).ok()?.splitn(3, ' ');
        let (_not_before, pushed_at, lane) = (head.next()?, head.next()?.parse().ok()?, head.next()?.to_owned());
        value.drain(..=end);
        Some(Self { pushed_at, lane, payload: value })
    }
}

fn next<T: ::redis::FromRedisValue>(answer: &mut std::vec::IntoIter<Value>) -> Result<T> {
    let value = answer.next().ok_or_else(|| Unavailable::new("Redis answered less than was asked for"))?;
    from_redis_value(value).map_err(|error| unavailable(error.into()))
}

/// Attempts nobody can read count as none.
fn known(attempts: &[u8]) -> Attempts {
    serde_json::from_slice(attempts).unwrap_or_default()
}

fn written(attempts: &Attempts) -> Vec<u8> {
    serde_json::to_vec(attempts).unwrap_or_else(|error| unreachable!("attempts have string keys only: {error}"))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
