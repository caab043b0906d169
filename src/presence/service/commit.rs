//! Applies inputs to users and commits the outcomes, many users in one round trip.
//!
//! It remembers the last state of each user, so that a [steady](State::is_refresh) heartbeat needs no read and writes the
//! Laravel record alone. What it remembers may be out of date, another replica or a sweep having committed since: then
//! the store says so, gives the current state, and the rules are asked again. Where more is at stake, the store is asked
//! first: other replicas' steady heartbeats, and what PHP did, are in the Laravel record only.
//!
//! A connection may be lost between a commit and its answer. Then the state on file tells: if it is the very one that was
//! sent, it has been committed, and is not committed again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use foldhash::fast::RandomState;
use futures_util::stream::{FuturesUnordered, StreamExt};
use indexmap::IndexMap;
use lru::LruCache;

use super::clock::Clock;
use super::metrics::Metrics;
use super::notifier::ChangeNotifier;
use crate::presence::domain;
use crate::presence::domain::identity::{Subject, UserKey};
use crate::presence::domain::{
    Decision, Input, RecordLookup, RecordWrite, State, Status, Timestamp, Transition, View, Windows,
};
use crate::presence::store::{Commit, Committed, PresenceStore, Result, StoredUser, Unavailable};
use crate::storage::batch::{BatchReceiver, Request};

/// So many users are remembered.
const CACHE_CAPACITY: usize = 100_000;
/// So many jobs are worth a flight of their own while another is on its way.
const MIN_SPLIT_BATCH: usize = 32;
/// After so many conflicts in a row about one user the caller is told to come back.
const MAX_ATTEMPTS: usize = 8;

/// What a caller wants to happen to a user.
#[derive(Debug)]
pub struct PresenceCommand {
    /// To whom.
    pub subject: Subject,
    /// What.
    pub input: Input,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct CommandOutcome {
    /// The user as of now.
    pub view: View,
    /// What the call did to the user's presence.
    pub transition: Option<Transition>,
}

type Job = Request<PresenceCommand, CommandOutcome>;

/// What committing takes.
#[derive(Clone)]
pub struct CommitContext {
    /// Where it is committed.
    pub store: Arc<dyn PresenceStore>,
    /// The store's clock.
    pub clock: Arc<Clock>,
    /// When heartbeats grow old.
    pub windows: Windows,
    /// Whether every sign of life is announced.
    pub announce_heartbeats: bool,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Who is told.
    pub notifier: Arc<ChangeNotifier>,
}

/// The committing task.
pub struct Committer {
    context: Arc<CommitContext>,
    remembered: LruCache<UserKey, State, RandomState>,
    away: HashSet<UserKey, RandomState>,
}

/// A group of users on its way to the store.
struct CommitBatch {
    context: Arc<CommitContext>,
    units: IndexMap<UserKey, UserBatch, RandomState>,
    landed: Vec<(UserKey, Option<State>)>,
}

/// All that waits for one user.
struct UserBatch {
    jobs: Vec<Job>,
    known: Option<StoredUser>,
    /// Whether `known` is what the store just said. It must not be asked again after a conflict: the record that it
    /// finds may be the one that the commit was to write.
    told: bool,
    /// What was sent over a connection that was lost before the answer came.
    unanswered: Option<InDoubtCommit>,
}

/// A user's commit, and what its callers are to be told.
struct InDoubtCommit {
    decision: Decision,
    answers: Vec<CommandOutcome>,
}

/// A user's commit on its way.
struct PendingReplies {
    jobs: Vec<Job>,
    answers: Vec<CommandOutcome>,
}

/// What a flight leads to, after its callers have been answered.
struct BatchResult {
    states: Vec<(UserKey, Option<State>)>,
    store_failed: bool,
}

impl Committer {
    /// A committer that remembers nobody yet.
    pub fn new(context: CommitContext) -> Self {
        let remembered = LruCache::unbounded_with_hasher(RandomState::default());
        Self { context: Arc::new(context), remembered, away: HashSet::default() }
    }

