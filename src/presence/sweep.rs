//! The sweep: turns the passing of time into changes. A step, and a dull loop around it.
//!
//! Any replica may sweep at any time. A step leases users whose due time has come, applies the rules to them, and
//! commits under the same version check as everybody else: of two sweeps only one succeeds, and one that dies leaves
//! its users to be handed out again when the lease ends.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::committer::Ground;
use super::identity::{Key, Subject};
use super::model::{self, Input, Observed, Span, Timestamp};
use super::store::{Commit, Committed, Known, Result};

/// So many users are swept in one step.
pub const BATCH: usize = 1_000;
/// How long another sweep keeps off users that were handed to this one.
const LEASE_MS: u64 = 5_000;
/// How often the log is trimmed and the clock is compared.
const UPKEEP: Duration = Duration::from_secs(10);

/// The sweeping task.
#[derive(Clone)]
pub struct Sweep {
    /// What is swept, and who is told.
    pub ground: Ground,
    /// How long the change log is kept.
    pub keep_changes: Span,
}

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Users that were due.
    pub due: usize,
    /// Changes that were recorded.
    pub changes: usize,
}

impl Sweep {
    /// Sweeps up to [`BATCH`] users that are due at `now`.
    pub async fn step(&self, now: Timestamp) -> Result<Swept> {
        let keys = self.ground.store.claim_due(now, BATCH, LEASE_MS).await?;
        if keys.is_empty() {
            return Ok(Swept::default());
        }
        let known = self.ground.store.load(&keys, now).await?;
        let due = keys.len();
        let commits: Vec<Commit> =
            keys.into_iter().zip(known).map(|(key, known)| self.apply(key, known, now)).collect();
        let committed = self.ground.store.commit(&commits, now).await?;
        let done = commits.iter().zip(committed).filter(|(_, committed)| *committed == Committed::Done);
        let mut changes = 0;
        for change in done.flat_map(|(commit, _)| &commit.outcome.changes) {
            self.ground.metrics.changed(change, Some(now));
            changes += 1;
        }
        if changes > 0 {
            self.ground.bell.ring();
        }
        Ok(Swept { due, changes })
    }

    fn apply(&self, key: Key, known: Known, now: Timestamp) -> Commit {
        let Known { version, state, record } = known;
        if record == Observed::Unreadable {
            self.ground.metrics.unreadable_records.increment(1);
        }
        let listed = state.as_ref().map_or(model::Status::Offline, |state| state.status);
        let outcome = match &state {
            Some(known) => {
                let subject = Subject { user: known.user.clone(), scope: known.scope.clone(), key: key.clone() };
                model::apply(state, record, &subject, Input::Tick, &self.ground.windows, now)
            }
            None => model::Outcome::nothing(),
        };
        Commit { key, expected: version, listed, outcome }
    }

    /// Sweeps until told to stop: again at once while there is a full batch, else after `interval`.
    pub async fn run(self, interval: Duration, stop: CancellationToken) {
        let mut failing = false;
        while !stop.is_cancelled() {
            let pause = match self.step(self.ground.clock.now()).await {
                Ok(swept) => {
                    failing = false;
                    if swept.due == BATCH { Duration::ZERO } else { interval }
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(error = error.reason(), "the sweep waits for the presence store");
                    }
                    interval
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Trims the change log and compares clocks until told to stop.
    pub async fn upkeep(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(UPKEEP) => {}
                () = stop.cancelled() => return,
            }
            let synchronized = self.ground.clock.synchronize(self.ground.store.as_ref()).await;
            let trimmed = self.ground.store.trim_changes(self.ground.clock.now().minus(self.keep_changes)).await;
            if let Err(error) = synchronized.and(trimmed) {
                tracing::debug!(error = error.reason(), "upkeep waits for the presence store");
            }
        }
    }
}
