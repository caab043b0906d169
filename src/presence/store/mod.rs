//! The seam between the rules and what remembers: one atomic step, *commit*, and a few reads.
//!
//! A service loads a versioned state, asks the model, and commits what came of it. A commit is all or nothing per user:
//! the new state, the due time, the roster, the change log entries and the Laravel record, provided the version that
//! the rules were applied to is still the current one. Otherwise nothing of it happens and the caller gets the current
//! state, to ask the rules again. Several commits travel in one round trip; each stands alone.
//!
//! Most commits are *light*: of a steady heartbeat nothing is written but the Laravel record. The version stays, so that
//! light commits of a user never conflict with one another; that it is still the current one is checked all the same.
//!
//! What every store promises:
//! - A change is in the log if, and only if, the state it belongs to was written.
//! - Its changes are in the [outbox](Outbox) if, and only if, that state was written: the job is pushed in the same step.
//! - The log is append-only and its cursors rise in the order in which entries became visible.
//! - A present user, and one remembered after leaving, has a due time on file that is not later than the moment at
//!   which time alone changes the state.
//! - Nothing here reads the host's clock for a due time: [`PresenceStore::time`] is the one that counts.

mod array;
mod outbox;
pub mod record;
mod redis;
mod sql;

use std::str::FromStr;

use async_trait::async_trait;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::array::ArrayStore;
pub use self::outbox::{Outbox, OutboxQueue};
pub use self::redis::{Options as RedisOptions, RedisStore, own_prefix};
pub use self::sql::{Options as SqlOptions, SqlStore, TABLES};
use super::domain::identity::{ScopeKey, UserKey};
use super::domain::{Change, Decision, RecordLookup, RecordWrite, State, Status, Timestamp};
pub use crate::storage::{Result, Unavailable};

/// What is known of a user: the sidecar's own state, and what lies in Laravel's cache.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredUser {
    /// The version on file; 0 when there is none.
    pub version: u64,
    /// The state, if the user is remembered (and what is on file can be read).
    pub state: Option<State>,
    /// The Laravel record.
    pub record: RecordLookup,
}

impl StoredUser {
    /// The state, up to date: steady heartbeats are in the record alone.
    pub fn current(self, now: Timestamp) -> Option<State> {
        self.state.map(|state| state.merged_with(&self.record, now))
    }
}

/// One user's part of a commit.
#[derive(Debug)]
pub struct Commit {
    /// Whose state it is.
    pub key: UserKey,
    /// The version the rules were applied to; 0 when there was none.
    pub expected: u64,
    /// The status on file in that version, which tells the roster the user is in.
    pub roster_status: Status,
    /// What the rules made of it.
    pub decision: Decision,
}

impl Commit {
    /// Whether nothing is to be written but the Laravel record, if that.
    pub fn is_record_only(&self) -> bool {
        let Decision { state, dirty, changes, due, record, .. } = &self.decision;
        state.is_some() && !dirty && changes.is_empty() && due.is_none() && *record != RecordWrite::Forget
    }
}

/// What became of one commit.
#[derive(Debug, PartialEq)]
pub enum Committed {
    /// All of it happened.
    Done,
    /// None of it: this is what is there instead. The record is that from before the commit, which may have been put
    /// already, and is put again by the next; nobody looked at it if the commit was light.
    Conflict(Box<StoredUser>),
}

/// Members of a scope by status; users who are offline are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Users who are online.
    pub online: u64,
    /// Users who are away.
    pub away: u64,
}

/// A place in the change log. Its text is opaque to callers; cursors of one log compare as its entries follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangeCursor {
    /// The store's milliseconds, or 0 where the store numbers entries alone.
    pub millis: u64,
    /// The entry's number within them.
    pub number: u64,
}

impl ChangeCursor {
    /// The place before the first entry.
    pub const START: Self = Self { millis: 0, number: 0 };
    /// The place that nothing can follow.
    const END: Self = Self { millis: u64::MAX, number: u64::MAX };
}

