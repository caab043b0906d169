//! Questions about many users at once, and the rows that answer them.

use std::collections::HashMap;

use super::cache_table;
use super::cache_table::{CacheTable, hash};
use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{Change, RecordLookup, State, Timestamp};
use crate::presence::store::{ChangeCursor, StoredUser};
use crate::storage::sql::{Arg, Result, Row};

/// Users who are asked for, by the names of their rows.
pub(super) struct LoadQuery {
    /// Those of the sidecar's own rows.
    pub(super) names: Vec<String>,
    /// Those of Laravel's.
    records: Vec<String>,
    is_lenient: bool,
}

/// The rows that were found.
#[derive(Default)]
struct LoadedRow {
    states: HashMap<Vec<u8>, (u64, Option<State>)>,
    records: HashMap<Vec<u8>, RecordLookup>,
}

impl LoadQuery {
    pub(super) fn new<'a>(table: &CacheTable, keys: impl Iterator<Item = &'a UserKey> + Clone) -> Self {
        let names = keys.clone().map(|key| hash(key.as_str())).collect();
        Self { names, records: keys.map(|key| table.key(key)).collect(), is_lenient: table.is_lenient }
    }

    /// For the statement `load`.
    pub(super) fn args(&self) -> Vec<Arg<'_>> {
        args(&self.names).chain(args(&self.records)).collect()
    }

    /// For the statement `records`.
    pub(super) fn record_args(&self) -> Vec<Arg<'_>> {
        args(&self.records).collect()
    }

    /// What the rows of `load` say, in the order of the question.
    pub(super) fn known(&self, rows: &[Row], now: Timestamp) -> Result<Vec<StoredUser>> {
        let found = LoadedRow::read(rows, (now, true))?;
        let known = |(name, record): (&String, &String)| {
            let (version, state) = found.states.get(name.as_bytes()).cloned().unwrap_or_default();
            StoredUser { version, state, record: self.record(&found, record) }
        };
        Ok(self.names.iter().zip(&self.records).map(known).collect())
    }

    /// What the rows of `records` say, in the order of the question.
    pub(super) fn observed(&self, rows: &[Row], now: Timestamp) -> Result<Vec<RecordLookup>> {
        let found = LoadedRow::read(rows, (now, false))?;
        Ok(self.records.iter().map(|record| self.record(&found, record)).collect())
    }

    /// The record of that key. MySQL keeps one row for `e` and `é`, as Laravel's `cache` has it there: that the row is the
    /// other's does not mean that this one was removed.
    fn record(&self, found: &LoadedRow, key: &str) -> RecordLookup {
        match found.records.get(key.as_bytes()) {
            Some(record) => record.clone(),
            None if self.is_lenient && found.may_hide(key) => RecordLookup::Unknown,
            None => RecordLookup::Missing,
        }
    }
}

pub(super) fn args(names: &[String]) -> impl Iterator<Item = Arg<'_>> {
    names.iter().map(|name| Arg::from(name.as_str()))
}

impl LoadedRow {
    /// Rows of states (0, name, version, state) and of records (1, key, expiration, value).
    fn read(rows: &[Row], at: (Timestamp, bool)) -> Result<Self> {
        let mut found = Self::default();
        for row in rows {
            let (name, number, value) = (row.bytes(1)?, row.int(2)?, row.bytes(3)?);
            if row.int(0)? == 0 {
                found.states.insert(name, (u64::try_from(number).unwrap_or(0), state(&value, number)));
            } else {
                found.records.insert(name, cache_table::read(&value, number, at));
            }
        }
        Ok(found)
    }
}

impl LoadedRow {
    /// Whether one of the rows may be the one that `key` shares with another key.
    fn may_hide(&self, key: &str) -> bool {
        let key = key.as_bytes();
        let same = |other: &[u8]| (is_odd(key) || is_odd(other)) && (is_within(key, other) || is_within(other, key));
        self.records.keys().any(|other| same(other))
    }
}

/// Whether a collation may take the key for another.
fn is_odd(key: &[u8]) -> bool {
    !key.is_ascii() || key.ends_with(b" ")
}

/// Whether the plain letters of `key` are, in their order, among those of `other`: a letter with a mark may stand for
/// any, and several.
fn is_within(key: &[u8], other: &[u8]) -> bool {
    let mut letters = other.iter();
    key.iter().filter(|letter| letter.is_ascii()).all(|letter| letters.any(|other| other == letter))
}

/// A state, unless it is of another layout: then it is as good as none, and the next commit replaces it.
fn state(json: &[u8], version: i64) -> Option<State> {
    let state = serde_json::from_slice::<State>(json);
    let state =
        state.inspect_err(|error| tracing::error!(%error, "a presence state is unreadable and is treated as unknown"));
    state.ok().map(|state| State { version: u64::try_from(version).unwrap_or(0), ..state })
}

/// An entry of the change log, unless it is of another layout.
pub(super) fn change(number: i64, json: &[u8]) -> Option<(ChangeCursor, Change)> {
    let change = serde_json::from_slice(json);
    let change = change.inspect_err(
        |error| tracing::error!(%error, number, "an entry of the change log is unreadable and is left out"),
    );
    change.ok().map(|change| (cursor(number), change))
}

/// The place of an entry, which this store only numbers.
pub(super) fn cursor(number: i64) -> ChangeCursor {
    ChangeCursor { millis: 0, number: u64::try_from(number).unwrap_or(0) }
}
