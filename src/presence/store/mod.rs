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
mod changes;
mod cursor;
mod identity;
mod packed;
mod place;
pub mod record;
pub mod redis;
mod sql;

use async_trait::async_trait;

pub use self::array::ArrayStore;
pub use self::changes::{Changes, Page, PageLimit};
pub use self::cursor::{ChangeCursor, InvalidCursor, LogPosition};
pub use self::identity::{LogIdentity, LogTag, tag_of_shards};
pub use self::place::UserPlace;
pub use self::redis::{Options as RedisOptions, RedisStore, own_prefixes};
pub use self::sql::{Options as SqlOptions, SqlStore, TABLES, statements as sql_statements};
use super::domain::identity::{ScopeKey, UserKey};
use super::domain::{Change, Decision, HeldChange, OutboxPlan, RecordLookup, RecordWrite, State, Status, Timestamp};
pub use crate::storage::{Result, StoreDown, Unavailable};

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

/// The result of a step of [`PresenceStore::reconcile`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Where the next step begins; `None` at the end.
    pub next: Option<u64>,
    /// Users who had no due time: they are due now.
    pub due: usize,
    /// Members that were on the wrong list, or on none.
    pub rosters: usize,
    /// Numbers of members that were wrong.
    pub counts: usize,
    /// The members of all rosters that this step has met. Those of all steps are the present users of the store.
    pub members: Counts,
}

/// Members of a scope by status; users who are offline are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Users who are online.
    pub online: u64,
    /// Users who are away.
    pub away: u64,
}

impl Counts {
    /// Adds members of a status. Users who are offline are not counted.
    pub fn add(&mut self, status: Status, members: u64) {
        match status {
            Status::Online => self.online += members,
            Status::Away => self.away += members,
            Status::Offline => {}
        }
    }
}

/// Most changes of one user that a store finds by its index.
pub const MAX_HISTORY: usize = 100;

/// The change log by user: an index that commits keep, so that no read scans the log.
#[async_trait]
pub trait ChangeHistory: Send + Sync {
    /// The newest changes of a user, newest first, at most `limit` and [`MAX_HISTORY`]. Entries that were trimmed, or written
    /// before there was an index (or, in Redis, before the state was written by 0.1.0), are left out.
    async fn history(&self, key: &UserKey, limit: usize) -> Result<Vec<(ChangeCursor, Change)>>;

    /// Erases the entries of all users with this member name, in every scope, and returns them. The log stays in order and
    /// keeps its end. In Redis a reader that stands at an erased entry has to begin with a snapshot.
    async fn erase_changes(&self, member: &str) -> Result<Vec<Change>>;
}

/// A store of presence: [`RedisStore`], [`SqlStore`], or [`ArrayStore`] within the process.
#[async_trait]
pub trait PresenceStore: ChangeHistory {
    /// The number of shards that users are divided into. Calls for users of different shards do not wait for each other.
    fn shards(&self) -> usize {
        1
    }

    /// The shard of a user, below [`shards`](Self::shards): always the same.
    fn shard_of(&self, _key: &UserKey) -> usize {
        0
    }

    /// How many callers may commit at the same time for the users of one place without waiting for each other, each for shards
    /// of its own, where there are this many `threads`.
    fn committers(&self, threads: usize) -> usize {
        self.shards().min(threads).max(1)
    }

    /// The number of servers that users are spread over, as far as is known; `None` if all of them are in one place. Callers
    /// then divide their calls by [place](Self::place_of), so that a server that does not reply fails its own users alone.
    fn servers(&self) -> Option<usize> {
        None
    }

    /// Where the data of a user is at the moment.
    fn place_of(&self, _key: &UserKey) -> UserPlace {
        UserPlace::default()
    }

    /// The least number of users that a sweep commits at once while callers wait: more where each commit takes long.
    fn least_sweep(&self) -> usize {
        32
    }

    /// The states and Laravel records of `keys`, in their order, in one round trip.
    async fn load(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<StoredUser>>;

    /// The Laravel records alone, in one round trip.
    async fn records(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<RecordLookup>>;

    /// The jobs that are held at the ends of the lanes of `keys`, in their order, in the queues of the outbox that debounce;
    /// in each queue oldest first. One round trip.
    async fn held(&self, keys: &[UserKey]) -> Result<Vec<Vec<HeldChange>>>;

    /// Commits each of `commits`, in their order, in one round trip; see the [module](self).
    async fn commit(&self, commits: &[Commit], now: Timestamp) -> Result<Vec<Committed>>;

    /// Up to `limit` users of a shard that are due at `now`, earliest first.
    ///
    /// They are leased for `lease_ms`: no other sweep gets them before that, unless a commit makes them due.
    async fn claim_due(&self, shard: usize, now: Timestamp, limit: usize, lease_ms: u64) -> Result<Vec<UserKey>>;

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

    /// A page of the change log behind `after`, or of its oldest entries. It never waits behind commits on a connection.
    async fn changes(&self, after: Option<ChangeCursor>, limit: PageLimit) -> Result<Changes>;

    /// The position of the last entry of the change log.
    async fn end_of_changes(&self) -> Result<ChangeCursor>;

    /// The identity of the change log of a shard. A log without one gets one.
    async fn log_identity(&self, shard: usize) -> Result<LogIdentity>;

    /// Removes entries of the change log that were appended before `before`, but none whose job is still in a queue.
    async fn trim_changes(&self, before: Timestamp) -> Result<()>;

    /// Compares the lists, states and due times of some users, and corrects them where they disagree. Begins at `from`; 0
    /// is the beginning. A step is short, and changes no status.
    async fn reconcile(&self, from: u64, now: Timestamp) -> Result<Reconciled>;

    /// Whether the store does what a heartbeat needs: makes writes that have no visible effect.
    async fn ready(&self) -> std::result::Result<(), StoreDown>;

    /// The store as operators know it, such as its host or file; never credentials.
    fn name(&self) -> String {
        "the presence store".to_owned()
    }

    /// The clock of the store, which all replicas share. In a database it gives the change log its identity, if it has none.
    async fn time(&self) -> Result<Timestamp>;
}
