//! Applies inputs to users and commits the outcomes, many users in one round trip.
//!
//! It remembers the last committed state of each user, so that a steady heartbeat needs no read. What it remembers may
//! be out of date, another replica or a sweep having committed since: then the store says so, gives the current state,
//! and the rules are asked again. Where a transition is at stake, the store is asked first, since the Laravel record
//! then matters as well.

use std::sync::Arc;
use std::time::Instant;

use indexmap::IndexMap;
use lru::LruCache;

use super::clock::Clock;
use super::group::{Asked, Groups};
use super::identity::{Key, Subject};
use super::metrics::Metrics;
use super::model::{self, Input, Observed, Outcome, RecordWrite, State, Status, Timestamp, Transition, Windows};
use super::store::{Commit, Committed, Known, Result, Store, Unavailable};
use super::view::View;

/// So many users are remembered by each committer.
const REMEMBERED: usize = 100_000;
/// After so many conflicts in a row about one user the caller is told to come back.
const ATTEMPTS: usize = 8;

/// What a caller wants to happen to a user.
#[derive(Debug)]
pub struct Wanted {
    /// To whom.
    pub subject: Subject,
    /// What.
    pub input: Input,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Happened {
    /// The user as of now.
    pub view: View,
    /// What the call did to the user's presence.
    pub transition: Option<Transition>,
}

type Job = Asked<Wanted, Happened>;

/// The committing task.
pub struct Committer {
    store: Arc<dyn Store>,
    clock: Arc<Clock>,
    windows: Windows,
    metrics: Arc<Metrics>,
    remembered: LruCache<Key, State>,
}

/// All that waits for one user.
struct Unit {
    jobs: Vec<Job>,
    known: Option<Known>,
}

/// A user's commit on its way, and what its callers are to be told.
struct Pending {
    jobs: Vec<Job>,
    answers: Vec<Happened>,
}

impl Committer {
    /// A committer that remembers nobody yet.
    pub fn new(store: Arc<dyn Store>, clock: Arc<Clock>, windows: Windows, metrics: Arc<Metrics>) -> Self {
        Self { store, clock, windows, metrics, remembered: LruCache::unbounded() }
    }

    /// Works until no more callers can come.
    pub async fn run(mut self, mut groups: Groups<Wanted, Happened>) {
        while let Some(jobs) = groups.next().await {
            if let Err(error) = self.commit(jobs).await {
                groups.fail_waiting(&error);
            }
        }
    }

    /// Commits one group and answers its callers. On failure all have been told; the reason is given back.
    async fn commit(&mut self, jobs: Vec<Job>) -> std::result::Result<(), String> {
        let mut units: IndexMap<Key, Unit> = IndexMap::with_capacity(jobs.len());
        for job in jobs {
            let unit = units.entry(job.question.subject.key.clone());
            unit.or_insert_with(|| Unit { jobs: Vec::with_capacity(1), known: None }).jobs.push(job);
        }
        for _ in 0..ATTEMPTS {
            let failed = match self.learn(&mut units).await {
                Ok(()) => self.attempt(&mut units).await,
                Err(error) => Err(error),
            };
            if let Err(Unavailable(source)) = failed {
                let reason = source.to_string();
                tracing::warn!(reason, "presence could not be committed");
                self.give_up(units, &reason);
                return Err(reason);
            }
            if units.is_empty() {
                return Ok(());
            }
            self.metrics.conflicts.increment(units.len() as u64);
        }
        self.give_up(units, "too many writers at the same user");
        Ok(())
    }

    fn give_up(&mut self, units: IndexMap<Key, Unit>, reason: &str) {
        for (key, unit) in units {
            self.remembered.pop(&key);
            for job in unit.jobs {
                job.answer(Err(Unavailable(reason.into())));
            }
        }
    }

