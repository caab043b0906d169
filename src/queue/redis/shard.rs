//! The queues of one shard: each operation is one atomic script.

use std::time::Duration;

use ::redis::{Pipeline, Value, from_redis_value};

use super::push::{self, JobValue};
use crate::queue::{
    Attempts, Disposition, Job, JobInfo, JobState, ListCursor, NewJob, QueueStats, RunLimit, Settlement,
};
use crate::storage::redis::{RedisConnection, RedisServers, unavailable};
use crate::storage::{Rest, Result, Unavailable};

/// The largest number of dead letters that one call removes.
const PURGE_BATCH: usize = 1_000;

/// How long a shard that did not reply is left alone, if there are others.
const REST: Duration = Duration::from_secs(2);

/// The lanes of one shard.
pub(super) struct QueueShard {
    pub(super) rest: Rest,
    connection: RedisConnection,
    prefix: String,
    scripts: QueueScripts,
}

/// The scripts, each by its hash.
struct QueueScripts {
    claim: String,
    settle: String,
    list: String,
    lane: String,
    replay: String,
    purge: String,
    push: String,
    erase_lane: String,
}

impl QueueShard {
    pub(super) fn new(servers: RedisServers, timeout: Duration, prefix: String) -> Result<Self> {
        let mut connection = RedisConnection::new(servers, &prefix, timeout)?;
        let mut script = |code: &str| connection.register_script(&format!("{}{code}", push::PUSH));
        let scripts = QueueScripts {
            claim: script(include_str!("claim.lua")),
            settle: script(include_str!("settle.lua")),
            list: script(include_str!("list.lua")),
            lane: script(include_str!("lane.lua")),
            replay: script(include_str!("replay.lua")),
            purge: script(include_str!("purge.lua")),
            push: script(include_str!("push_all.lua")),
            erase_lane: script(include_str!("erase_lane.lua")),
        };
        Ok(Self { connection, prefix, scripts, rest: Rest::new(REST) })
    }

    /// Returns a pipeline with a call of `script` for `queue`, to which the caller adds arguments.
    ///
    /// The declared key is one of the queue; all others have the same hash tag. In a cluster a key that never exists is
    /// declared, too: no node runs the script while the slot is being migrated.
    fn script_call(&self, script: &str, queue: &str) -> Pipeline {
        let keys = push::keys(&self.prefix, queue);
        let guard = self.connection.is_cluster().then(|| format!("{}none", self.prefix));
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.cmd("EVALSHA").arg(script).arg(1 + usize::from(guard.is_some()));
        pipeline.arg(format!("{keys}ready")).arg(guard).arg(keys);
        pipeline
    }

    /// Moves jobs that cannot be decoded to the dead letters.
    async fn dead_letter(&self, queue: &str, unreadable: Vec<Settlement>) -> Result<()> {
        if unreadable.is_empty() {
            return Ok(());
        }
        tracing::error!(queue, jobs = unreadable.len(), "moved unreadable jobs to dead letters");
        self.settle(queue, &unreadable.iter().collect::<Vec<_>>()).await.map(drop)
    }

    pub(super) async fn erase_lane(&self, queue: &str, lane: &str) -> Result<usize> {
        let mut call = self.script_call(&self.scripts.erase_lane, queue);
        call.arg(lane);
        let (erased,): (usize,) = self.connection.read(&call).await?;
        Ok(erased)
    }

