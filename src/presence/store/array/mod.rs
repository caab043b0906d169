//! The store within the process: everything behind one lock, lost with the process. For Laravel's `array` cache store.

mod log;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use self::log::{ArrayLog, host_time};
use super::{
    ChangeCursor, ChangeHistory, Changes, Commit, Committed, Counts, LogIdentity, PageLimit, PresenceStore, Reconciled,
    Result, StoreDown, StoredUser,
};
use crate::presence::domain::identity::{ScopeKey, UserKey};
use crate::presence::domain::{
    Change, HeldChange, Outbox, Record, RecordLookup, RecordWrite, Span, State, Status, Timestamp,
};
use crate::queue::{MemoryQueue, NewJob};

/// Presence in memory. Other processes do not see it, and it is lost on restart.
#[derive(Debug, Default)]
pub struct ArrayStore {
    inner: Mutex<Inner>,
    queue: Arc<MemoryQueue>,
    outbox: Outbox,
    hashing: RandomState,
}

#[derive(Debug, Default)]
struct Inner {
    states: HashMap<UserKey, State>,
    records: HashMap<UserKey, (Record, Timestamp)>,
    due: BTreeSet<(i64, UserKey)>,
    due_of: HashMap<UserKey, i64>,
    rosters: HashMap<(Box<str>, Status), BTreeMap<Box<str>, UserKey>>,
    log: ArrayLog,
}

