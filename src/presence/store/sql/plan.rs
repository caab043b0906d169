//! What a commit writes, gathered from all its users, so that it takes few statements.

use std::collections::{BTreeMap, BTreeSet};

use super::cache_table::{CacheTable, Put, hash};
use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{Change, RecordWrite, State, Status, Timestamp};
use crate::presence::store::{Commit, outbox};
use crate::storage::sql::Arg;

/// What is on file of a user, but for the state itself.
#[derive(Clone, Copy)]
pub(super) struct StoredRow {
    pub(super) version: u64,
    pub(super) status: Status,
    pub(super) due: i64,
}

/// A row to be filed.
struct Row<'a> {
    key: &'a UserKey,
    /// The hash of its scope.
    scope: String,
    filed: StoredRow,
    state: Vec<u8>,
}

impl Row<'_> {
    fn args<'s>(&'s self, name: &'s str) -> [Arg<'s>; 8] {
        let Self { key, scope, filed, state } = self;
        [
            name.into(),
            key.as_str().into(),
            scope.as_str().into(),
            key.member().into(),
            filed.status.as_str().into(),
            // They count milliseconds, so that the sign is far away.
            i64::try_from(filed.version).unwrap_or(i64::MAX).into(),
            filed.due.into(),
            state.as_slice().into(),
        ]
    }
}

/// Everything to be written, each in the order of its keys: whoever writes several rows writes them in that order.
#[derive(Default)]
pub(super) struct Plan<'a> {
    rows: BTreeMap<String, Row<'a>>,
    pub(super) gone: BTreeSet<String>,
    counts: BTreeMap<(String, &'static str), i64>,
    log: Vec<Vec<u8>>,
    /// Changes that go out, those that are not logged among them.
    pub(super) changes: Vec<(&'a UserKey, &'a Change)>,
    pub(super) records: Records,
}

/// What is to become of Laravel's rows.
#[derive(Default)]
pub(super) struct Records {
    puts: BTreeMap<String, Put>,
    pub(super) forgotten: BTreeSet<String>,
    /// Rows that go if they have expired: nobody else removes them.
    pub(super) stale: BTreeSet<String>,
}

impl<'a> Plan<'a> {
    /// Adds what `commit` makes of `filed`, and gives what is on file then. It has been checked that it may.
    pub(super) fn add(&mut self, name: &str, commit: &'a Commit, filed: Option<StoredRow>) -> Option<StoredRow> {
        let decision = &commit.decision;
        let before = filed.map_or(Status::Offline, |filed| filed.status);
        let after = match &decision.state {
            Some(_) if !decision.dirty && decision.due.is_none() => filed,
            Some(state) => Some(self.file(name, &commit.key, state, decision.due.map(Timestamp::millis), filed)),
            None => {
                self.rows.remove(name);
                self.gone.insert(name.to_owned());
                None
            }
        };
        self.list(&commit.key, before, after.map_or(Status::Offline, |filed| filed.status));
        for change in &decision.changes {
            self.changes.push((&commit.key, change));
            if !change.is_heartbeat {
                self.log.push(outbox::json(change));
            }
        }
        after
    }

    fn file(
        &mut self,
        name: &str,
        key: &'a UserKey,
        state: &State,
        due: Option<i64>,
        before: Option<StoredRow>,
    ) -> StoredRow {
        let due = due.or(before.map(|before| before.due)).unwrap_or(0);
        let filed = StoredRow { version: state.version, status: state.status, due };
        let json = serde_json::to_vec(state);
        let state = json.unwrap_or_else(|error| unreachable!("a state has string keys only: {error}"));
        self.gone.remove(name);
        self.rows.insert(name.to_owned(), Row { key, scope: hash(key.scope()), filed, state });
        filed
    }

    fn list(&mut self, key: &UserKey, from: Status, to: Status) {
        if from == to {
            return;
        }
        let scope = hash(key.scope());
        for (status, by) in [(from, -1), (to, 1)] {
            if status.is_present() {
                *self.counts.entry((scope.clone(), status.as_str())).or_default() += by;
            }
        }
    }

    /// For the statement `file`.
    pub(super) fn row_args(&self) -> Vec<Arg<'_>> {
        self.rows.iter().flat_map(|(name, row)| row.args(name)).collect()
    }

    /// For the statement `count`.
    pub(super) fn count_args(&self) -> Vec<Arg<'_>> {
        let changed = self.counts.iter().filter(|(_, by)| **by != 0);
        changed.flat_map(|((scope, status), by)| [scope.as_str().into(), (*status).into(), (*by).into()]).collect()
    }

    /// For the statement `append`: entries behind `last`. The place of the last of them comes with it.
    pub(super) fn log_args(&self, last: i64, now: Timestamp) -> (Vec<Arg<'_>>, i64) {
        let entries = self.log.iter().zip(last + 1..);
        let args = entries.flat_map(|(json, number)| [number.into(), now.millis().into(), json.as_slice().into()]);
        (args.collect(), last + i64::try_from(self.log.len()).unwrap_or(0))
    }
}

impl Records {
    /// Adds what is to become of a user's record.
    pub(super) fn add(&mut self, table: &CacheTable, commit: &Commit, now: Timestamp) {
        let key = table.key(&commit.key);
        match &commit.decision.record {
            RecordWrite::Put(record, seconds) => {
                self.forgotten.remove(&key);
                self.puts.insert(key, table.put(record, *seconds, now));
            }
            RecordWrite::Forget => {
                self.puts.remove(&key);
                self.forgotten.insert(key);
            }
            RecordWrite::Keep if commit.decision.status() == Status::Offline => _ = self.stale.insert(key),
            RecordWrite::Keep => {}
        }
    }

    /// For the statement `put`.
    pub(super) fn put_args(&self) -> Vec<Arg<'_>> {
        let puts = self.puts.iter();
        puts.flat_map(|(key, put)| [key.as_str().into(), put.value.as_slice().into(), put.expiration.into()]).collect()
    }
}
