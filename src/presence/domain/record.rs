//! The Laravel record as the rules see it: what a store found under the user's cache key, and what becomes of it.

use super::Timestamp;
use super::identity::Meta;

/// A presence record, as written by PHP or by a sidecar.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The newest heartbeat.
    pub last_seen: Timestamp,
    /// SnapshotEntry, but inactive in every session.
    pub idle: bool,
    /// What that heartbeat brought along.
    pub meta: Meta,
}

/// What a store saw of the user's Laravel record.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordLookup {
    /// Nobody looked.
    Unknown,
    /// There is none.
    Missing,
    /// There is something that is no presence record.
    Unreadable,
    /// A presence record, written by whomever.
    Found(Record),
}

/// What is to become of the Laravel record.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordWrite {
    /// It stays as it is.
    Keep,
    /// It is replaced, to live for so many seconds (at least 1).
    Put(Record, u32),
    /// It goes.
    Forget,
}
