//! Fan-out jobs as operators see them.

use super::queued_fanout::QUEUE;
use super::{Messaging, Outcome};
use crate::queue::{JobInfo, JobState};

/// Most jobs that are listed.
const LISTED: usize = 100;

/// Most dead letters that come back at once.
const REPLAYED_AT_ONCE: usize = 500;

/// A fan-out job.
#[derive(Clone, Debug)]
pub struct JobView {
    /// What is queued.
    pub job: JobInfo,
    /// What the message is about, and how many it is for; `None` if it does not decrypt.
    pub about: Option<(String, usize)>,
}

impl Messaging {
    /// Up to 100 jobs, the oldest first. Without a queue there are none.
    pub async fn jobs(&self, standing: JobState) -> Outcome<Vec<JobView>> {
        let Some(queue) = &self.queue else { return Ok(Vec::new()) };
        let view = |job: JobInfo| {
            let fanout = self.read_job(&job.payload);
            JobView { about: fanout.map(|fanout| (fanout.kind, fanout.recipients.len())), job }
        };
        Ok(queue.list(QUEUE, standing, None, LISTED).await?.into_iter().map(view).collect())
    }

    /// Queues all dead letters again, and says how many there were.
    pub async fn replay_jobs(&self) -> Outcome<usize> {
        let Some(queue) = &self.queue else { return Ok(0) };
        let (mut replayed, mut last) = (0, None);
        loop {
            let dead = queue.list(QUEUE, JobState::Dead, last.as_ref(), REPLAYED_AT_ONCE).await?;
            let Some(end) = dead.last() else { break };
            last = Some(end.cursor.clone());
            let ids: Vec<String> = dead.into_iter().map(|job| job.id).collect();
            replayed += queue.replay(QUEUE, &ids).await?;
        }
        self.queued.notify_one();
        Ok(replayed)
    }
}