    /// Finds out the state of each user: from memory if it says that the user is present, else from the store.
    async fn learn(&mut self, units: &mut IndexMap<Key, Unit>) -> Result<()> {
        let now = self.clock.now();
        let mut unknown = Vec::new();
        for (key, unit) in units.iter_mut() {
            if unit.known.as_ref().is_some_and(|known| self.suffices(known.state.as_ref(), now)) {
                continue;
            }
            match self.remembered.pop(key) {
                Some(state) if self.suffices(Some(&state), now) => {
                    let (version, record) = (state.version, Observed::Unknown);
                    unit.known = Some(Known { version, state: Some(state), record });
                }
                _ => unknown.push(key.clone()),
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let loaded = self.store.load(&unknown, now).await?;
        for (key, known) in unknown.iter().zip(loaded) {
            if known.record == Observed::Unreadable {
                self.metrics.unreadable_records.increment(1);
            }
            if let Some(unit) = units.get_mut(key) {
                unit.known = Some(known);
            }
        }
        Ok(())
    }

    /// A user who is online and stays so needs no look at the Laravel record.
    fn suffices(&self, state: Option<&State>, now: Timestamp) -> bool {
        state.is_some_and(|state| state.status.is_present() && state.due(&self.windows) > now)
    }

    /// Applies and commits all units; those that met a conflict remain, with what is known now.
    async fn attempt(&mut self, units: &mut IndexMap<Key, Unit>) -> Result<()> {
        let now = self.clock.now();
        let mut commits = Vec::with_capacity(units.len());
        let mut pending = Vec::with_capacity(units.len());
        for (key, unit) in std::mem::take(units) {
            let known = unit.known.unwrap_or(Known { version: 0, state: None, record: Observed::Unknown });
            let expected = known.version;
            let listed = known.state.as_ref().map_or(Status::Offline, |state| state.status);
            let (outcome, answers) = self.apply(&unit.jobs, known, now);
            commits.push(Commit { key, expected, listed, outcome });
            pending.push(Pending { jobs: unit.jobs, answers });
        }
        let started = Instant::now();
        let committed = self.store.commit(&commits, now).await;
        self.metrics.store_seconds.record(started.elapsed());
        let committed = match committed {
            Ok(committed) => committed,
            Err(error) => {
                let lost = commits.into_iter().zip(pending);
                units.extend(lost.map(|(commit, lost)| (commit.key, Unit { jobs: lost.jobs, known: None })));
                return Err(error);
            }
        };
        for ((commit, pending), committed) in commits.into_iter().zip(pending).zip(committed) {
            match committed {
                Committed::Done => self.done(commit, pending),
                Committed::Conflict(known) => {
                    units.insert(commit.key, Unit { jobs: pending.jobs, known: Some(known) });
                }
            }
        }
        Ok(())
    }

    /// Applies what all callers want of one user, one after the other; only the last state is written.
    fn apply(&self, jobs: &[Job], known: Known, now: Timestamp) -> (Outcome, Vec<Happened>) {
        let mut record = known.record;
        let mut merged = Outcome { state: known.state, ..Outcome::nothing() };
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            let Wanted { subject, input } = &job.question;
            let observed = std::mem::replace(&mut record, Observed::Unknown);
            let next = model::apply(merged.state.take(), observed, subject, input.clone(), &self.windows, now);
            let view = View::of_state(next.state.as_ref(), &self.windows, now);
            answers.push(Happened { view, transition: next.transition() });
            merged = merged.followed_by(next);
        }
        (merged, answers)
    }

    fn done(&mut self, commit: Commit, pending: Pending) {
        for change in &commit.outcome.changes {
            self.metrics.changed(change, None);
        }
        if let Some(state) = commit.outcome.state {
            self.remembered.put(commit.key, state);
            if self.remembered.len() > REMEMBERED {
                self.remembered.pop_lru();
            }
        }
        for (job, answer) in pending.jobs.into_iter().zip(pending.answers) {
            job.answer(Ok(answer));
        }
    }
}

impl Outcome {
    /// Two outcomes of one user in a row, to be committed as one.
    fn followed_by(self, next: Self) -> Self {
        let mut changes = self.changes;
        changes.extend(next.changes);
        Self {
            dirty: self.dirty || next.dirty,
            before: next.before,
            changes,
            record: if next.record == RecordWrite::Keep { self.record } else { next.record },
            due: next.due.or(self.due),
            state: next.state,
        }
    }
}