    /// Works until no more callers can come. A large crowd is taken in two flights, one of which is prepared while
    /// the other is on its way; a user is never on two at once.
    pub async fn run(mut self, mut groups: BatchReceiver<PresenceCommand, CommandOutcome>) {
        let mut flying = FuturesUnordered::new();
        let mut waiting = Vec::new();
        loop {
            if flying.is_empty() && waiting.is_empty() && !groups.next(&mut waiting).await {
                return;
            }
            groups.fill(&mut waiting);
            let crowd = waiting.len() >= 2 * MIN_SPLIT_BATCH;
            let parts = if flying.is_empty() && crowd { 2 } else { 1 };
            if flying.is_empty() || waiting.len() >= MIN_SPLIT_BATCH {
                let later = waiting.split_off(waiting.len() / parts);
                for part in [std::mem::take(&mut waiting), later] {
                    let (flight, held) = self.board(part);
                    waiting.extend(held);
                    if !flight.units.is_empty() {
                        flying.push(flight.fly());
                    }
                }
            }
            if let Some(landed) = flying.next().await {
                let store_failed = landed.store_failed;
                self.land(landed);
                if store_failed {
                    groups.fail_waiting(&mut waiting);
                }
            }
        }
    }

    /// BatchReceiver jobs by user, with what is remembered of each; those of users who are on their way are held back.
    fn board(&mut self, jobs: Vec<Job>) -> (CommitBatch, Vec<Job>) {
        let mut units: IndexMap<UserKey, UserBatch, _> =
            IndexMap::with_capacity_and_hasher(jobs.len(), RandomState::default());
        let mut held = Vec::new();
        for job in jobs {
            let key = &job.payload.subject.key;
            if self.away.contains(key) {
                held.push(job);
            } else if let Some(unit) = units.get_mut(key) {
                unit.jobs.push(job);
            } else {
                let known = self.remembered.pop(key).map(|state| StoredUser {
                    version: state.version,
                    state: Some(state),
                    record: RecordLookup::Unknown,
                });
                units.insert(key.clone(), UserBatch { jobs: vec![job], known, told: false, unanswered: None });
            }
        }
        self.away.extend(units.keys().cloned());
        let landed = Vec::with_capacity(units.len());
        (CommitBatch { context: self.context.clone(), units, landed }, held)
    }

    /// Remembers what was committed.
    fn land(&mut self, landed: BatchResult) {
        for (key, state) in landed.states {
            self.away.remove(&key);
            if let Some(state) = state {
                self.remembered.put(key, state);
            }
        }
        while self.remembered.len() > CACHE_CAPACITY {
            self.remembered.pop_lru();
        }
    }
}

impl CommitBatch {
    /// Commits, and answers the callers.
    async fn fly(mut self) -> BatchResult {
        let mut reason = "too many writers at the same user".to_owned();
        let (mut store_failed, mut reconnected) = (false, false);
        for _ in 0..MAX_ATTEMPTS {
            let done = match self.learn().await {
                Ok(()) => self.attempt().await,
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                reason = error.reason();
                if error.is_lost_connection() && !std::mem::replace(&mut reconnected, true) {
                    continue;
                }
                tracing::warn!(reason, "presence could not be committed");
                store_failed = true;
                break;
            }
            if self.units.is_empty() {
                break;
            }
            self.context.metrics.conflicts.increment(self.units.len() as u64);
        }
        for (key, unit) in std::mem::take(&mut self.units) {
            self.landed.push((key, None));
            for job in unit.jobs {
                job.reply(Err(Unavailable::new(reason.as_str())));
            }
        }
        BatchResult { states: self.landed, store_failed }
    }

    /// Finds out the state of each user: what is remembered, if that is enough, else from the store.
    async fn learn(&mut self) -> Result<()> {
        let now = self.context.clock.now();
        let windows = &self.context.windows;
        let unknown: Vec<UserKey> =
            self.units.iter().filter(|(_, unit)| !unit.suffices(windows, now)).map(|(key, _)| key.clone()).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let loaded = self.context.store.load(&unknown, now).await?;
        for (key, known) in unknown.iter().zip(loaded) {
            if known.record == RecordLookup::Unreadable {
                self.context.metrics.unreadable_records.increment(1);
            }
            let Some(unit) = self.units.get_mut(key) else { continue };
            match unit.unanswered.take() {
                Some(sent) if sent.is_on_file(&known) => {
                    let jobs = std::mem::take(&mut unit.jobs);
                    self.done(key.clone(), sent.decision, PendingReplies { jobs, answers: sent.answers });
                }
                _ => (unit.known, unit.told) = (Some(known), true),
            }
        }
        self.units.retain(|_, unit| !unit.jobs.is_empty());
        Ok(())
    }