impl Serialize for ChangeCursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChangeCursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl std::fmt::Display for ChangeCursor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}-{}", self.millis, self.number)
    }
}

/// What follows a place in the change log.
#[derive(Clone, Debug, PartialEq)]
pub enum Changes {
    /// Entries, oldest first.
    Page(Page),
    /// Something that followed has been removed. What is still there follows this place.
    Trimmed(ChangeCursor),
}

/// Entries of the change log. One that cannot be read is left out, but it counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Entries with their cursors, oldest first.
    pub entries: Vec<(ChangeCursor, Change)>,
    /// The place of the last one; `None` if there is none.
    pub end: Option<ChangeCursor>,
    /// Whether there were as many as were asked for, so that more may follow.
    pub full: bool,
}

/// A text that no change log gave out as a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a cursor that the change log gave out.")]
pub struct InvalidCursor;

impl FromStr for ChangeCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> std::result::Result<Self, InvalidCursor> {
        let number = |digits: &str| match digits.bytes().all(|digit| digit.is_ascii_digit()) {
            true => digits.parse().map_err(|_| InvalidCursor),
            false => Err(InvalidCursor),
        };
        let (millis, count) = text.split_once('-').ok_or(InvalidCursor)?;
        let cursor = Self { millis: number(millis)?, number: number(count)? };
        // Nothing can follow the last place that there is; Redis says so with an error.
        if cursor == Self::END { Err(InvalidCursor) } else { Ok(cursor) }
    }
}

/// What remembers presence. Three ship: [`RedisStore`], [`SqlStore`], and [`ArrayStore`] within the process.
#[async_trait]
pub trait PresenceStore: Send + Sync {
    /// The states and Laravel records of `keys`, in their order, in one round trip.
    async fn load(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<StoredUser>>;

    /// The Laravel records alone, in one round trip.
    async fn records(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<RecordLookup>>;

    /// Commits each of `commits`, in their order, in one round trip; see the module for what that means.
    async fn commit(&self, commits: &[Commit], now: Timestamp) -> Result<Vec<Committed>>;

    /// Up to `limit` users that are due at `now`, earliest first.
    ///
    /// They are leased for `lease_ms`: no other sweep is handed them before that, unless a commit makes them due.
    async fn claim_due(&self, now: Timestamp, limit: usize, lease_ms: u64) -> Result<Vec<UserKey>>;

    /// Members of `scope` on the list of `status` that follow `after`, in the order of their keys, at most `limit`.
    async fn roster(&self, scope: &ScopeKey, status: Status, after: Option<&str>, limit: usize)
    -> Result<Vec<UserKey>>;

    /// On the list of which status each of `keys` is, `Offline` for none.
    async fn roster_status(&self, keys: &[UserKey]) -> Result<Vec<Status>>;

    /// How many members `scope` has, in O(1).
    async fn counts(&self, scope: &ScopeKey) -> Result<Counts>;

    /// About `limit` of all remembered users, and where to go on, `None` at the end; 0 is the beginning. Whoever is
    /// remembered throughout comes at least once; pages may be empty, and may repeat a user.
    async fn scan(&self, from: u64, limit: usize) -> Result<(Vec<UserKey>, Option<u64>)>;

    /// Up to `limit` entries of the change log that follow `after`, or its oldest ones.
    async fn changes(&self, after: Option<ChangeCursor>, limit: usize) -> Result<Changes>;

    /// The place behind the last entry of the change log.
    async fn end_of_changes(&self) -> Result<ChangeCursor>;

    /// Removes entries of the change log that were appended before `before`, but none that lies in an outlet yet.
    async fn trim_changes(&self, before: Timestamp) -> Result<()>;

    /// Whether the store takes changes: it is asked to make one that nobody sees.
    async fn ready(&self) -> Result<()>;

    /// The store's own clock, which all replicas share.
    async fn time(&self) -> Result<Timestamp>;
}
