//! Deletes expired messages, idempotency keys and dead letters in small steps, so that no request waits for it.
//!
//! Ids ascend with time, and times have no index: a pass reads the messages by id, and ends at the first batch without
//! expired ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::fanout::KEEP_DEAD_LETTERS;
use crate::messaging::service::{Messaging, MessagingContext, QUEUE};
use crate::messaging::store::Purge;
use crate::php::date;
use crate::queue::Queue;
use crate::storage::sql::Result;

/// The interval between passes.
const INTERVAL: Duration = Duration::from_secs(3600);

/// The pause before a step that failed is repeated.
const RETRY_PAUSE: Duration = Duration::from_secs(60);

/// The pause between two steps of a pass, as a multiple of the time that the last step took: a database that is busy with
/// other callers takes longer for a step, and then gets more time for them.
const PAUSE_PER_STEP: u32 = 2;

/// The shortest and the longest pause between two steps.
const STEP_PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// How long idempotency keys are kept. A body that is sent again, or a job that is replayed, after that time is stored
/// again.
const KEEP_IDEMPOTENCY_KEYS: Duration = Duration::from_secs(30 * 86_400);

/// How long messages are kept; `None` means without limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retention {
    /// The retention time of acknowledged messages.
    pub acknowledged: Option<Duration>,
    /// The retention time of all messages.
    pub all: Option<Duration>,
}

/// Deletes expired rows.
#[derive(Clone)]
pub struct RetentionWorker {
    context: Arc<MessagingContext>,
    queue: Option<Arc<dyn Queue>>,
    retention: Retention,
}

impl RetentionWorker {
    /// Creates the worker of a messaging service.
    pub fn new(messaging: &Messaging, retention: Retention) -> Self {
        Self { context: messaging.context.clone(), queue: messaging.publisher.queue().cloned(), retention }
    }

    /// Runs a step of a pass: deletes the expired messages among those after `last_id`, and expired idempotency keys. Returns
    /// the number of deleted rows. `last_id` is 0 before and after a pass.
    ///
    /// # Errors
    /// The first error of a part. The other parts were done all the same, and the next step goes on behind `last_id`.
    pub async fn prune_step(&self, last_id: &mut i64) -> Result<u64> {
        let messages = self.prune_messages(last_id).await;
        let keys = self.context.store.purge_idempotency_keys(&self.cutoff(KEEP_IDEMPOTENCY_KEYS)).await;
        if let Some(queue) = &self.queue
            && let Err(error) = queue.purge(QUEUE, KEEP_DEAD_LETTERS).await
        {
            tracing::warn!(error = error.reason(), "expired dead letters could not be deleted; retrying later");
        }
        Ok(messages? + keys?)
    }

    async fn prune_messages(&self, last_id: &mut i64) -> Result<u64> {
        let limits = [(Purge::Acknowledged, self.retention.acknowledged), (Purge::All, self.retention.all)];
        let cutoffs: Vec<_> = limits.into_iter().filter_map(|(what, keep)| Some((what, self.cutoff(keep?)))).collect();
        let latest = cutoffs.iter().map(|(_, before)| before).max();
        let last = match latest {
            Some(before) => self.context.store.last_before(before, *last_id).await?,
            None => None,
        };
        let Some(last) = last else {
            *last_id = 0;
            return Ok(0);
        };
        let mut deleted = 0;
        for (what, before) in &cutoffs {
            deleted += self.context.store.purge(*what, (*last_id, last), before).await?;
        }
        *last_id = last;
        Ok(deleted)
    }

    /// The time before which a row that is kept for `keep` has expired.
    fn cutoff(&self, keep: Duration) -> String {
        let before = self.context.now().micros - i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
        date::database(before, self.context.zone)
    }

    /// Runs a pass now and every hour until `stop`. Repeats a step that fails after a minute.
    pub async fn run(self, stop: CancellationToken) {
        let run = async {
            let mut last_id = 0;
            loop {
                let started = Instant::now();
                let pause = match self.prune_step(&mut last_id).await {
                    Ok(0) if last_id == 0 => INTERVAL,
                    Ok(_) => (started.elapsed() * PAUSE_PER_STEP).clamp(STEP_PAUSES.0, STEP_PAUSES.1),
                    Err(error) => {
                        tracing::warn!(
                            error = error.chain(),
                            "expired messages could not be deleted; retrying in a minute"
                        );
                        RETRY_PAUSE
                    }
                };
                tokio::time::sleep(pause).await;
            }
        };
        stop.run_until_cancelled(run).await;
    }
}
