//! The sweep: turns the passing of time into changes. A step, and a dull loop around it.
//!
//! Any replica may sweep at any time. A step leases users whose due time has come, applies the rules to them, and
//! commits under the same version check as everybody else: of two sweeps only one succeeds, and one that dies leaves
//! its users to be handed out again when the lease ends. Users whose state is [lost] are swept, too.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::presence::domain;
use crate::presence::domain::identity::{Subject, UserKey};
use crate::presence::domain::{Input, RecordLookup, Span, Status, Timestamp, recovery};
use crate::presence::service::commit::CommitContext;
use crate::presence::store::{Commit, Committed, Result, StoredUser};

/// So many users are swept in one step.
pub const BATCH: usize = 1_000;
/// How long another sweep keeps off users that were handed to this one.
const LEASE_MS: u64 = 5_000;
/// How often the log is trimmed and the clock is compared.
const UPKEEP: Duration = Duration::from_secs(10);

/// The sweeping task.
#[derive(Clone)]
pub struct ExpirySweeper {
    /// What is swept, and who is told.
    pub context: CommitContext,
    /// How long the change log is kept.
    pub keep_changes: Span,
}

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepStats {
    /// Users that were due.
    pub due: usize,
    /// Changes that were recorded.
    pub changes: usize,
}

impl ExpirySweeper {
    /// Sweeps up to [`BATCH`] users that are due at `now`.
    pub async fn step(&self, now: Timestamp) -> Result<SweepStats> {
        let keys = self.context.store.claim_due(now, BATCH, LEASE_MS).await?;
        self.look_at(keys, now).await
    }

    /// Looks at everybody who is remembered, due or not: a clock that was set back has left due times far ahead.
    pub async fn process_all(&self, now: Timestamp) -> Result<()> {
        let mut from = Some(0);
        while let Some(place) = from {
            let (keys, next) = self.context.store.scan(place, BATCH).await?;
            self.look_at(keys, now).await?;
            from = next;
        }
        Ok(())
    }

    async fn look_at(&self, keys: Vec<UserKey>, now: Timestamp) -> Result<SweepStats> {
        if keys.is_empty() {
            return Ok(SweepStats::default());
        }
        let mut known = self.context.store.load(&keys, now).await?;
        self.restore(&keys, &mut known).await?;
        let due = keys.len();
        let commits: Vec<Commit> =
            keys.into_iter().zip(known).map(|(key, known)| self.apply(key, known, now)).collect();
        let committed = self.context.store.commit(&commits, now).await?;
        let done = commits.iter().zip(committed).filter(|(_, committed)| *committed == Committed::Done);
        let mut changes = 0;
        for change in done.flat_map(|(commit, _)| &commit.decision.changes) {
            self.context.metrics.changed(change, Some(now));
            changes += 1;
        }
        if changes > 0 {
            self.context.notifier.notify();
        }
        Ok(SweepStats { due, changes })
    }

    fn apply(&self, key: UserKey, known: StoredUser, now: Timestamp) -> Commit {
        let StoredUser { version, state, record } = known;
        if record == RecordLookup::Unreadable {
            self.context.metrics.unreadable_records.increment(1);
        }
        let state = state.unwrap_or_else(|| recovery::rebuild_state(&key, Status::Offline, version));
        let roster_status = state.status;
        let subject = Subject { user: state.user.clone(), scope: state.scope.clone(), key: key.clone() };
        let decision = domain::apply(Some(state), record, &subject, Input::Tick, &self.context.windows, now);
        Commit { key, expected: version, roster_status, decision }
    }

    /// Puts in place of states that are lost what is left of them.
    async fn restore(&self, keys: &[UserKey], known: &mut [StoredUser]) -> Result<()> {
        let lost = keys.iter().zip(known).filter(|(_, known)| known.state.is_none());
        let (keys, lost): (Vec<UserKey>, Vec<&mut StoredUser>) = lost.map(|(key, known)| (key.clone(), known)).unzip();
        if keys.is_empty() {
            return Ok(());
        }
        let lists = self.context.store.roster_status(&keys).await?;
        for ((key, known), listed) in keys.iter().zip(lost).zip(lists) {
            known.state = Some(recovery::rebuild_state(key, listed, known.version));
        }
        Ok(())
    }

    /// Sweeps until told to stop: again at once while there is a full batch, else after `interval`.
    pub async fn run(self, interval: Duration, stop: CancellationToken) {
        let mut failing = false;
        while !stop.is_cancelled() {
            let pause = match self.step(self.context.clock.now()).await {
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
    pub async fn run_maintenance(self, stop: CancellationToken) {
        let mut was_set_back = false;
        loop {
            tokio::select! {
                () = tokio::time::sleep(UPKEEP) => {}
                () = stop.cancelled() => return,
            }
            let synchronized = self.context.clock.synchronize(self.context.store.as_ref()).await;
            was_set_back |= synchronized.as_ref().is_ok_and(|back| *back > self.context.windows.margin());
            if was_set_back {
                was_set_back = self.process_all(self.context.clock.now()).await.is_err();
            }
            let trimmed = self.context.store.trim_changes(self.context.clock.now().minus(self.keep_changes)).await;
            if let Err(error) = synchronized.map(drop).and(trimmed) {
                tracing::debug!(error = error.reason(), "upkeep waits for the presence store");
            }
        }
    }
}