    /// Applies and commits all units; those that met a conflict remain, with what is known now.
    async fn attempt(&mut self) -> Result<()> {
        if self.units.is_empty() {
            return Ok(());
        }
        let now = self.context.clock.now();
        let mut commits = Vec::with_capacity(self.units.len());
        let mut pending = Vec::with_capacity(self.units.len());
        for (key, unit) in std::mem::take(&mut self.units) {
            let known = unit.known.unwrap_or(StoredUser { version: 0, state: None, record: RecordLookup::Unknown });
            let expected = known.version;
            let roster_status = known.state.as_ref().map_or(Status::Offline, |state| state.status);
            let (decision, answers) = self.context.apply(&unit.jobs, known, now);
            commits.push(Commit { key, expected, roster_status, decision });
            pending.push(PendingReplies { jobs: unit.jobs, answers });
        }
        let started = Instant::now();
        let committed = self.context.store.commit(&commits, now).await;
        self.context.metrics.store_seconds.record(started.elapsed());
        let committed = match committed {
            Ok(committed) => committed,
            Err(error) => {
                let lost = commits.into_iter().zip(pending).map(|(commit, PendingReplies { jobs, answers })| {
                    let unanswered = Some(InDoubtCommit { decision: commit.decision, answers });
                    (commit.key, UserBatch { jobs, known: None, told: false, unanswered })
                });
                self.units.extend(lost);
                return Err(error);
            }
        };
        for ((commit, pending), committed) in commits.into_iter().zip(pending).zip(committed) {
            match committed {
                Committed::Done => self.done(commit.key, commit.decision, pending),
                Committed::Conflict(known) => {
                    let unit = UserBatch { jobs: pending.jobs, known: Some(*known), told: true, unanswered: None };
                    self.units.insert(commit.key, unit);
                }
            }
        }
        Ok(())
    }

    fn done(&mut self, key: UserKey, decision: Decision, pending: PendingReplies) {
        for change in &decision.changes {
            self.context.metrics.changed(change, None);
        }
        if !decision.changes.is_empty() {
            self.context.notifier.notify();
        }
        self.landed.push((key, decision.state));
        for (job, answer) in pending.jobs.into_iter().zip(pending.answers) {
            job.reply(Ok(answer));
        }
    }
}

impl InDoubtCommit {
    /// Whether all of this was committed, and nothing since. A steady heartbeat, which writes no state, may as well be sent
    /// again.
    fn is_on_file(&self, known: &StoredUser) -> bool {
        let Decision { dirty, state, record, .. } = &self.decision;
        let record_is_gone = *record != RecordWrite::Forget || known.record == RecordLookup::Missing;
        *dirty && state.is_some() && *state == known.state && record_is_gone
    }
}

impl UserBatch {
    /// Whether what is known is enough to go by.
    fn suffices(&self, windows: &Windows, now: Timestamp) -> bool {
        let state = self.known.as_ref().and_then(|known| known.state.as_ref());
        let enough = |state: &State, job: &Job| {
            let PresenceCommand { subject, input } = &job.payload;
            state.is_sufficient_for(subject, input, windows, now)
        };
        self.told || state.is_some_and(|state| self.jobs.iter().all(|job| enough(state, job)))
    }
}

impl CommitContext {
    /// Applies what all callers want of one user, one after the other; only the last state is written.
    fn apply(&self, jobs: &[Job], known: StoredUser, now: Timestamp) -> (Decision, Vec<CommandOutcome>) {
        let mut record = known.record;
        let mut merged = Decision { state: known.state, ..Decision::nothing() };
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            let PresenceCommand { subject, input } = &job.payload;
            let observed = std::mem::replace(&mut record, RecordLookup::Unknown);
            let is_stale = |beat| merged.state.as_ref().is_some_and(|state| state.is_stale(beat, now));
            let announced = self.announce_heartbeats && matches!(input, Input::Heartbeat(beat) if !is_stale(beat));
            let mut next = domain::apply(merged.state.take(), observed, subject, input.clone(), &self.windows, now);
            if announced {
                next.add_heartbeat_event(now);
            }
            let view = View::of_state(next.state.as_ref(), &self.windows, now);
            answers.push(CommandOutcome { view, transition: next.transition() });
            merged = merged.followed_by(next);
        }
        (merged, answers)
    }
}

impl Decision {
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
