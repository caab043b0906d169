//! Queues within the process, under one lock, gone with the process.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

use super::{
    Attempts, Disposition, HeldJob, Job, JobInfo, JobState, ListCursor, NewJob, Queue, QueueStats, Settlement,
};
use crate::storage::Result;

/// Queues in memory.
#[derive(Debug, Default)]
pub struct MemoryQueue {
    queues: Mutex<HashMap<String, Lanes>>,
}

/// One queue. Times are milliseconds since 1970.
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
    /// When it died, if it is dead.
    died_at: i64,
    tries: Attempts,
}

impl MemoryQueue {
    /// No queue yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The jobs that are [held](HeldJob) at the end of a lane, oldest first.
    pub fn held(&self, queue: &str, lane: &str) -> Vec<HeldJob> {
        self.with(queue, |lanes| lanes.held(lane, now()))
    }

    /// Removes held jobs, pairs of queue and id, from the ends of the lanes called `lane`; in each queue the last job comes
    /// first. Returns false, and removes none, if one of them is not held there.
    pub fn retract(&self, lane: &str, jobs: &[(&str, &str)]) -> bool {
        if jobs.is_empty() {
            return true;
        }
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now();
        let is_held = |(position, (queue, id)): (usize, &(&str, &str))| {
            let behind = jobs[..position].iter().filter(|(other, _)| other == queue).count();
            queues.get(*queue).is_some_and(|lanes| lanes.is_held(lane, behind, id, now))
        };
        if !jobs.iter().enumerate().all(is_held) {
            return false;
        }
        for (queue, _) in jobs {
            if let Some(lanes) = queues.get_mut(*queue) {
                lanes.remove_last(lane);
            }
        }
        true
    }

    /// Pushes a job; returns once it is there.
    pub fn push_now(&self, queue: &str, job: &NewJob<'_>) {
        self.with(queue, |lanes| lanes.push(job, now()));
    }

    /// Whether nothing is to be done in a lane.
    pub fn is_idle(&self, queue: &str, lane: &str) -> bool {
        self.with(queue, |lanes| !lanes.lanes.contains_key(lane))
    }

    /// When the oldest job that is still to be done was pushed, in milliseconds since 1970.
    pub fn oldest(&self, queue: &str) -> Option<i64> {
        self.with(queue, |lanes| lanes.pending.first().map(|(pushed, _)| *pushed))
    }

    fn with<T>(&self, queue: &str, work: impl FnOnce(&mut Lanes) -> T) -> T {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        match queues.get_mut(queue) {
            Some(lanes) => work(lanes),
            None => work(queues.entry(queue.to_owned()).or_default()),
        }
    }
}

