//! The presence store: one atomic step, the *commit*, and a few reads.
//!
//! The service loads a versioned state, applies the rules, and commits the decision. A commit is all or nothing per user:
//! the new state, the due time, the roster, the change log entries, the operations on the outbox and the Laravel record.
//! It has two conditions: the version that the rules were applied to is still the current one, and the jobs that it
//! retracts are still held. Otherwise nothing of it but (in Redis) the record is written, and the caller gets the current state, applies the rules
//! again and plans the outbox again. Several commits travel in one round trip; each is independent of the others.
//!
//! Most commits are *record-only*: a refresh writes nothing but the Laravel record. The version stays, so that
//! record-only commits of a user never conflict with one another; they are refused all the same if the version is not
//! the current one.
//!
//! Every store guarantees:
//! - A change is in the log if, and only if, the state it belongs to was written.
//! - Its jobs are in the [outbox](super::domain::Outbox) if, and only if, that state was written: they are pushed in the
//!   same step. The same holds for jobs that the commit retracts.
//! - The log is append-only, and its cursors rise in the order in which entries become visible.
//! - A present user, and one remembered after going offline, has a stored due time that is not later than the moment at
//!   which time alone changes the state.
//! - Due times depend on the clock of the store, [`PresenceStore::time`], never on that of the host.

mod array;
mod packed;
pub mod record;
pub mod redis;
mod sql;

use std::str::FromStr;

use async_trait::async_trait;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::array::ArrayStore;
pub use self::redis::{Options as RedisOptions, RedisStore, own_prefix};
pub use self::sql::{Options as SqlOptions, SqlStore, TABLES, statements as sql_statements};
use super::domain::identity::{ScopeKey, UserKey};
use super::domain::{Change, Decision, HeldChange, OutboxPlan, RecordLookup, RecordWrite, State, Status, Timestamp};
pub use crate::storage::{Result, Unavailable};

/// The stored data of a user: the sidecar's own state, and the record in Laravel's cache.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredUser {
    /// The stored version; 0 when there is none.
    pub version: u64,
    /// The state, if the user is remembered (and the stored state can be read).
    pub state: Option<State>,
    /// The Laravel record.
    pub record: RecordLookup,
}

impl StoredUser {
    /// The state with the refreshes that are in the record alone.
    pub fn current(self, now: Timestamp) -> Option<State> {
        self.state.map(|state| state.merged_with(&self.record, now))
    }
}

/// The commit of one user.
#[derive(Debug)]
pub struct Commit {
    /// The key of the user.
    pub key: UserKey,
    /// The version the rules were applied to; 0 when there was none.
    pub expected: u64,
    /// The stored status in that version: the roster that the user is on.
    pub roster_status: Status,
    /// The decision of the rules.
    pub decision: Decision,
    /// The operations on the outbox for the changes of the decision.
    pub outbox: OutboxPlan,
}

impl Commit {
    /// Whether nothing is written but the Laravel record, or nothing at all.
    pub fn is_record_only(&self) -> bool {
        let Decision { state, dirty, changes, due, record, .. } = &self.decision;
        state.is_some() && !dirty && changes.is_empty() && due.is_none() && *record != RecordWrite::Forget
    }
}

/// The result of one commit.
#[derive(Debug, PartialEq)]
pub enum Committed {
    /// All of it was written.
    Done,
    /// Nothing of it was written, except perhaps Laravel's record: the version is another one, or a job to be retracted is no longer held. This is the current
    /// content of the store. The record is the one from before the commit; the commit may have put its own already, which
    /// the next commit puts again. It is [`RecordLookup::Unknown`] if the commit was record-only.
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

/// A position in the change log. Its text is opaque to callers; cursors of one log are ordered as its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangeCursor {
    /// The store's milliseconds, or 0 where the store numbers entries alone.
    pub millis: u64,
    /// The number of the entry within them.
    pub number: u64,
}

impl ChangeCursor {
    /// The position before the first entry.
    pub const START: Self = Self { millis: 0, number: 0 };
    /// The last possible position.
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

/// The part of the change log behind a position.
#[derive(Clone, Debug, PartialEq)]
pub enum Changes {
    /// Entries, oldest first.
    Page(Page),
    /// Entries behind the position have been removed. The remaining ones are behind this position.
    Trimmed(ChangeCursor),
}

/// Entries of the change log. An entry that cannot be read is left out, but counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Entries with their cursors, oldest first.
    pub entries: Vec<(ChangeCursor, Change)>,
    /// The position of the last one; `None` if there is none.
    pub end: Option<ChangeCursor>,
    /// Whether the requested number was found, so that more may follow.
    pub full: bool,
}

/// The error of a text that is not a cursor of a change log.
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
        // Nothing can be behind the last possible position; Redis rejects it.
        if cursor == Self::END { Err(InvalidCursor) } else { Ok(cursor) }
    }
}

/// A store of presence: [`RedisStore`], [`SqlStore`], or [`ArrayStore`] within the process.
#[async_trait]
pub trait PresenceStore: Send + Sync {
    /// The states and Laravel records of `keys`, in their order, in one round trip.
    async fn load(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<StoredUser>>;

    /// The Laravel records alone, in one round trip.
    async fn records(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<RecordLookup>>;

    /// The jobs that are held at the ends of the lanes of `keys`, in their order, in the queues of the outbox that debounce;
    /// in each queue oldest first. One round trip.
    async fn held(&self, keys: &[UserKey]) -> Result<Vec<Vec<HeldChange>>>;

    /// Commits each of `commits`, in their order, in one round trip; see the [module](self).
    async fn commit(&self, commits: &[Commit], now: Timestamp) -> Result<Vec<Committed>>;

    /// Up to `limit` users that are due at `now`, earliest first.
    ///
    /// They are leased for `lease_ms`: no other sweep gets them before that, unless a commit makes them due.
    async fn claim_due(&self, now: Timestamp, limit: usize, lease_ms: u64) -> Result<Vec<UserKey>>;

    /// At most `limit` members of `scope` on the roster of `status`, those behind `after`, in the order of their keys.
    async fn roster(&self, scope: &ScopeKey, status: Status, after: Option<&str>, limit: usize)
    -> Result<Vec<UserKey>>;

    /// The status of the roster that each of `keys` is on; `Offline` for users who are on none.
    async fn roster_status(&self, keys: &[UserKey]) -> Result<Vec<Status>>;

    /// The number of members of `scope`, in O(1).
    async fn counts(&self, scope: &ScopeKey) -> Result<Counts>;

    /// About `limit` of all remembered users, and the position of the next page, `None` at the end; 0 is the beginning. A
    /// user who is remembered throughout is returned at least once; pages may be empty, and may repeat a user.
    async fn scan(&self, from: u64, limit: usize) -> Result<(Vec<UserKey>, Option<u64>)>;

    /// Up to `limit` entries of the change log behind `after`, or its oldest ones.
    async fn changes(&self, after: Option<ChangeCursor>, limit: usize) -> Result<Changes>;

    /// The position of the last entry of the change log.
    async fn end_of_changes(&self) -> Result<ChangeCursor>;

    /// Removes entries of the change log that were appended before `before`, but none whose job is still in a queue.
    async fn trim_changes(&self, before: Timestamp) -> Result<()>;

    /// Whether the store accepts writes: makes those of a heartbeat, without a visible effect.
    async fn ready(&self) -> Result<()>;

    /// The store as operators know it, such as its host or file; never credentials.
    fn name(&self) -> String {
        "the presence store".to_owned()
    }

    /// The clock of the store, which all replicas share.
    async fn time(&self) -> Result<Timestamp>;
}
