//! The store within the process: everything under one lock, gone with the process. Laravel's `array` cache store.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

use super::{Commit, Committed, Counts, Cursor, Known, Result, Store};
use crate::presence::identity::{Key, ScopeKey};
use crate::presence::model::{Change, Observed, RecordWrite, Span, State, Status, Timestamp};
use crate::presence::record::Record;

/// Presence in memory. Nobody else sees it, and a restart forgets it.
#[derive(Debug, Default)]
pub struct ArrayStore {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    states: HashMap<Key, State>,
    records: HashMap<Key, (Record, Timestamp)>,
    due: BTreeSet<(i64, Key)>,
    due_of: HashMap<Key, i64>,
    rosters: HashMap<(Box<str>, Status), BTreeMap<Box<str>, Key>>,
    changes: VecDeque<(Cursor, Change)>,
    cursor: Cursor,
}

impl ArrayStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn record(&self, key: &Key, now: Timestamp) -> Observed {
        match self.records.get(key) {
            Some((record, expires)) if *expires > now => Observed::Found(record.clone()),
            _ => Observed::Missing,
        }
    }

    fn known(&self, key: &Key, record: Observed) -> Known {
        let state = self.states.get(key).cloned();
        Known { version: state.as_ref().map_or(0, |state| state.version), state, record }
    }

    fn set_due(&mut self, key: &Key, at: Option<i64>) {
        if let Some(before) = self.due_of.remove(key) {
            self.due.remove(&(before, key.clone()));
        }
        if let Some(at) = at {
            self.due.insert((at, key.clone()));
            self.due_of.insert(key.clone(), at);
        }
    }

    fn list(&mut self, key: &Key, from: Status, to: Status) {
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

    fn commit(&mut self, commit: &Commit, now: Timestamp) -> Committed {
        let current = self.known(&commit.key, Observed::Unknown);
        if current.version != commit.expected {
            return Committed::Conflict(Box::new(current));
        }
        let outcome = &commit.outcome;
        match &outcome.state {
            Some(state) if outcome.dirty => {
                self.states.insert(commit.key.clone(), state.clone());
            }
            Some(_) => {}
            None => {
                self.states.remove(&commit.key);
                self.records.remove(&commit.key);
                self.set_due(&commit.key, None);
            }
        }
        if let Some(due) = outcome.due {
            self.set_due(&commit.key, Some(due.millis()));
        }
        self.list(&commit.key, commit.listed, outcome.status());
        for change in &outcome.changes {
            let millis = u64::try_from(now.millis()).unwrap_or(0).max(self.cursor.millis);
            self.cursor = Cursor { millis, number: self.cursor.number + 1 };
            self.changes.push_back((self.cursor, change.clone()));
        }
        match &outcome.record {
            RecordWrite::Keep => {}
            RecordWrite::Forget => {
                self.records.remove(&commit.key);
            }
            RecordWrite::Put(record, seconds) => {
                self.records.insert(commit.key.clone(), (record.clone(), now.plus(Span::from_secs(*seconds))));
            }
        }
        Committed::Done
    }
}

#[async_trait]
impl Store for ArrayStore {
    async fn load(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Known>> {
        let inner = self.lock();
        Ok(keys.iter().map(|key| inner.known(key, inner.record(key, now))).collect())
    }

    async fn records(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Observed>> {
        let inner = self.lock();
        Ok(keys.iter().map(|key| inner.record(key, now)).collect())
    }

    async fn commit(&self, commits: &[Commit], now: Timestamp) -> Result<Vec<Committed>> {
        let mut inner = self.lock();
        Ok(commits.iter().map(|commit| inner.commit(commit, now)).collect())
    }

    async fn claim_due(&self, now: Timestamp, limit: usize, lease_ms: u64) -> Result<Vec<Key>> {
        let mut inner = self.lock();
        let due = inner.due.iter().take_while(|(at, _)| *at <= now.millis()).take(limit);
        let keys: Vec<Key> = due.map(|(_, key)| key.clone()).collect();
        let lease = i64::try_from(lease_ms).unwrap_or(i64::MAX);
        for key in &keys {
            inner.set_due(key, Some(now.millis().saturating_add(lease)));
        }
        Ok(keys)
    }

    async fn roster(&self, scope: &ScopeKey, status: Status, after: Option<&str>, limit: usize) -> Result<Vec<Key>> {
        let inner = self.lock();
        let Some(roster) = inner.rosters.get(&(scope.as_str().into(), status)) else { return Ok(Vec::new()) };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(roster.range::<str, _>((from, Bound::Unbounded)).take(limit).map(|(_, key)| key.clone()).collect())
    }

    async fn counts(&self, scope: &ScopeKey) -> Result<Counts> {
        let inner = self.lock();
        let count =
            |status| inner.rosters.get(&(scope.as_str().into(), status)).map_or(0, |roster| roster.len() as u64);
        Ok(Counts { online: count(Status::Online), away: count(Status::Away) })
    }

    async fn changes(&self, after: Cursor, limit: usize) -> Result<Vec<(Cursor, Change)>> {
        let inner = self.lock();
        let from = inner.changes.partition_point(|(cursor, _)| *cursor <= after);
        Ok(inner.changes.range(from..).take(limit).cloned().collect())
    }

    async fn trim_changes(&self, before: Timestamp) -> Result<()> {
        let mut inner = self.lock();
        let millis = u64::try_from(before.millis()).unwrap_or(0);
        let kept = inner.changes.partition_point(|(cursor, _)| cursor.millis < millis);
        inner.changes.drain(..kept);
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "this store's clock is the host's")]
    async fn time(&self) -> Result<Timestamp> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)))
    }
}
