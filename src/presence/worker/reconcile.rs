//! Reconciliation: lists, states and due times are compared at a slow pace, and corrected where they disagree.
//!
//! A commit writes all of them in one step, so they agree unless the store lost some: keys that were evicted or deleted by
//! hand, a script that was stopped in the middle.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::presence::domain::Status;
use crate::presence::service::commit::CommitContext;
use crate::presence::store::{Counts, Reconciled, Result};

/// The pause between two steps.
const STEP_PAUSE: Duration = Duration::from_millis(64);
/// The pause between two passes over all users.
const PASS_PAUSE: Duration = Duration::from_secs(60);

/// The reconciliation of one store.
#[derive(Clone)]
pub struct ReconcileWorker {
    /// The store, its clock, and the counters.
    pub context: CommitContext,
}

impl ReconcileWorker {
    /// Makes one step from `from` on.
    ///
    /// # Errors
    /// The store is unavailable.
    pub async fn step(&self, from: u64) -> Result<Reconciled> {
        let step = self.context.store.reconcile(from, self.context.clock.now()).await?;
        self.context.metrics.reconciled(&step);
        if step.due + step.rosters + step.counts > 0 {
            tracing::warn!(
                due_times = step.due,
                rosters = step.rosters,
                counts = step.counts,
                "presence lists and due times disagreed with the states, and were corrected"
            );
        }
        Ok(step)
    }

    /// Makes step after step until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let (mut from, mut users) = (0, Counts::default());
        let passes = async {
            loop {
                let pause = match self.step(from).await {
                    Ok(step) => {
                        users.add(Status::Online, step.members.online);
                        users.add(Status::Away, step.members.away);
                        from = step.next.unwrap_or(0);
                        if from == 0 {
                            self.context.metrics.record_users(std::mem::take(&mut users));
                        }
                        if from == 0 { PASS_PAUSE } else { STEP_PAUSE }
                    }
                    Err(error) => {
                        tracing::debug!(error = error.reason(), "the reconciliation waits for the presence store");
                        PASS_PAUSE
                    }
                };
                tokio::time::sleep(pause).await;
            }
        };
        stop.run_until_cancelled(passes).await;
    }
}
