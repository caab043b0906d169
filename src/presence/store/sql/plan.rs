//! The rows that a commit writes, collected from all its users, so that it needs few statements.

use std::collections::{BTreeMap, BTreeSet};

use super::cache_table::{CacheTable, Put, hash};
use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{RecordWrite, State, Status, Timestamp};
use crate::presence::store::Commit;
use crate::storage::sql::Arg;

/// The stored row of a user, without the state itself.
#[derive(Clone, Copy)]
pub(super) struct StoredRow {
    pub(super) version: u64,
    pub(super) status: Status,
    pub(super) due: i64,
}

/// A row to be written.
struct Row<'a> {
    key: &'a UserKey,
    /// The hash of its scope.
    scope: String,
    stored: StoredRow,
    state: Vec<u8>,
}

impl Row<'_> {
    fn args<'s>(&'s self, name: &'s str) -> [Arg<'s>; 8] {
        let Self { key, scope, stored, state } = self;
        [
            name.into(),
            key.as_str().into(),
            scope.as_str().into(),
            key.member().into(),
            stored.status.as_str().into(),
            // Versions count milliseconds, which fit into 63 bits.
            i64::try_from(stored.version).unwrap_or(i64::MAX).into(),
            stored.due.into(),
            state.as_slice().into(),
        ]
    }
}

/// Everything to be written, each table in the order of its keys: all transactions lock rows in that order.
#[derive(Default)]
pub(super) struct Plan<'a> {
    rows: BTreeMap<String, Row<'a>>,
    pub(super) deleted: BTreeSet<String>,
    counts: BTreeMap<(String, &'static str), i64>,
    /// Entries of the change log, with the names of their users.
    log: Vec<(String, Vec<u8>)>,
    /// The commits that push jobs.
    pub(super) commits: Vec<&'a Commit>,
    pub(super) records: Records,
}

/// The effects on Laravel's rows.
#[derive(Default)]
pub(super) struct Records {
    puts: BTreeMap<String, Put>,
    pub(super) forgotten: BTreeSet<String>,
    /// Rows to be removed if they have expired: Laravel does not remove them.
    pub(super) stale: BTreeSet<String>,
}

impl<'a> Plan<'a> {
    /// Adds the writes of `commit`, which must not be refused, and returns the row that is stored then; `stored` is the
    /// row before.
    pub(super) fn add(&mut self, name: &str, commit: &'a Commit, stored: Option<StoredRow>) -> Option<StoredRow> {
        let decision = &commit.decision;
        let before = stored.map_or(Status::Offline, |row| row.status);
        let after = match &decision.state {
            Some(_) if !decision.dirty && decision.due.is_none() => stored,
            Some(state) => Some(self.upsert(name, &commit.key, state, decision.due.map(Timestamp::millis), stored)),
            None => {
                self.rows.remove(name);
                self.deleted.insert(name.to_owned());
                None
            }
        };
        self.move_roster(&commit.key, before, after.map_or(Status::Offline, |row| row.status));
        if !commit.outbox.pushes.is_empty() {
            self.commits.push(commit);
        }
        let logged = decision.changes.iter().filter(|change| !change.is_heartbeat);
        self.log.extend(logged.map(|change| (name.to_owned(), change.encode())));
        after
    }

    fn upsert(
        &mut self,
        name: &str,
        key: &'a UserKey,
        state: &State,
        due: Option<i64>,
        before: Option<StoredRow>,
    ) -> StoredRow {
        let due = due.or(before.map(|before| before.due)).unwrap_or(0);
        let stored = StoredRow { version: state.version, status: state.status, due };
        let json = serde_json::to_vec(state);
        let state = json.unwrap_or_else(|error| unreachable!("a state has string keys only: {error}"));
        self.deleted.remove(name);
        self.rows.insert(name.to_owned(), Row { key, scope: hash(key.scope()), stored, state });
        stored
    }

    fn move_roster(&mut self, key: &UserKey, from: Status, to: Status) {
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

    /// The arguments of the statement `upsert`.
    pub(super) fn row_args(&self) -> Vec<Arg<'_>> {
        self.rows.iter().flat_map(|(name, row)| row.args(name)).collect()
    }

    /// The arguments of the statement `count`.
    pub(super) fn count_args(&self) -> Vec<Arg<'_>> {
        let changed = self.counts.iter().filter(|(_, by)| **by != 0);
        changed.flat_map(|((scope, status), by)| [scope.as_str().into(), (*status).into(), (*by).into()]).collect()
    }

    /// The arguments of the statement `append`: entries behind number `last`; and the number of the last of them.
    pub(super) fn log_args(&self, last: i64, now: Timestamp) -> (Vec<Arg<'_>>, i64) {
        let entries = self.log.iter().zip(last + 1..);
        let args = entries.flat_map(|((name, json), number)| {
            [number.into(), now.millis().into(), name.as_str().into(), json.as_slice().into()]
        });
        (args.collect(), last + i64::try_from(self.log.len()).unwrap_or(0))
    }
}

impl Records {
    /// Adds the effect on the record of a user.
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

    /// The arguments of the statement `put_records`.
    pub(super) fn put_args(&self) -> Vec<Arg<'_>> {
        let puts = self.puts.iter();
        puts.flat_map(|(key, put)| [key.as_str().into(), put.value.as_slice().into(), put.expiration.into()]).collect()
    }
}
