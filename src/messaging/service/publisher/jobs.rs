//! Fan-out jobs as operators see them.

use super::Publisher;
use super::fanout::Fanout;
use super::fanout_job::{QUEUE, decode};
use crate::messaging::service::error::Result;
use crate::queue::{JobInfo, JobState};

/// Maximum number of jobs in a list.
const LIST_LIMIT: usize = 100;

/// Maximum number of dead letters that are replayed in one call of the queue.
const REPLAY_BATCH: usize = 500;

/// A fan-out job.
#[derive(Clone, Debug)]
pub struct JobView {
    /// The job in the queue.
    pub job: JobInfo,
    /// The type of the message and the number of recipients; `None` if the job does not decrypt.
    pub summary: Option<(String, usize)>,
}

impl Publisher {
    /// Returns up to 100 jobs, oldest first. Without a queue there are none.
    pub async fn jobs(&self, state: JobState) -> Result<Vec<JobView>> {
        let Some(queue) = self.queue() else { return Ok(Vec::new()) };
        let view = |job: JobInfo| {
            let fanout = self.decrypt_job(&job.payload);
            JobView { summary: fanout.map(|fanout| (fanout.kind, fanout.recipients.len())), job }
        };
        Ok(queue.list(QUEUE, state, None, LIST_LIMIT).await?.into_iter().map(view).collect())
    }

    /// Puts all dead letters back into the queue; returns their number.
    pub async fn replay_jobs(&self) -> Result<usize> {
        let Some(queue) = self.queue() else { return Ok(0) };
        let (mut replayed, mut cursor) = (0, None);
        loop {
            let dead = queue.list(QUEUE, JobState::Dead, cursor.as_ref(), REPLAY_BATCH).await?;
            let Some(last) = dead.last() else { break };
            cursor = Some(last.cursor.clone());
            let ids: Vec<String> = dead.into_iter().map(|job| job.id).collect();
            replayed += queue.replay(QUEUE, &ids).await?;
        }
        self.pushed.notify_one();
        Ok(replayed)
    }

    /// Decrypts and decodes a job; `None` if that is not possible.
    pub fn decrypt_job(&self, payload: &[u8]) -> Option<Fanout> {
        decode(&self.context.crypt.decrypt(std::str::from_utf8(payload).ok()?).ok()?)
    }
}