impl ArrayStore {
    /// An empty store, whose changes are pushed into the queues of `outbox` in `queue`.
    pub fn new(queue: Arc<MemoryQueue>, outbox: Outbox) -> Self {
        Self { queue, outbox, ..Self::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn record(&self, key: &UserKey, now: Timestamp) -> RecordLookup {
        match self.records.get(key) {
            Some((record, expires)) if *expires > now => RecordLookup::Found(record.clone()),
            _ => RecordLookup::Missing,
        }
    }

    fn stored_user(&self, key: &UserKey, record: RecordLookup) -> StoredUser {
        let state = self.states.get(key).cloned();
        StoredUser { version: state.as_ref().map_or(0, |state| state.version), state, record }
    }

    fn set_due(&mut self, key: &UserKey, at: Option<i64>) {
        if let Some(before) = self.due_of.remove(key) {
            self.due.remove(&(before, key.clone()));
        }
        if let Some(at) = at {
            self.due.insert((at, key.clone()));
            self.due_of.insert(key.clone(), at);
        }
    }

    fn move_roster(&mut self, key: &UserKey, from: Status, to: Status) {
        if from == to {
            return;
        }
        if let Some(roster) = self.rosters.get_mut(&(key.scope().into(), from)) {
            roster.remove(key.member());
        }
        if to.is_present() {
            self.rosters.entry((key.scope().into(), to)).or_default().insert(key.member().into(), key.clone());
        }
    }

    fn is_current(&self, commit: &Commit) -> bool {
        self.states.get(&commit.key).map_or(0, |state| state.version) == commit.expected
    }

    fn write(&mut self, commit: &Commit, now: Timestamp) {
        let decision = &commit.decision;
        match &decision.state {
            Some(state) if decision.dirty => {
                self.states.insert(commit.key.clone(), state.clone());
            }
            Some(_) => {}
            None => {
                self.states.remove(&commit.key);
                self.records.remove(&commit.key);
                self.log.forget(&commit.key);
                self.set_due(&commit.key, None);
            }
        }
        if let Some(due) = decision.due {
            self.set_due(&commit.key, Some(due.millis()));
        }
        self.move_roster(&commit.key, commit.roster_status, decision.status());
        for change in decision.changes.iter().filter(|change| !change.is_heartbeat) {
            self.log.append(&commit.key, change.clone(), now);
        }
        match &decision.record {
            RecordWrite::Keep => {}
            RecordWrite::Forget => {
                self.records.remove(&commit.key);
            }
            RecordWrite::Put(record, seconds) => {
                self.records.insert(commit.key.clone(), (record.clone(), now.plus(Span::from_secs(*seconds))));
            }
        }
    }
}

impl ArrayStore {
    fn commit_one(&self, inner: &mut Inner, commit: &Commit, now: Timestamp) -> Committed {
        if !inner.is_current(commit) || !self.retract(commit) {
            return Committed::Conflict(Box::new(inner.stored_user(&commit.key, inner.record(&commit.key, now))));
        }
        inner.write(commit, now);
        self.push(commit);
        Committed::Done
    }

    /// Retracts all jobs that the commit retracts; returns false, and retracts none, if one of them is not held.
    fn retract(&self, commit: &Commit) -> bool {
        let retractions = commit.outbox.retractions.iter();
        let jobs: Vec<(&str, &str)> =
            retractions.map(|job| (self.outbox.queues[job.queue].name.as_str(), job.id.as_str())).collect();
        self.queue.retract(commit.key.as_str(), &jobs)
    }

    fn push(&self, commit: &Commit) {
        let lane = commit.key.as_str();
        for push in &commit.outbox.pushes {
            let (queue, change) = (&self.outbox.queues[push.queue].name, &commit.decision.changes[push.change]);
            if push.only_if_idle && !self.queue.is_idle(queue, lane) {
                continue;
            }
            let (id, payload) = (change.id.to_string(), change.encode());
            self.queue.push_one(queue, &NewJob { id: &id, lane, payload: &payload, delay: push.delay });
        }
    }
}

#[async_trait]
impl ChangeHistory for ArrayStore {
    async fn history(&self, key: &UserKey, limit: usize) -> Result<Vec<(ChangeCursor, Change)>> {
        Ok(self.lock().log.history(key, limit))
    }

    async fn erase_changes(&self, member: &str) -> Result<Vec<Change>> {
        Ok(self.lock().log.erase(member))
    }
}

#[async_trait]
impl PresenceStore for ArrayStore {
    async fn load(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<StoredUser>> {
        let inner = self.lock();
        Ok(keys.iter().map(|key| inner.stored_user(key, inner.record(key, now))).collect())
    }

    async fn records(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<RecordLookup>> {
        let inner = self.lock();
        Ok(keys.iter().map(|key| inner.record(key, now)).collect())
    }

    async fn commit(&self, commits: &[Commit], now: Timestamp) -> Result<Vec<Committed>> {
        let mut inner = self.lock();
        Ok(commits.iter().map(|commit| self.commit_one(&mut inner, commit, now)).collect())
    }

    async fn held(&self, keys: &[UserKey]) -> Result<Vec<Vec<HeldChange>>> {
        let held = |key: &UserKey| {
            let lanes = self.outbox.debounced();
            let jobs = lanes
                .flat_map(|(queue, name)| self.queue.held(name, key.as_str()).into_iter().map(move |job| (queue, job)));
            jobs.map(|(queue, job)| self.outbox.held(queue, job.id, &job.payload)).collect()
        };
        Ok(keys.iter().map(held).collect())
    }

    async fn claim_due(&self, _shard: usize, now: Timestamp, limit: usize, lease_ms: u64) -> Result<Vec<UserKey>> {
        let mut inner = self.lock();
        let due = inner.due.iter().take_while(|(at, _)| *at <= now.millis()).take(limit);
        let keys: Vec<UserKey> = due.map(|(_, key)| key.clone()).collect();
        let lease = i64::try_from(lease_ms).unwrap_or(i64::MAX);
        for key in &keys {
            inner.set_due(key, Some(now.millis().saturating_add(lease)));
        }
        Ok(keys)
    }

    async fn roster(
        &self,
        scope: &ScopeKey,
        status: Status,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<UserKey>> {
        let inner = self.lock();
        let Some(roster) = inner.rosters.get(&(scope.as_str().into(), status)) else { return Ok(Vec::new()) };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(roster.range::<str, _>((from, Bound::Unbounded)).take(limit).map(|(_, key)| key.clone()).collect())
    }

    async fn roster_status(&self, keys: &[UserKey]) -> Result<Vec<Status>> {
        let inner = self.lock();
        let is_on = |key: &UserKey, status| {
            let roster = inner.rosters.get(&(key.scope().into(), status));
            roster.is_some_and(|roster| roster.contains_key(key.member()))
        };
        let status = |key| [Status::Online, Status::Away].into_iter().find(|status| is_on(key, *status));
        Ok(keys.iter().map(|key| status(key).unwrap_or(Status::Offline)).collect())
    }

    async fn counts(&self, scope: &ScopeKey) -> Result<Counts> {
        let inner = self.lock();
        let count =
            |status| inner.rosters.get(&(scope.as_str().into(), status)).map_or(0, |roster| roster.len() as u64);
        Ok(Counts { online: count(Status::Online), away: count(Status::Away) })
    }

    /// In the order of the hashes of keys, which does not depend on the other users.
    async fn scan(&self, from: u64, limit: usize) -> Result<(Vec<UserKey>, Option<u64>)> {
        let inner = self.lock();
        let hash = |key: &UserKey| self.hashing.hash_one(key.as_str()).max(1);
        let mut keys: Vec<(u64, &UserKey)> = inner.states.keys().map(|key| (hash(key), key)).collect();
        keys.retain(|(hash, _)| *hash > from);
        keys.sort_unstable();
        let last = keys.get(limit.saturating_sub(1)).map(|(last, _)| *last);
        let end = last.map_or(keys.len(), |last| keys.partition_point(|(hash, _)| *hash <= last));
        let next = last.filter(|_| end < keys.len());
        Ok((keys[..end].iter().map(|(_, key)| (*key).clone()).collect(), next))
    }

    async fn changes(&self, after: Option<ChangeCursor>, limit: PageLimit) -> Result<Changes> {
        Ok(self.lock().log.page(after, limit))
    }

    async fn end_of_changes(&self) -> Result<ChangeCursor> {
        Ok(self.lock().log.end())
    }

    async fn log_identity(&self, _shard: usize) -> Result<LogIdentity> {
        Ok(self.lock().log.identity())
    }

    async fn trim_changes(&self, before: Timestamp) -> Result<()> {
        let oldest = self.outbox.queues.iter().filter_map(|queue| self.queue.oldest_pushed_at(&queue.name)).min();
        // An entry may be a moment older than the job that was pushed for it.
        let before = oldest.map_or(before.millis(), |oldest| before.millis().min(oldest - 1_000));
        self.lock().log.trim(before);
        Ok(())
    }

    async fn reconcile(&self, _from: u64, _now: Timestamp) -> Result<Reconciled> {
        let mut members = Counts::default();
        for ((_, status), roster) in &self.lock().rosters {
            members.add(*status, roster.len() as u64);
        }
        Ok(Reconciled { members, ..Reconciled::default() })
    }

    async fn ready(&self) -> std::result::Result<(), StoreDown> {
        Ok(())
    }

    async fn time(&self) -> Result<Timestamp> {
        Ok(host_time())
    }
}
