//! One batch: states are loaded, commands applied, the outbox planned, and everything committed, until no user is left.

use std::sync::Arc;
use std::time::Instant;

use foldhash::fast::RandomState;
use indexmap::IndexMap;

use super::{CommandOutcome, CommitContext, Job, PresenceCommand};
use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{
    Decision, OutboxPlan, Record, RecordLookup, RecordWrite, State, Status, Timestamp, Windows, lost_state,
};
use crate::presence::service::outbox::plan_outbox;
use crate::presence::store::{Commit, Committed, Result, StoredUser, Unavailable};

/// After this many conflicts in a row about one user its callers get an error.
const MAX_ATTEMPTS: usize = 8;

/// Users whose commands are committed together.
pub(super) struct CommitBatch {
    context: Arc<CommitContext>,
    users: IndexMap<UserKey, UserBatch, RandomState>,
    committed: Vec<(UserKey, Option<State>)>,
}

/// All commands that wait for one user.
pub(super) struct UserBatch {
    pub(super) jobs: Vec<Job>,
    known: Option<StoredUser>,
    source: Source,
    /// The commit that was sent over a connection that was lost before the reply.
    in_doubt: Option<InDoubtCommit>,
}

/// Where the known state of a user comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The cache, which may be outdated, if there is a state at all.
    Cache,
    /// The store.
    Store,
    /// The store, in the reply to a commit that was refused. The state must not be loaded again: the record that would be
    /// found may be the one that the refused commit has put.
    Conflict,
}

/// The commit of one user whose reply was lost.
struct InDoubtCommit {
    decision: Decision,
    outcomes: Vec<CommandOutcome>,
}

/// The commands of one user whose commit is being sent, and their replies.
struct PendingReplies {
    jobs: Vec<Job>,
    outcomes: Vec<CommandOutcome>,
    /// What the user's commit was decided on, if it must not be loaded again.
    conflict: Option<StoredUser>,
}

/// The result of a batch whose callers have their replies.
pub(super) struct BatchResult {
    pub(super) states: Vec<(UserKey, Option<State>)>,
    pub(super) store_failed: bool,
}

