//! Queues in the memory of the process, under one lock.

mod claim;
mod held;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

use super::{
    Attempts, Disposition, Job, JobInfo, JobState, ListCursor, NewJob, Queue, QueueStats, RunLimit, Settlement,
};
use crate::storage::Result;

/// Queues in memory.
#[derive(Debug, Default)]
pub struct MemoryQueue {
    queues: Mutex<HashMap<String, Lanes>>,
}

/// One queue. Times are in milliseconds since 1970.
#[derive(Debug, Default)]
struct Lanes {
    jobs: HashMap<String, StoredJob>,
    lanes: HashMap<String, VecDeque<String>>,
    ready: BTreeSet<(i64, String)>,
    ready_at: HashMap<String, i64>,
    pending: BTreeSet<(i64, String)>,
    dead: BTreeSet<(i64, String)>,
}

#[derive(Debug)]
struct StoredJob {
    lane: String,
    payload: Vec<u8>,
    not_before: i64,
    pushed_at: i64,
    /// The time of death of a dead letter.
    died_at: i64,
    attempts: Attempts,
}

impl MemoryQueue {
    /// Creates a store without queues.
    pub fn new() -> Self {
        Self::default()
    }

    /// Pushes a job.
    pub fn push_one(&self, queue: &str, job: &NewJob<'_>) {
        self.with_lanes(queue, |lanes| lanes.push(job, now()));
    }

    /// Whether a lane has no pending jobs.
    pub fn is_idle(&self, queue: &str, lane: &str) -> bool {
        self.with_lanes(queue, |lanes| !lanes.lanes.contains_key(lane))
    }

    /// Returns the time of the push of the oldest pending job, in milliseconds since 1970.
    pub fn oldest_pushed_at(&self, queue: &str) -> Option<i64> {
        self.with_lanes(queue, |lanes| lanes.pending.first().map(|(pushed, _)| *pushed))
    }

    fn with_lanes<T>(&self, queue: &str, work: impl FnOnce(&mut Lanes) -> T) -> T {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        match queues.get_mut(queue) {
            Some(lanes) => work(lanes),
            None => work(queues.entry(queue.to_owned()).or_default()),
        }
    }
}

impl Lanes {
    fn push(&mut self, job: &NewJob<'_>, now: i64) {
        if let Some(existing) = self.jobs.get(job.id)
            && !self.dead.remove(&(existing.died_at, job.id.to_owned()))
        {
            return;
        }
        let (lane, not_before) = (job.lane.to_owned(), now + millis(job.delay));
        self.lanes.entry(lane.clone()).or_default().push_back(job.id.to_owned());
        self.pending.insert((now, job.id.to_owned()));
        if !self.ready_at.contains_key(&lane) {
            self.set_ready(&lane, Some(not_before));
        }
        let stored = StoredJob {
            lane,
            payload: job.payload.to_vec(),
            not_before,
            pushed_at: now,
            died_at: 0,
            attempts: Attempts::default(),
        };
        self.jobs.insert(job.id.to_owned(), stored);
    }

