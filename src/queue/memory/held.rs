//! Jobs that are held at the ends of their lanes: reading and retracting them.

use std::sync::PoisonError;

use super::{Lanes, MemoryQueue, now};
use crate::queue::HeldJob;

impl MemoryQueue {
    /// Returns the [held](HeldJob) jobs of a lane, oldest first.
    pub fn held(&self, queue: &str, lane: &str) -> Vec<HeldJob> {
        self.with_lanes(queue, |lanes| lanes.held(lane, now()))
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
}

impl Lanes {
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
}
