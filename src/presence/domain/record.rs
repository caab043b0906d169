//! The Laravel record as an argument and a result of the rules: the value under the cache key of the user.

use super::Timestamp;
use super::identity::Meta;

/// A presence record, as written by PHP or by a sidecar.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The newest heartbeat.
    pub last_seen: Timestamp,
    /// Whether the user is present, but inactive in every session.
    pub idle: bool,
    /// The meta of that heartbeat.
    pub meta: Meta,
}

/// The result of looking up the Laravel record of a user.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordLookup {
    /// It was not read.
    Unknown,
    /// There is none.
    Missing,
    /// There is a value that is not a presence record.
    Unreadable,
    /// A presence record, written by PHP or by a sidecar.
    Found(Record),
}

/// The effect on the Laravel record.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordWrite {
    /// It stays as it is.
    Keep,
    /// It is replaced; the new one lives for this number of seconds, at least 1.
    Put(Record, u32),
    /// It is removed.
    Forget,
}