impl Lanes {
    fn push(&mut self, job: &NewJob<'_>, now: i64) {
        if let Some(known) = self.jobs.get(job.id)
            && !self.dead.remove(&(known.died_at, job.id.to_owned()))
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
            tries: Attempts::default(),
        };
        self.jobs.insert(job.id.to_owned(), stored);
    }

    fn held(&self, lane: &str, now: i64) -> Vec<HeldJob> {
        let ids = self.lanes.get(lane).into_iter().flatten().rev();
        let jobs = ids.map_while(|id| self.jobs.get(id).filter(|job| job.not_before > now).map(|job| (id, job)));
        let mut held: Vec<HeldJob> =
            jobs.map(|(id, job)| HeldJob { id: id.clone(), payload: job.payload.clone() }).collect();
        held.reverse();
        held
    }

    /// Whether the job `id` is held with `behind` jobs behind it.
    fn is_held(&self, lane: &str, behind: usize, id: &str, now: i64) -> bool {
        let last = self.lanes.get(lane).and_then(|ids| ids.iter().rev().nth(behind));
        last.is_some_and(|last| last == id && self.jobs.get(id).is_some_and(|job| job.not_before > now))
    }

    /// Removes the last job of a lane.
    fn remove_last(&mut self, lane: &str) {
        let Some(ids) = self.lanes.get_mut(lane) else { return };
        let id = ids.pop_back();
        if ids.is_empty() {
            self.lanes.remove(lane);
            self.set_ready(lane, None);
        }
        if let Some((id, job)) = id.and_then(|id| self.jobs.remove(&id).map(|job| (id, job))) {
            self.pending.remove(&(job.pushed_at, id));
        }
    }

    fn claim(&mut self, limit: usize, lease: Duration, now: i64) -> Vec<Job> {
        let until = now + millis(lease).max(1);
        let ready = self.ready.iter().take_while(|(at, _)| *at <= now).take(limit);
        let lanes: Vec<String> = ready.map(|(_, lane)| lane.clone()).collect();
        let mut jobs = Vec::with_capacity(lanes.len());
        for lane in lanes {
            self.set_ready(&lane, Some(until));
            let Some(id) = self.lanes.get(&lane).and_then(|ids| ids.front()) else { continue };
            let Some(stored) = self.jobs.get(id) else { continue };
            jobs.push(Job {
                id: id.clone(),
                payload: stored.payload.clone(),
                age: Duration::from_millis(u64::try_from(now - stored.pushed_at).unwrap_or(0)),
                tries: stored.tries.clone(),
                lease: u64::try_from(until).unwrap_or(0),
                lane,
            });
        }
        jobs
    }

    fn settle(&mut self, settlement: &Settlement, now: i64) -> bool {
        let Settlement { id, lane, lease, verdict } = settlement;
        let leased = self.ready_at.get(lane).is_some_and(|until| u64::try_from(*until).ok() == Some(*lease));
        if !leased || self.lanes.get(lane).and_then(|ids| ids.front()) != Some(id) {
            return false;
        }
        match verdict {
            Disposition::Done => {
                if let Some(stored) = self.jobs.remove(id) {
                    self.pending.remove(&(stored.pushed_at, id.clone()));
                }
                self.advance(lane, now);
            }
            Disposition::Retry(after, tries) => {
                if let Some(stored) = self.jobs.get_mut(id) {
                    stored.tries = tries.clone();
                }
                self.set_ready(lane, Some(now + millis(*after)));
            }
            Disposition::Dead(tries) => {
                if let Some(stored) = self.jobs.get_mut(id) {
                    stored.tries = tries.clone();
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

    fn listed(&self, at: i64, id: &str) -> Option<JobInfo> {
        let stored = self.jobs.get(id)?;
        let heads = self.lanes.get(&stored.lane).and_then(|ids| ids.front());
        let next_at = heads.filter(|head| *head == id).and_then(|_| self.ready_at.get(&stored.lane)).copied();
        Some(JobInfo {
            id: id.to_owned(),
            lane: stored.lane.clone(),
            payload: stored.payload.clone(),
            pushed_at: stored.pushed_at,
            next_at,
            tries: stored.tries.clone(),
            place: ListCursor { at, id: id.to_owned() },
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
        jobs.iter().for_each(|job| self.push_now(queue, job));
        Ok(())
    }

    async fn claim(&self, queue: &str, limit: usize, lease: Duration) -> Result<Vec<Job>> {
        Ok(self.with(queue, |lanes| lanes.claim(limit, lease, now())))
    }

    async fn settle(&self, queue: &str, settlements: &[Settlement]) -> Result<Vec<bool>> {
        Ok(self.with(queue, |lanes| settlements.iter().map(|settlement| lanes.settle(settlement, now())).collect()))
    }

    async fn list(
        &self,
        queue: &str,
        standing: JobState,
        after: Option<&ListCursor>,
        limit: usize,
    ) -> Result<Vec<JobInfo>> {
        let after = after.map_or((i64::MIN, String::new()), |after| (after.at, after.id.clone()));
        Ok(self.with(queue, |lanes| {
            let list = match standing {
                JobState::Pending => &lanes.pending,
                JobState::Dead => &lanes.dead,
            };
            let following = list.range(after.clone()..).filter(|entry| **entry != after);
            following.take(limit).filter_map(|(at, id)| lanes.listed(*at, id)).collect()
        }))
    }

    async fn replay(&self, queue: &str, ids: &[String]) -> Result<usize> {
        Ok(self.with(queue, |lanes| ids.iter().filter(|id| lanes.replay(id, now())).count()))
    }

    async fn purge(&self, queue: &str, age: Duration) -> Result<()> {
        self.with(queue, |lanes| {
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

    async fn depth(&self, queue: &str) -> Result<QueueStats> {
        Ok(self.with(queue, |lanes| {
            let oldest = lanes.pending.first().map_or(0, |(pushed, _)| u64::try_from(now() - pushed).unwrap_or(0));
            QueueStats {
                pending: lanes.pending.len() as u64,
                oldest: Duration::from_millis(oldest),
                dead: lanes.dead.len() as u64,
            }
        }))
    }
}

#[expect(clippy::disallowed_methods, reason = "this store's clock is the host's")]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}
