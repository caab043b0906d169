//! The sweep: turns the passing of time into changes. A step, and a simple loop around it.
//!
//! Any replica may sweep at any time. A step leases users whose due time has passed, applies the rules to them, and
//! commits under the same version check as all commits: of two sweeps only one succeeds. If a sweep dies, other sweeps get
//! its users when the lease ends. A step commits as many users at once as its [pace](super::pace) allows, so that callers, who
//! wait for the same store, are served in between. Users whose state is [lost](lost_state) are swept, too.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use tokio_util::sync::CancellationToken;

use crate::presence::domain::identity::{Subject, UserKey};
use crate::presence::domain::{Input, OutboxPlan, Span, Status, Timestamp, lost_state};
use crate::presence::service::commit::CommitContext;
use crate::presence::service::outbox::plan_outbox;
use crate::presence::store::{Commit, Committed, Result, StoredUser, UserPlace};
use crate::presence::worker::pace::Pace;
use crate::presence::worker::reconcile::ReconcileWorker;

/// Most users of one step.
pub const BATCH: usize = 1_000;
/// Most users whose states are read at once, while a commit has no more.
const PORTION: usize = 256;
/// How long users are leased to a sweep.
const LEASE_MS: u64 = 5_000;
/// How often the log is trimmed and the clock is synchronized.
const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(10);

/// The sweep and the maintenance of the change log.
#[derive(Clone)]
pub struct ExpirySweeper {
    /// The store, the rules and the outbox.
    pub context: CommitContext,
    /// How long the change log is kept.
    pub keep_changes: Span,
}

/// The numbers of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepStats {
    /// Users that were due.
    pub due: usize,
    /// Changes that were recorded.
    pub changes: usize,
}

/// The pace of the users of a shard, who may be in several places.
type SharedPace = Mutex<Pace>;

fn locked(pace: &SharedPace) -> MutexGuard<'_, Pace> {
    pace.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SweepStats {
    fn plus(self, other: Self) -> Self {
        Self { due: self.due + other.due, changes: self.changes + other.changes }
    }
}

impl ExpirySweeper {
    /// Sweeps up to [`BATCH`] users of each shard that are due at `now`.
    pub async fn step(&self, now: Timestamp) -> Result<SweepStats> {
        let paces = self.new_paces();
        let shards = paces.iter().enumerate().map(|(shard, pace)| self.step_of(shard, now, pace));
        let swept = try_join_all(shards).await?.into_iter();
        Ok(swept.fold(SweepStats::default(), SweepStats::plus))
    }

    /// A pace for each shard.
    fn new_paces(&self) -> Vec<SharedPace> {
        (0..self.context.store.shards()).map(|_| SharedPace::new(Pace::new(BATCH))).collect()
    }

    async fn step_of(&self, shard: usize, now: Timestamp, pace: &SharedPace) -> Result<SweepStats> {
        let keys = self.context.store.claim_due(shard, now, BATCH, LEASE_MS).await?;
        self.process(keys, now, pace).await
    }

    /// Processes all remembered users, due or not: after the clock was set back, due times may lie far in the future.
    pub async fn process_all(&self, now: Timestamp) -> Result<()> {
        let pace = SharedPace::new(Pace::new(BATCH));
        let mut from = Some(0);
        while let Some(place) = from {
            let (keys, next) = self.context.store.scan(place, BATCH).await?;
            self.process(keys, now, &pace).await?;
            from = next;
        }
        Ok(())
    }

    /// Processes the users of each place on their own: a server that does not reply keeps the sweep from its own users alone.
    async fn process(&self, keys: Vec<UserKey>, now: Timestamp, pace: &SharedPace) -> Result<SweepStats> {
        if keys.is_empty() {
            return Ok(SweepStats::default());
        }
        if self.context.store.servers().is_none() {
            return self.process_place(keys, now, pace).await;
        }
        let mut places: HashMap<UserPlace, Vec<UserKey>> = HashMap::new();
        for key in keys {
            places.entry(self.context.store.place_of(&key)).or_default().push(key);
        }
        let processed = join_all(places.into_values().map(|keys| self.process_place(keys, now, pace))).await;
        processed.into_iter().try_fold(SweepStats::default(), |sum, place| place.map(|place| sum.plus(place)))
    }

    async fn process_place(&self, keys: Vec<UserKey>, now: Timestamp, pace: &SharedPace) -> Result<SweepStats> {
        let (mut swept, mut keys) = (SweepStats::default(), keys.into_iter());
        while keys.len() > 0 {
            let portion = locked(pace).users().max(PORTION);
            let portion = keys.by_ref().take(portion).collect();
            swept = swept.plus(self.process_portion(portion, now, pace).await?);
        }
        Ok(swept)
    }