    /// Settles jobs. The lease of a lane holds for all of its jobs, up to the first that is retried.
    fn settle_all<'a>(&mut self, settlements: &'a [Settlement], now: i64) -> Vec<bool> {
        let mut open: HashMap<&'a str, Option<u64>> = HashMap::new();
        let settle = |settlement: &'a Settlement| {
            let Settlement { lane, lease, .. } = settlement;
            let current = || self.ready_at.get(lane).and_then(|until| u64::try_from(*until).ok());
            let held = open.get(lane.as_str()).copied().unwrap_or_else(current);
            let is_settled = held == Some(*lease) && self.settle(settlement, now);
            if is_settled {
                let goes_on = !matches!(settlement.disposition, Disposition::Retry(..));
                open.insert(lane, held.filter(|_| goes_on));
            }
            is_settled
        };
        settlements.iter().map(settle).collect()
    }

    fn erase_lane(&mut self, lane: &str) -> usize {
        self.lanes.remove(lane);
        self.set_ready(lane, None);
        let before = self.jobs.len();
        self.jobs.retain(|_, job| job.lane != lane);
        self.pending.retain(|(_, id)| self.jobs.contains_key(id));
        self.dead.retain(|(_, id)| self.jobs.contains_key(id));
        before - self.jobs.len()
    }

    fn settle(&mut self, settlement: &Settlement, now: i64) -> bool {
        let Settlement { id, lane, disposition, .. } = settlement;
        if self.lanes.get(lane).and_then(|ids| ids.front()) != Some(id) {
            return false;
        }
        match disposition {
            Disposition::Done => {
                if let Some(stored) = self.jobs.remove(id) {
                    self.pending.remove(&(stored.pushed_at, id.clone()));
                }
                self.advance(lane, now);
            }
            Disposition::Retry(after, attempts) => {
                if let Some(stored) = self.jobs.get_mut(id) {
                    stored.attempts = attempts.clone();
                }
                self.set_ready(lane, Some(now + millis(*after)));
            }
            Disposition::Dead(attempts) => {
                if let Some(stored) = self.jobs.get_mut(id) {
                    stored.attempts = attempts.clone();
                    self.pending.remove(&(stored.pushed_at, id.clone()));
                    stored.died_at = now;
                    self.dead.insert((now, id.clone()));
                }
                self.advance(lane, now);
            }
        }
        true
    }

    fn advance(&mut self, lane: &str, now: i64) {
        let Some(ids) = self.lanes.get_mut(lane) else { return };
        ids.pop_front();
        let next = ids.front().and_then(|id| self.jobs.get(id)).map(|stored| stored.not_before.max(now));
        if next.is_none() {
            self.lanes.remove(lane);
        }
        self.set_ready(lane, next);
    }

    fn set_ready(&mut self, lane: &str, at: Option<i64>) {
        if let Some(before) = self.ready_at.remove(lane) {
            self.ready.remove(&(before, lane.to_owned()));
        }
        if let Some(at) = at {
            self.ready.insert((at, lane.to_owned()));
            self.ready_at.insert(lane.to_owned(), at);
        }
    }

    fn job_info(&self, at: i64, id: &str) -> Option<JobInfo> {
        let stored = self.jobs.get(id)?;
        let head = self.lanes.get(&stored.lane).and_then(|ids| ids.front());
        let next_at = head.filter(|head| *head == id).and_then(|_| self.ready_at.get(&stored.lane)).copied();
        Some(JobInfo {
            id: id.to_owned(),
            lane: stored.lane.clone(),
            payload: stored.payload.clone(),
            pushed_at: stored.pushed_at,
            next_at,
            attempts: stored.attempts.clone(),
            cursor: ListCursor { at, id: id.to_owned() },
        })
    }

    fn replay(&mut self, id: &str, now: i64) -> bool {
        let dead = self.jobs.get(id).filter(|stored| self.dead.contains(&(stored.died_at, id.to_owned())));
        let Some((lane, payload)) = dead.map(|stored| (stored.lane.clone(), stored.payload.clone())) else {
            return false;
        };
        self.push(&NewJob { id, lane: &lane, payload: &payload, delay: Duration::ZERO }, now);
        true
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn push(&self, queue: &str, jobs: &[NewJob<'_>]) -> Result<()> {
        jobs.iter().for_each(|job| self.push_one(queue, job));
        Ok(())
    }

    async fn claim_runs(&self, queue: &str, lanes: usize, run: RunLimit, lease: Duration) -> Result<Vec<Job>> {
        Ok(self.with_lanes(queue, |queued| queued.claim(lanes, run, lease, now())))
    }

    async fn are_idle(&self, queue: &str, lanes: &[&str]) -> Result<Vec<bool>> {
        Ok(lanes.iter().map(|lane| self.is_idle(queue, lane)).collect())
    }

    async fn settle(&self, queue: &str, settlements: &[Settlement]) -> Result<Vec<bool>> {
        Ok(self.with_lanes(queue, |lanes| lanes.settle_all(settlements, now())))
    }

    async fn list(
        &self,
        queue: &str,
        state: JobState,
        after: Option<&ListCursor>,
        limit: usize,
    ) -> Result<Vec<JobInfo>> {
        let after = after.map_or((i64::MIN, String::new()), |after| (after.at, after.id.clone()));
        Ok(self.with_lanes(queue, |lanes| {
            let list = match state {
                JobState::Pending => &lanes.pending,
                JobState::Dead => &lanes.dead,
            };
            let following = list.range(after.clone()..).filter(|entry| **entry != after);
            following.take(limit).filter_map(|(at, id)| lanes.job_info(*at, id)).collect()
        }))
    }

    async fn lane(&self, queue: &str, lane: &str, limit: usize) -> Result<Vec<JobInfo>> {
        Ok(self.with_lanes(queue, |lanes| {
            let ids = lanes.lanes.get(lane).into_iter().flatten().take(limit);
            let info = |id: &String| lanes.job_info(lanes.jobs.get(id)?.pushed_at, id);
            ids.filter_map(info).collect()
        }))
    }

    async fn replay(&self, queue: &str, ids: &[String]) -> Result<usize> {
        Ok(self.with_lanes(queue, |lanes| ids.iter().filter(|id| lanes.replay(id, now())).count()))
    }

    async fn purge(&self, queue: &str, age: Duration) -> Result<()> {
        self.with_lanes(queue, |lanes| {
            let before = now() - millis(age);
            while let Some((died, _)) = lanes.dead.first()
                && *died <= before
                && let Some((_, id)) = lanes.dead.pop_first()
            {
                lanes.jobs.remove(&id);
            }
        });
        Ok(())
    }

    async fn erase_lane(&self, queue: &str, lane: &str) -> Result<usize> {
        Ok(self.with_lanes(queue, |lanes| lanes.erase_lane(lane)))
    }

    async fn stats(&self, queue: &str) -> Result<QueueStats> {
        Ok(self.with_lanes(queue, |lanes| {
            let oldest = lanes.pending.first().map_or(0, |(pushed, _)| u64::try_from(now() - pushed).unwrap_or(0));
            QueueStats {
                pending: lanes.pending.len() as u64,
                oldest: Duration::from_millis(oldest),
                dead: lanes.dead.len() as u64,
            }
        }))
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock of this store is that of the host")]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
