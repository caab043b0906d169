//! The presence service: the calls of the API, batched commits and reads, and the change feed.

mod batches;
pub mod change_feed;
pub mod clock;
pub mod commit;
pub mod connection;
pub mod erasure;
pub mod explain;
mod loads;
pub mod metrics;
pub mod notifier;
pub mod outbox;
mod places;
pub mod read_many;
pub mod rosters;
mod shared_reads;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use self::batches::Batches;
use self::clock::Clock;
use self::commit::{CommandOutcome, CommitContext, PresenceCommand};
use self::metrics::Metrics;
use self::read_many::{UserQuery, UserViews};
pub use self::rosters::RosterEntry;
use self::rosters::{CountReader, RosterPage, RosterPageQuery, RosterReader};
use super::domain::identity::{ScopeKey, UserKey};
use super::domain::{Change, Input, State, Timestamp, View, Windows};
use super::store::{ChangeCursor, Changes, Counts, PageLimit, PresenceStore, Result, StoreDown, StoredUser};
use crate::storage::batch::{BatchSender, MAX_BATCH, batch_channel};

/// Most users that one call may name.
pub const MAX_USERS: usize = 1_000;
const _: () = assert!(MAX_USERS <= MAX_BATCH);

/// The presence service.
pub struct Presence {
    store: Arc<dyn PresenceStore>,
    clock: Arc<Clock>,
    windows: Windows,
    metrics: Arc<Metrics>,
    batches: Batches,
    rosters: BatchSender<RosterPageQuery, Arc<RosterPage>>,
    counts: BatchSender<ScopeKey, Counts>,
}

impl Presence {
    /// The service, and its workers with their names. Calls wait until the workers run; the workers end when the service is
    /// dropped.
    pub fn new(context: CommitContext) -> (Self, Vec<(&'static str, BoxFuture<'static, ()>)>) {
        let (batches, mut workers) = Batches::new(&context);
        let CommitContext { store, clock, rules, metrics, .. } = context;
        let windows = rules.windows;
        let (rosters, receiver) = batch_channel();
        let reader = RosterReader { store: store.clone(), clock: clock.clone(), windows, metrics: metrics.clone() };
        workers.push(("rosters", Box::pin(shared_reads::run(reader, receiver))));
        let (counts, receiver) = batch_channel();
        workers.push(("counts", Box::pin(shared_reads::run(CountReader { store: store.clone() }, receiver))));
        (Self { store, clock, windows, metrics, batches, rosters, counts }, workers)
    }

    /// Applies one command, and returns its outcome once it is committed.
    pub async fn apply(&self, command: PresenceCommand) -> Result<CommandOutcome> {
        self.metrics.called();
        if !matches!(command.input, Input::Offline { .. }) {
            self.metrics.heartbeats.increment(1);
        }
        self.batches.commit(command).await
    }

    /// Applies up to [`MAX_USERS`] heartbeats, in their order; all are committed when it returns.
    pub async fn apply_all(&self, commands: Vec<PresenceCommand>) -> Result<Vec<CommandOutcome>> {
        self.metrics.called();
        self.metrics.heartbeats.increment(commands.len() as u64);
        self.batches.commit_all(commands).await
    }

    /// The presence of one user.
    pub async fn status(&self, key: UserKey) -> Result<View> {
        self.metrics.called();
        let StoredUser { state, record, .. } = self.batches.load(key).await?;
        self.metrics.looked_up(&record);
        Ok(View::of_known(state, record, &self.windows, self.clock.now()))
    }

    /// The state of one user, with the refreshes that are in the record alone; `None` if the user is not remembered.
    pub async fn state(&self, key: UserKey) -> Result<Option<State>> {
        let known = self.batches.load(key).await?;
        Ok(known.current(self.clock.now()))
    }