    async fn process_portion(&self, keys: Vec<UserKey>, now: Timestamp, pace: &SharedPace) -> Result<SweepStats> {
        let mut known = self.context.store.load(&keys, now).await?;
        self.restore(&keys, &mut known).await?;
        let due = keys.len();
        // A user for whom the rules panic does not keep the sweep from the others.
        let apply = |(key, known)| catch_unwind(AssertUnwindSafe(|| self.apply(key, known, now))).ok();
        let mut commits: Vec<Commit> = keys.into_iter().zip(known).filter_map(apply).collect();
        plan_outbox(self.context.store.as_ref(), &self.context.outbox.load_full(), &mut commits).await?;
        let (mut changes, mut rest) = (0, commits.as_slice());
        while !rest.is_empty() {
            let (next, others) = rest.split_at(locked(pace).users().min(rest.len()));
            changes += self.commit(next, now, pace).await?;
            rest = others;
        }
        Ok(SweepStats { due, changes })
    }

    /// Commits users together; returns the number of their changes.
    async fn commit(&self, commits: &[Commit], now: Timestamp, pace: &SharedPace) -> Result<usize> {
        let (started, calls) = (Instant::now(), self.context.metrics.calls());
        let committed = self.context.store.commit(commits, now).await?;
        let has_callers = self.context.metrics.calls() != calls;
        locked(pace).record(commits.len(), started.elapsed(), has_callers);
        let done = commits.iter().zip(committed).filter(|(_, committed)| *committed == Committed::Done);
        let mut changes = 0;
        for change in done.flat_map(|(commit, _)| &commit.decision.changes) {
            self.context.metrics.changed(change, Some(now));
            changes += 1;
        }
        if changes > 0 {
            self.context.notifier.notify();
        }
        Ok(changes)
    }

    fn apply(&self, key: UserKey, known: StoredUser, now: Timestamp) -> Commit {
        let StoredUser { version, state, record } = known;
        self.context.metrics.looked_up(&record);
        let state = state.unwrap_or_else(|| lost_state::rebuild_state(&key, Status::Offline, version));
        let roster_status = state.status;
        let subject = Subject { user: state.user.clone(), scope: state.scope.clone(), key: key.clone() };
        let decision = self.context.rules.apply(Some(state), record, &subject, Input::Tick, now);
        Commit { key, expected: version, roster_status, decision, outbox: OutboxPlan::default() }
    }

    /// Rebuilds states that are lost.
    async fn restore(&self, keys: &[UserKey], known: &mut [StoredUser]) -> Result<()> {
        let lost = keys.iter().zip(known).filter(|(_, known)| known.state.is_none());
        let (keys, lost): (Vec<UserKey>, Vec<&mut StoredUser>) = lost.map(|(key, known)| (key.clone(), known)).unzip();
        if keys.is_empty() {
            return Ok(());
        }
        let rosters = self.context.store.roster_status(&keys).await?;
        for ((key, known), status) in keys.iter().zip(lost).zip(rosters) {
            known.state = Some(lost_state::rebuild_state(key, status, known.version));
        }
        Ok(())
    }

    /// Sweeps until stopped: again at once after a full batch, else after `interval`. A shard that is not available does not
    /// keep the sweep from the others.
    pub async fn run(self, interval: Duration, stop: CancellationToken) {
        let shards = (0..self.context.store.shards()).map(|shard| self.run_shard(shard, interval, &stop));
        join_all(shards).await;
    }

    async fn run_shard(&self, shard: usize, interval: Duration, stop: &CancellationToken) {
        let (mut failing, pace) = (false, SharedPace::new(Pace::new(BATCH)));
        while !stop.is_cancelled() {
            let pause = match self.step_of(shard, self.context.clock.now(), &pace).await {
                Ok(swept) => {
                    failing = false;
                    if swept.due == BATCH { Duration::ZERO } else { interval }
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(shard, error = error.reason(), "the sweep waits for the presence store");
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

    /// Trims the change log, synchronizes the clock and reconciles until stopped.
    pub async fn run_maintenance(self, stop: CancellationToken) {
        let reconciliation = ReconcileWorker { context: self.context.clone() }.run(stop.clone());
        tokio::join!(self.maintain(stop), reconciliation);
    }

    async fn maintain(self, stop: CancellationToken) {
        let mut was_set_back = false;
        loop {
            tokio::select! {
                () = tokio::time::sleep(MAINTENANCE_INTERVAL) => {}
                () = stop.cancelled() => return,
            }
            let synchronized = self.context.clock.synchronize(self.context.store.as_ref()).await;
            was_set_back |= synchronized.as_ref().is_ok_and(|back| *back > self.context.rules.windows.margin());
            if was_set_back {
                was_set_back = self.process_all(self.context.clock.now()).await.is_err();
            }
            let trimmed = self.context.store.trim_changes(self.context.clock.now().minus(self.keep_changes)).await;
            if let Err(error) = synchronized.map(drop).and(trimmed) {
                tracing::debug!(error = error.reason(), "maintenance waits for the presence store");
            }
        }
    }
}
