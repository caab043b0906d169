//! The janitor: deletes what is no longer to be kept, a small step at a time, so that nobody waits for it.
//!
//! Ids rise with time, and times have no index: a pass goes through the messages by id, and is at its end where all are too
//! young.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Messaging;
use super::queued_fanout::{KEEP_DEAD, QUEUE};
use crate::messaging::store::Purge;
use crate::php::date;
use crate::storage::sql::Result;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(3600);

/// How long it rests between two steps.
const STEP_PAUSE: Duration = Duration::from_millis(100);

/// How long the names of done steps are kept: a body that is sent again, or a job that is replayed, later than that is
/// stored again.
const KEEP_STEPS: Duration = Duration::from_secs(30 * 86_400);

impl Messaging {
    /// A step of a pass: deletes what is too old of the messages that follow `place`, and of the names of steps, and says
    /// how many rows that were. `place` is an id, 0 before and after a pass.
    pub async fn clean(&self, place: &mut i64) -> Result<u64> {
        let deleted = self.clean_messages(place).await? + self.store.purge_steps(&self.ago(KEEP_STEPS)).await?;
        if let Some(queue) = &self.queue
            && let Err(error) = queue.purge(QUEUE, KEEP_DEAD).await
        {
            tracing::debug!(error = error.reason(), "old dead letters are removed later");
        }
        Ok(deleted)
    }

    async fn clean_messages(&self, place: &mut i64) -> Result<u64> {
        let kept = [(Purge::Acknowledged, self.keep_acked), (Purge::All, self.keep)];
        let due: Vec<_> = kept.into_iter().filter_map(|(what, keep)| Some((what, self.ago(keep?)))).collect();
        let latest = due.iter().map(|(_, before)| before).max();
        let last = match latest {
            Some(before) => self.store.last_before(before, *place).await?,
            None => None,
        };
        let Some(last) = last else {
            *place = 0;
            return Ok(0);
        };
        let mut deleted = 0;
        for (what, before) in &due {
            deleted += self.store.purge(*what, (*place, last), before).await?;
        }
        *place = last;
        Ok(deleted)
    }

    /// When what is kept for so long was stored at the earliest.
    fn ago(&self, keep: Duration) -> String {
        let before = self.now().micros - i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
        date::database(before, self.zone)
    }

    /// Cleans until nothing is left to be deleted, now and every hour until `stop`.
    pub async fn keep_clean(self: Arc<Self>, stop: CancellationToken) {
        let keep_clean = async {
            let mut place = 0;
            loop {
                let rest = match self.clean(&mut place).await {
                    Ok(0) if place == 0 => EVERY,
                    Ok(_) => STEP_PAUSE,
                    Err(error) => {
                        tracing::debug!(error = error.chain(), "old messages are deleted later");
                        EVERY
                    }
                };
                tokio::time::sleep(rest).await;
            }
        };
        stop.run_until_cancelled(keep_clean).await;
    }
}