    /// The states and the presence of up to [`MAX_USERS`] users, in their order, in one round trip.
    pub async fn states(&self, keys: &[UserKey]) -> Result<Vec<(Option<State>, View)>> {
        let now = self.clock.now();
        let known = if keys.is_empty() { Vec::new() } else { self.store.load(keys, now).await? };
        known.iter().for_each(|known| self.metrics.looked_up(&known.record));
        let view = |StoredUser { state, record, .. }: StoredUser| {
            let view = View::of_known(state.clone(), record, &self.windows, now);
            (state, view)
        };
        Ok(known.into_iter().map(view).collect())
    }

    /// The current time of the store.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How often a session must beat at least, so that it stays active although a beat or two are lost.
    pub fn beat_interval(&self) -> Duration {
        let seconds = u64::try_from(self.windows.away_after.secs()).unwrap_or(0);
        Duration::from_millis((seconds * 1_000 / 3).max(500))
    }

    /// The presence of users as the PHP facade's `many()` returns it, in the order of `query`, in one round trip to the
    /// store.
    pub async fn many(&self, query: UserQuery) -> Result<UserViews> {
        self.metrics.called();
        self.batches.read(query).await
    }

    /// A page of the present members of a scope, with their presence.
    pub async fn roster(&self, query: RosterPageQuery) -> Result<Arc<RosterPage>> {
        self.rosters.call(query).await
    }

    /// The number of members of a scope.
    pub async fn counts(&self, scope: &ScopeKey) -> Result<Counts> {
        self.counts.call(scope.clone()).await
    }

    /// A page of the change log behind `after`, or of its oldest entries.
    pub async fn changes(&self, after: Option<ChangeCursor>, limit: PageLimit) -> Result<Changes> {
        self.store.changes(after, limit).await
    }

    /// The newest changes of a user, newest first, from the log by its index.
    pub async fn history(&self, key: &UserKey, limit: usize) -> Result<Vec<(ChangeCursor, Change)>> {
        self.store.history(key, limit).await
    }

    /// About `limit` present users, and the position in the change log from which on changes keep them up to date.
    ///
    /// The position of all pages is that of the first one, so that no change in between is missed. A user may be returned
    /// twice; the state with the greater `seq` is the later.
    pub async fn snapshot(&self, page: Option<SnapshotPage>, limit: usize) -> Result<Snapshot> {
        let (cursor, from) = match page {
            Some(SnapshotPage { cursor, from }) => (cursor, from),
            None => (self.store.end_of_changes().await?, 0),
        };
        let (keys, next) = self.store.scan(from, limit).await?;
        let now = self.clock.now();
        let known = if keys.is_empty() { Vec::new() } else { self.store.load(&keys, now).await? };
        known.iter().for_each(|known| self.metrics.looked_up(&known.record));
        let present =
            known.into_iter().filter_map(|known| known.current(now)).filter(|state| state.status.is_present());
        let user = |state: State| SnapshotEntry { view: View::of_state(Some(&state), &self.windows, now), state };
        let next = next.map(|from| SnapshotPage { cursor: cursor.clone(), from });
        Ok(Snapshot { cursor, users: present.map(user).collect(), next })
    }

    /// Checks that the store does what a heartbeat needs.
    ///
    /// # Errors
    /// The store that does not, and why.
    pub async fn ready(&self) -> std::result::Result<(), StoreDown> {
        self.store.ready().await
    }

    /// Returns the name of the store, for operators.
    pub fn store_name(&self) -> String {
        self.store.name()
    }
}

/// All present users, or a page of them.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The position in the change log behind which all later changes are.
    pub cursor: ChangeCursor,
    /// Users who are present.
    pub users: Vec<SnapshotEntry>,
    /// The position of the next page; `None` at the end.
    pub next: Option<SnapshotPage>,
}

/// A user of a [`Snapshot`].
#[derive(Clone, Debug)]
pub struct SnapshotEntry {
    /// The state.
    pub state: State,
    /// The presence of the user.
    pub view: View,
}

/// The position of a page of a [`Snapshot`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotPage {
    /// The end of the change log when the first page was read.
    pub cursor: ChangeCursor,
    /// The position in the store.
    pub from: u64,
}
