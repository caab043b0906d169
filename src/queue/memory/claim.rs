//! Claims of lanes.

use std::time::Duration;

use super::{Lanes, StoredJob, millis};
use crate::queue::{Job, RunLimit};

impl Lanes {
    pub(super) fn claim(&mut self, lanes: usize, run: RunLimit, lease: Duration, now: i64) -> Vec<Job> {
        let until = now + millis(lease).max(1);
        let ready = self.ready.iter().take_while(|(at, _)| *at <= now).take(lanes);
        let lanes: Vec<String> = ready.map(|(_, lane)| lane.clone()).collect();
        let mut jobs = Vec::with_capacity(lanes.len());
        for lane in lanes {
            self.set_ready(&lane, Some(until));
            jobs.extend(self.run(&lane, run, now).map(|(id, stored)| Job {
                id: id.clone(),
                payload: stored.payload.clone(),
                age: Duration::from_millis(u64::try_from(now - stored.pushed_at).unwrap_or(0)),
                attempts: stored.attempts.clone(),
                lease: u64::try_from(until).unwrap_or(0),
                lane: lane.clone(),
            }));
        }
        jobs
    }

    /// The head of a lane, and the jobs behind it that may be handed out.
    fn run<'a>(&'a self, lane: &str, run: RunLimit, now: i64) -> impl Iterator<Item = (&'a String, &'a StoredJob)> {
        let ids = self.lanes.get(lane).into_iter().flatten().take(run.jobs).enumerate();
        let mut bytes = 0;
        ids.map_while(move |(position, id)| {
            let stored = self.jobs.get(id)?;
            bytes += stored.payload.len();
            (position == 0 || (stored.not_before <= now && bytes <= run.bytes)).then_some((id, stored))
        })
    }
}