    pub(super) async fn push(&self, queue: &str, jobs: &[&NewJob<'_>]) -> Result<()> {
        let mut call = self.script_call(&self.scripts.push, queue);
        for job in jobs {
            call.arg(job.lane).arg(job.id).arg(millis(job.delay)).arg(job.payload);
        }
        self.connection.request_confirmation(&mut call);
        let mut replies: Vec<Value> = self.connection.read(&call).await?;
        self.connection.check_confirmation(&mut replies)
    }

    pub(super) async fn claim(&self, queue: &str, lanes: usize, run: RunLimit, lease: Duration) -> Result<Vec<Job>> {
        let mut call = self.script_call(&self.scripts.claim, queue);
        call.arg(lanes).arg(millis(lease).max(1)).arg(run.jobs).arg(run.bytes);
        let (reply,): (Vec<Value>,) = self.connection.send(&call).await?;
        let mut reply = reply.into_iter();
        let (now, lease): (i64, u64) = (next(&mut reply)?, next(&mut reply)?);
        let (mut jobs, mut unreadable): (Vec<Job>, Vec<Settlement>) = (Vec::new(), Vec::new());
        // The lane whose other jobs are left for the next claim.
        let mut skipped: Option<String> = None;
        while reply.len() >= 4 {
            let (lane, id): (String, String) = (next(&mut reply)?, next(&mut reply)?);
            let (value, attempts): (Vec<u8>, Vec<u8>) = (next(&mut reply)?, next(&mut reply)?);
            if skipped.as_ref() == Some(&lane) {
                continue;
            }
            match StoredJob::read(value) {
                Some(stored) => {
                    let age = Duration::from_millis(u64::try_from(now - stored.pushed_at).unwrap_or(0));
                    jobs.push(Job {
                        id,
                        lane,
                        payload: stored.payload,
                        age,
                        attempts: Attempts::from_json(&attempts),
                        lease,
                    });
                }
                // It becomes a dead letter when it is the head.
                None if jobs.last().is_some_and(|job| job.lane == lane) => skipped = Some(lane),
                None => {
                    skipped = Some(lane.clone());
                    let attempts = Attempts { count: 0, last: "the job cannot be read".to_owned() };
                    unreadable.push(Settlement { id, lane, lease, disposition: Disposition::Dead(attempts) });
                }
            }
        }
        self.dead_letter(queue, unreadable).await?;
        Ok(jobs)
    }

    pub(super) async fn are_idle(&self, queue: &str, lanes: &[&str]) -> Result<Vec<bool>> {
        let ready = format!("{}ready", push::keys(&self.prefix, queue));
        let mut pipeline = Pipeline::with_capacity(lanes.len());
        for lane in lanes {
            pipeline.cmd("ZSCORE").arg(&ready).arg(lane);
        }
        let scores: Vec<Option<f64>> = self.connection.read(&pipeline).await?;
        Ok(scores.iter().map(Option::is_none).collect())
    }

    pub(super) async fn settle(&self, queue: &str, settlements: &[&Settlement]) -> Result<Vec<bool>> {
        let mut call = self.script_call(&self.scripts.settle, queue);
        for Settlement { id, lane, lease, disposition } in settlements.iter().copied() {
            call.arg(lane).arg(id).arg(*lease);
            match disposition {
                Disposition::Done => call.arg("done").arg(0).arg(""),
                Disposition::Retry(after, attempts) => call.arg("retry").arg(millis(*after)).arg(attempts.to_json()),
                Disposition::Dead(attempts) => call.arg("dead").arg(0).arg(attempts.to_json()),
            };
        }
        let (held,): (Vec<bool>,) = self.connection.send(&call).await?;
        Ok(held)
    }

    pub(super) async fn list(
        &self,
        queue: &str,
        state: JobState,
        after: Option<&ListCursor>,
        limit: usize,
    ) -> Result<Vec<JobInfo>> {
        let mut call = self.script_call(&self.scripts.list, queue);
        call.arg(match state {
            JobState::Pending => "pending",
            JobState::Dead => "dead",
        });
        match after {
            Some(after) => call.arg(&after.id).arg(after.at),
            None => call.arg("").arg(""),
        };
        call.arg(limit);
        self.read_jobs(&call).await
    }

    pub(super) async fn lane(&self, queue: &str, lane: &str, limit: usize) -> Result<Vec<JobInfo>> {
        let mut call = self.script_call(&self.scripts.lane, queue);
        call.arg(lane).arg(limit);
        self.read_jobs(&call).await
    }

    /// Sends a call whose reply has id, score, value, attempts and next time of each job.
    async fn read_jobs(&self, call: &Pipeline) -> Result<Vec<JobInfo>> {
        let (reply,): (Vec<Value>,) = self.connection.read(call).await?;
        let mut reply = reply.into_iter();
        let mut jobs = Vec::with_capacity(reply.len() / 5);
        while reply.len() >= 5 {
            let (id, at): (String, i64) = (next(&mut reply)?, next(&mut reply)?);
            let (value, attempts): (Vec<u8>, Vec<u8>) = (next(&mut reply)?, next(&mut reply)?);
            let ready: String = next(&mut reply)?;
            let StoredJob { pushed_at, lane, payload } = StoredJob::read(value).unwrap_or_default();
            let (next_at, attempts, cursor) =
                (ready.parse().ok(), Attempts::from_json(&attempts), ListCursor { at, id: id.clone() });
            jobs.push(JobInfo { id, lane, payload, pushed_at, next_at, attempts, cursor });
        }
        Ok(jobs)
    }

    pub(super) async fn replay(&self, queue: &str, ids: &[String]) -> Result<usize> {
        let mut call = self.script_call(&self.scripts.replay, queue);
        call.arg(ids);
        let (count,) = self.connection.send(&call).await?;
        Ok(count)
    }

    pub(super) async fn purge(&self, queue: &str, age: Duration) -> Result<()> {
        loop {
            let mut call = self.script_call(&self.scripts.purge, queue);
            call.arg(millis(age)).arg(PURGE_BATCH);
            let (count,): (usize,) = self.connection.read(&call).await?;
            if count < PURGE_BATCH {
                return Ok(());
            }
        }
    }

    pub(super) async fn stats(&self, queue: &str) -> Result<QueueStats> {
        let keys = push::keys(&self.prefix, queue);
        let mut pipeline = Pipeline::with_capacity(4);
        pipeline.cmd("TIME").cmd("ZCARD").arg(format!("{keys}pending")).cmd("ZCARD").arg(format!("{keys}dead"));
        pipeline.cmd("ZRANGE").arg(format!("{keys}pending")).arg(0).arg(0).arg("WITHSCORES");
        let (now, pending, dead, oldest) = self.connection.read(&pipeline).await?;
        let (seconds, micros): (u64, u64) = now;
        let (now, oldest): (u64, Vec<(String, u64)>) = (seconds * 1_000 + micros / 1_000, oldest);
        let oldest = oldest.first().map_or(0, |(_, pushed)| now.saturating_sub(*pushed));
        Ok(QueueStats { pending, oldest: Duration::from_millis(oldest), dead })
    }
}

/// A value of the hash of jobs.
#[derive(Default)]
struct StoredJob {
    pushed_at: i64,
    lane: String,
    payload: Vec<u8>,
}

impl StoredJob {
    fn read(mut value: Vec<u8>) -> Option<Self> {
        let JobValue { pushed_at, lane, payload } = JobValue::parse(&value)?;
        let lane = lane.to_owned();
        value.drain(..payload);
        Some(Self { pushed_at, lane, payload: value })
    }
}

fn next<T: ::redis::FromRedisValue>(reply: &mut std::vec::IntoIter<Value>) -> Result<T> {
    let value = reply.next().ok_or_else(|| Unavailable::new("the reply of Redis is too short"))?;
    from_redis_value(value).map_err(|error| unavailable(error.into()))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
