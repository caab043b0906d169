//! Queries for many users at once, and their rows.

use std::collections::HashMap;

use uuid::Uuid;

use super::cache_table;
use super::cache_table::{CacheTable, hash};
use super::plan::StoredRow;
use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{Change, RecordLookup, State, Status, Timestamp};
use crate::presence::store::{ChangeCursor, LogPosition, StoredUser};
use crate::storage::sql::{Arg, Result, Row};

/// The stored rows of users, by the names of the rows.
pub(super) type StoredRows = HashMap<String, StoredRow>;

/// A query for users, by the names of their rows.
pub(super) struct LoadQuery {
    /// The names of the sidecar's own rows.
    pub(super) names: Vec<String>,
    /// The keys of Laravel's rows.
    records: Vec<String>,
    is_lenient: bool,
}

/// The rows of a query.
#[derive(Default)]
struct LoadedRows {
    states: HashMap<Vec<u8>, (u64, Option<State>)>,
    records: HashMap<Vec<u8>, RecordLookup>,
}

impl LoadQuery {
    pub(super) fn new<'a>(table: &CacheTable, keys: impl Iterator<Item = &'a UserKey> + Clone) -> Self {
        let names = keys.clone().map(|key| hash(key.as_str())).collect();
        Self { names, records: keys.map(|key| table.key(key)).collect(), is_lenient: table.is_lenient }
    }

    /// The arguments of the statement `load`.
    pub(super) fn args(&self) -> Vec<Arg<'_>> {
        args(&self.names).chain(args(&self.records)).collect()
    }

    /// The arguments of the statement `records`.
    pub(super) fn record_args(&self) -> Vec<Arg<'_>> {
        args(&self.records).collect()
    }

    /// The users in the rows of `load`, in the order of the query.
    pub(super) fn stored_users(&self, rows: &[Row], now: Timestamp) -> Result<Vec<StoredUser>> {
        let loaded = LoadedRows::read(rows, (now, true))?;
        let known = |(name, record): (&String, &String)| {
            let (version, state) = loaded.states.get(name.as_bytes()).cloned().unwrap_or_default();
            StoredUser { version, state, record: self.record(&loaded, record) }
        };
        Ok(self.names.iter().zip(&self.records).map(known).collect())
    }

    /// The records in the rows of `records`, in the order of the query.
    pub(super) fn records(&self, rows: &[Row], now: Timestamp) -> Result<Vec<RecordLookup>> {
        let loaded = LoadedRows::read(rows, (now, false))?;
        Ok(self.records.iter().map(|record| self.record(&loaded, record)).collect())
    }

    /// The record of that key. MySQL keeps one row for `e` and `é` in Laravel's `cache` table: a row of the other key does
    /// not mean that the record of this key was removed.
    fn record(&self, loaded: &LoadedRows, key: &str) -> RecordLookup {
        match loaded.records.get(key.as_bytes()) {
            Some(record) => record.clone(),
            None if self.is_lenient && loaded.may_hide(key) => RecordLookup::Unknown,
            None => RecordLookup::Missing,
        }
    }
}

pub(super) fn args(names: &[String]) -> impl Iterator<Item = Arg<'_>> {
    names.iter().map(|name| Arg::from(name.as_str()))
}

impl LoadedRows {
    /// Reads rows of states (0, name, version, state) and of records (1, key, expiration, value).
    fn read(rows: &[Row], at: (Timestamp, bool)) -> Result<Self> {
        let mut loaded = Self::default();
        for row in rows {
            let (name, number, value) = (row.bytes(1)?, row.int(2)?, row.bytes(3)?);
            if row.int(0)? == 0 {
                loaded.states.insert(name, (u64::try_from(number).unwrap_or(0), state(&value, number)));
            } else {
                loaded.records.insert(name, cache_table::read(&value, number, at));
            }
        }
        Ok(loaded)
    }
}

impl LoadedRows {
    /// Whether one of the rows may be the one that `key` shares with another key.
    fn may_hide(&self, key: &str) -> bool {
        let key = key.as_bytes();
        let same = |other: &[u8]| (is_odd(key) || is_odd(other)) && (is_within(key, other) || is_within(other, key));
        self.records.keys().any(|other| same(other))
    }
}

/// Whether a collation may consider the key equal to another.
fn is_odd(key: &[u8]) -> bool {
    !key.is_ascii() || key.ends_with(b" ")
}

/// Whether the plain letters of `key` are, in their order, among those of `other`: a letter with a mark may stand for
/// any, and several.
fn is_within(key: &[u8], other: &[u8]) -> bool {
    let mut letters = other.iter();
    key.iter().filter(|letter| letter.is_ascii()).all(|letter| letters.any(|other| other == letter))
}

/// A state; `None` if it is of another layout: then the next commit replaces it.
fn state(json: &[u8], version: i64) -> Option<State> {
    let state = serde_json::from_slice::<State>(json);
    let state =
        state.inspect_err(|error| tracing::error!(%error, "a presence state is unreadable and is treated as unknown"));
    state.ok().map(|state| State { version: u64::try_from(version).unwrap_or(0), ..state })
}

/// An entry of the change log of `installation`; `None` if it is of another layout.
pub(super) fn change(number: i64, json: &[u8], installation: &Uuid) -> Option<Change> {
    // It was erased.
    if json.is_empty() {
        return None;
    }
    let change = Change::decode(json, installation);
    let change = change.inspect_err(
        |error| tracing::error!(%error, number, "an entry of the change log is unreadable and is left out"),
    );
    change.ok()
}

/// The cursor of an entry, which this store only numbers.
pub(super) fn cursor(number: i64) -> ChangeCursor {
    ChangeCursor::new(LogPosition { millis: 0, number: u64::try_from(number).unwrap_or(0) }, None)
}

/// Reads the rows of the statement `versions`.
pub(super) fn read_versions(rows: &[Row]) -> Result<StoredRows> {
    let read = |row: &Row| {
        let status = Status::parse(&row.text(2)?).unwrap_or(Status::Offline);
        let version = u64::try_from(row.int(1)?).unwrap_or(0);
        Ok((row.text(0)?, StoredRow { version, status, due: row.int(3)? }))
    };
    rows.iter().map(read).collect()
}