impl CommitBatch {
    pub(super) fn new(context: Arc<CommitContext>, users: IndexMap<UserKey, UserBatch, RandomState>) -> Self {
        let committed = Vec::with_capacity(users.len());
        Self { context, users, committed }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Commits, and replies to the callers.
    pub(super) async fn run(mut self) -> BatchResult {
        let mut reason = "too many writers at the same user".to_owned();
        let (mut store_failed, mut reconnected) = (false, false);
        for _ in 0..MAX_ATTEMPTS {
            let done = match self.load_states().await {
                Ok(now) => self.try_commit(now).await,
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
            if self.users.is_empty() {
                break;
            }
            self.context.metrics.commits.conflicts.increment(self.users.len() as u64);
        }
        for (key, user) in std::mem::take(&mut self.users) {
            self.committed.push((key, None));
            for job in user.jobs {
                job.reply(Err(Unavailable::new(reason.as_str())));
            }
        }
        BatchResult { states: self.committed, store_failed }
    }

    /// Loads the state of each user for whom the known state is not sufficient. Returns the time at which all known states
    /// are: the commands must be applied as of that time.
    async fn load_states(&mut self) -> Result<Timestamp> {
        let windows = self.context.rules.windows;
        let now = loop {
            let now = self.context.clock.now();
            let is_unknown = |(_, user): &(&UserKey, &UserBatch)| !user.is_sufficient(&windows, now);
            let unknown: Vec<UserKey> = self.users.iter().filter(is_unknown).map(|(key, _)| key.clone()).collect();
            if unknown.is_empty() {
                break now;
            }
            self.load(&unknown, now).await?;
        };
        if let Some((key, _)) = self.users.iter().find(|(_, user)| user.record_alone().is_some()) {
            // All users of a batch are in one shard.
            let shard = self.context.store.shard_of(key);
            let began = self.context.store.log_identity(shard).await?.began();
            self.users.values_mut().for_each(|user| user.adopt_record(began, &windows, now));
        }
        Ok(now)
    }

    async fn load(&mut self, unknown: &[UserKey], now: Timestamp) -> Result<()> {
        let loaded = self.context.store.load(unknown, now).await?;
        if loaded.len() != unknown.len() {
            let (found, wanted) = (loaded.len(), unknown.len());
            return Err(Unavailable::new(format!("the store answered {found} states for {wanted} users")));
        }
        for (key, known) in unknown.iter().zip(loaded) {
            self.context.metrics.looked_up(&known.record);
            let Some(user) = self.users.get_mut(key) else { continue };
            match user.in_doubt.take() {
                Some(sent) if sent.was_committed(&known) => {
                    let jobs = std::mem::take(&mut user.jobs);
                    self.complete(key.clone(), sent.decision, jobs, sent.outcomes);
                }
                _ => (user.known, user.source) = (Some(known), Source::Store),
            }
        }
        self.users.retain(|_, user| !user.jobs.is_empty());
        Ok(())
    }

    /// Applies and commits the commands of all users; users whose commits are refused remain, with the current state.
    async fn try_commit(&mut self, now: Timestamp) -> Result<()> {
        if self.users.is_empty() {
            return Ok(());
        }
        let (mut commits, pending) = self.apply(now);
        let outbox = self.context.outbox.load_full();
        if let Err(error) = plan_outbox(self.context.store.as_ref(), &outbox, &mut commits).await {
            for (commit, pending) in commits.into_iter().zip(pending) {
                self.users.insert(commit.key, UserBatch::unsent(pending));
            }
            return Err(error);
        }
        let started = Instant::now();
        let committed = self.context.store.commit(&commits, now).await;
        let metrics = &self.context.metrics.commits;
        metrics.seconds.record(started.elapsed());
        #[expect(clippy::cast_precision_loss, reason = "a batch has at most thousands of users")]
        metrics.users.record(commits.len() as f64);
        let committed = match committed {
            Ok(committed) => committed,
            Err(error) => {
                for (commit, pending) in commits.into_iter().zip(pending) {
                    self.users.insert(commit.key, UserBatch::in_doubt(commit.decision, pending));
                }
                return Err(error);
            }
        };
        for ((commit, pending), committed) in commits.into_iter().zip(pending).zip(committed) {
            match committed {
                Committed::Done => self.complete(commit.key, commit.decision, pending.jobs, pending.outcomes),
                Committed::Conflict(known) => {
                    let known = if commit.is_record_only() { restore(*known, commit.decision.state) } else { *known };
                    self.users.insert(commit.key, UserBatch::refused(pending.jobs, known));
                }
            }
        }
        Ok(())
    }

    /// Applies the commands of all users.
    fn apply(&mut self, now: Timestamp) -> (Vec<Commit>, Vec<PendingReplies>) {
        let mut commits = Vec::with_capacity(self.users.len());
        let mut pending = Vec::with_capacity(self.users.len());
        for (key, UserBatch { jobs, known, source, .. }) in std::mem::take(&mut self.users) {
            let conflict = if source == Source::Conflict { known.clone() } else { None };
            let known = known.unwrap_or(StoredUser { version: 0, state: None, record: RecordLookup::Unknown });
            let expected = known.version;
            let stored = known.state.as_ref().filter(|state| state.version > 0);
            let roster_status = stored.map_or(Status::Offline, |state| state.status);
            let (decision, outcomes) = self.context.apply(&jobs, known, now);
            commits.push(Commit { key, expected, roster_status, decision, outbox: OutboxPlan::default() });
            pending.push(PendingReplies { jobs, outcomes, conflict });
        }
        (commits, pending)
    }

    fn complete(&mut self, key: UserKey, decision: Decision, jobs: Vec<Job>, outcomes: Vec<CommandOutcome>) {
        for change in &decision.changes {
            self.context.metrics.changed(change, None);
        }
        if !decision.changes.is_empty() {
            self.context.notifier.notify();
        }
        self.committed.push((key, decision.state));
        for (job, outcome) in jobs.into_iter().zip(outcomes) {
            job.reply(Ok(outcome));
        }
    }
}

/// What is known of a user whose refresh was refused. If the store has lost the state, the refreshed one is written: the
/// user is present, as before.
fn restore(known: StoredUser, refreshed: Option<State>) -> StoredUser {
    match refreshed {
        Some(state) if known.state.is_none() && known.version == 0 => {
            StoredUser { state: Some(State { version: 0, ..state }), ..known }
        }
        _ => known,
    }
}

impl InDoubtCommit {
    /// Whether all of the commit was written, and nothing since. A refresh, which writes no state, may be sent again.
    fn was_committed(&self, known: &StoredUser) -> bool {
        let Decision { dirty, state, record, .. } = &self.decision;
        let is_record_gone = *record != RecordWrite::Forget || known.record == RecordLookup::Missing;
        *dirty && state.is_some() && *state == known.state && is_record_gone
    }
}

impl UserBatch {
    /// The first command of a user, with the cached state.
    pub(super) fn new(job: Job, cached: Option<State>) -> Self {
        let known = cached.map(|state| StoredUser {
            version: state.version,
            state: Some(state),
            record: RecordLookup::Unknown,
        });
        Self { jobs: vec![job], known, source: Source::Cache, in_doubt: None }
    }

    /// The store refused the commit; `known` is its current content.
    fn refused(jobs: Vec<Job>, known: StoredUser) -> Self {
        Self { jobs, known: Some(known), source: Source::Conflict, in_doubt: None }
    }

    /// The commit was not sent.
    fn unsent(PendingReplies { jobs, conflict, .. }: PendingReplies) -> Self {
        let source = if conflict.is_some() { Source::Conflict } else { Source::Cache };
        Self { jobs, known: conflict, source, in_doubt: None }
    }

    /// The reply to the commit was lost.
    fn in_doubt(decision: Decision, PendingReplies { jobs, outcomes, .. }: PendingReplies) -> Self {
        Self { jobs, known: None, source: Source::Cache, in_doubt: Some(InDoubtCommit { decision, outcomes }) }
    }

    /// The record of a user of whom nothing else is stored.
    fn record_alone(&self) -> Option<&Record> {
        let known = self.known.as_ref().filter(|known| known.version == 0 && known.state.is_none())?;
        match &known.record {
            RecordLookup::Found(record) => Some(record),
            RecordLookup::Unknown | RecordLookup::Missing | RecordLookup::Unreadable(_) => None,
        }
    }

    /// Adopts the record if it is older than the change log, which began at `began`.
    fn adopt_record(&mut self, began: Timestamp, windows: &Windows, now: Timestamp) {
        let old = self.record_alone().filter(|record| record.last_seen < began.whole_second());
        let state = old
            .zip(self.jobs.first())
            .and_then(|(record, job)| lost_state::adopt_record(&job.payload.subject, record, windows, now));
        if let (Some(state), Some(known)) = (state, &mut self.known) {
            known.state = Some(state);
        }
    }

    /// Whether the known state is sufficient for all commands.
    fn is_sufficient(&self, windows: &Windows, now: Timestamp) -> bool {
        let state = self.known.as_ref().and_then(|known| known.state.as_ref());
        let is_sufficient = |state: &State, job: &Job| {
            let PresenceCommand { subject, input, .. } = &job.payload;
            state.is_sufficient_for(subject, input, windows, now)
        };
        self.source != Source::Cache || state.is_some_and(|state| self.jobs.iter().all(|job| is_sufficient(state, job)))
    }
}
