//! The janitor: deletes what is no longer to be kept, a small batch at a time, so that nobody waits for it.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Messaging;
use super::queued::{KEEP_DEAD, QUEUE};
use crate::database::Result;
use crate::laravel::date;
use crate::messaging::store::Purge;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(3600);

/// How long it rests between two batches.
const REST: Duration = Duration::from_millis(100);

/// How long the names of done steps are kept: a body that is sent again, or a job that is replayed, later than that is
/// stored again.
const KEEP_STEPS: Duration = Duration::from_secs(30 * 86_400);

impl Messaging {
    /// Deletes a batch of everything that is too old, and says how many rows that were.
    pub async fn clean(&self) -> Result<u64> {
        let kept = [(Purge::Acknowledged, self.keep_acked), (Purge::Old, self.keep), (Purge::Steps, Some(KEEP_STEPS))];
        let mut deleted = 0;
        for (what, keep) in kept {
            let Some(keep) = keep else { continue };
            let before = self.now().micros - i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
            deleted += self.store.purge(what, &date::database(before, self.zone)).await?;
        }
        if let Some(queue) = &self.queue
            && let Err(error) = queue.purge(QUEUE, KEEP_DEAD).await
        {
            tracing::debug!(error = error.reason(), "old dead letters are removed later");
        }
        Ok(deleted)
    }

    /// Cleans until nothing is left to be deleted, now and every hour until `stop`.
    pub async fn keep_clean(self: Arc<Self>, stop: CancellationToken) {
        let keep_clean = async {
            loop {
                let rest = match self.clean().await {
                    Ok(0) => EVERY,
                    Ok(_) => REST,
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
