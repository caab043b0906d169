//! Presence as the wings above see it.

pub mod change_feed;
pub mod clock;
pub mod commit;
pub mod metrics;
pub mod notifier;
pub mod read_many;

use std::sync::Arc;

use futures_util::future::BoxFuture;

use self::clock::Clock;
use self::commit::{CommandOutcome, CommitContext, Committer, PresenceCommand};
use self::metrics::Metrics;
use self::read_many::{BatchReader, UserQuery, UserViews};
use super::domain::identity::{ScopeKey, UserKey};
use super::domain::{Input, State, Status, View, Windows};
use super::store::{ChangeCursor, Changes, Counts, PresenceStore, Result, StoredUser};
use crate::storage::batch::{BatchReceiver, BatchSender, MAX_BATCH, batch_channel};

/// Most users that one call may name.
pub const MAX_USERS: usize = 1_000;
const _: () = assert!(MAX_USERS <= MAX_BATCH);

/// The presence service.
pub struct Presence {
    store: Arc<dyn PresenceStore>,
    clock: Arc<Clock>,
    windows: Windows,
    metrics: Arc<Metrics>,
    commits: BatchSender<PresenceCommand, CommandOutcome>,
    loads: BatchSender<UserKey, StoredUser>,
    looks: BatchSender<UserQuery, UserViews>,
}

impl Presence {
    /// The service, and the workers it works through. Nothing is answered before they run; they end when the service is
    /// dropped.
    pub fn new(context: CommitContext) -> (Self, Vec<BoxFuture<'static, ()>>) {
        let (commits, committing) = batch_channel();
        let (loads, loading) = batch_channel();
        let (looks, looking) = batch_channel();
        let (clock, windows, metrics) = (context.clock.clone(), context.windows, context.metrics.clone());
        let store = context.store.clone();
        let lookout = BatchReader { store: store.clone(), clock: clock.clone(), windows };
        let loader = load_groups(store.clone(), clock.clone(), loading);
        let workers: Vec<BoxFuture<'static, ()>> =
            vec![Box::pin(Committer::new(context).run(committing)), Box::pin(loader), Box::pin(lookout.run(looking))];
        (Self { store, clock, windows, metrics, commits, loads, looks }, workers)
    }

    /// Applies one input to one user, and tells what came of it once that is committed.
    pub async fn apply(&self, wanted: PresenceCommand) -> Result<CommandOutcome> {
        if !matches!(wanted.input, Input::Offline { .. }) {
            self.metrics.heartbeats.increment(1);
        }
        self.commits.call(wanted).await
    }

    /// Applies up to [`MAX_USERS`] heartbeats, in their order; all have been committed when it returns.
    pub async fn apply_all(&self, wanted: Vec<PresenceCommand>) -> Result<Vec<CommandOutcome>> {
        self.metrics.heartbeats.increment(wanted.len() as u64);
        self.commits.call_all(wanted).await
    }

    /// One user's presence.
    pub async fn status(&self, key: UserKey) -> Result<View> {
        let StoredUser { state, record, .. } = self.loads.call(key).await?;
        Ok(View::of_known(state, record, &self.windows, self.clock.now()))
    }

    /// What the PHP facade's `many()` answers, in the order of `named`, in one round trip to the store.
    pub async fn many(&self, named: UserQuery) -> Result<UserViews> {
        self.looks.call(named).await
    }

    /// Up to `limit` present members of a scope that follow `after`, in the order of their keys, and what each is like.
    ///
    /// A member whose presence ends while the page is made is left out, so a page may be shorter than asked for even
    /// where more follow; the second value is where to go on, `None` at the end.
    pub async fn roster(
        &self,
        scope: &ScopeKey,
        status: Option<Status>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<RosterEntry>, Option<UserKey>)> {
        let mut keys = Vec::new();
        for listed in [Status::Online, Status::Away] {
            if status.is_none_or(|wanted| wanted == listed) {
                keys.extend(self.store.roster(scope, listed, after, limit).await?);
            }
        }
        keys.sort_unstable();
        keys.dedup();
        keys.truncate(limit);
        if keys.is_empty() {
            return Ok((Vec::new(), None));
        }
        let now = self.clock.now();
        let known = self.store.load(&keys, now).await?;
        let present =
            known.into_iter().filter_map(|known| known.current(now)).filter(|state| state.status.is_present());
        let member = |state| RosterEntry { view: View::of_state(Some(&state), &self.windows, now), user: state.user };
        let next = if keys.len() == limit { keys.pop() } else { None };
        Ok((present.map(member).collect(), next))
    }

    /// How many members a scope has.
    pub async fn counts(&self, scope: &ScopeKey) -> Result<Counts> {
        self.store.counts(scope).await
    }

    /// Up to `limit` entries of the change log that follow `after`, or its oldest ones.
    pub async fn changes(&self, after: Option<ChangeCursor>, limit: usize) -> Result<Changes> {
        self.store.changes(after, limit).await
    }

    /// About `limit` users who are present, and the place in the change log from which on to keep them up to date.
    ///
    /// Taken in pages: the place is that of the first one, so that nothing that happens meanwhile is missed. A user may
    /// come twice; the state with the greater `seq` is the later.
    pub async fn snapshot(&self, page: Option<SnapshotPage>, limit: usize) -> Result<Snapshot> {
        let (cursor, from) = match page {
            Some(SnapshotPage { cursor, from }) => (cursor, from),
            None => (self.store.end_of_changes().await?, 0),
        };
        let (keys, next) = self.store.scan(from, limit).await?;
        let now = self.clock.now();
        let known = if keys.is_empty() { Vec::new() } else { self.store.load(&keys, now).await? };
        let present =
            known.into_iter().filter_map(|known| known.current(now)).filter(|state| state.status.is_present());
        let user = |state: State| SnapshotEntry { view: View::of_state(Some(&state), &self.windows, now), state };
        let next = next.map(|from| SnapshotPage { cursor, from });
        Ok(Snapshot { cursor, users: present.map(user).collect(), next })
    }

    /// Whether the store answers, and takes changes.
    pub async fn ready(&self) -> Result<()> {
        self.store.ready().await
    }
}

/// Everybody who is present, or a page of them.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The place in the change log behind which everything that is not in here yet follows.
    pub cursor: ChangeCursor,
    /// Users who are present.
    pub users: Vec<SnapshotEntry>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<SnapshotPage>,
}

/// A user of a [`Snapshot`].
#[derive(Clone, Debug)]
pub struct SnapshotEntry {
    /// The state.
    pub state: State,
    /// What the user is like.
    pub view: View,
}

/// The place of a page in a [`Snapshot`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPage {
    /// Where the change log was when the first page was taken.
    pub cursor: ChangeCursor,
    /// Where the store goes on.
    pub from: u64,
}

/// A member of a scope.
#[derive(Clone, Debug)]
pub struct RosterEntry {
    /// The id as the application spelled it.
    pub user: super::domain::identity::UserId,
    /// What the member is like.
    pub view: View,
}

async fn load_groups(store: Arc<dyn PresenceStore>, clock: Arc<Clock>, mut groups: BatchReceiver<UserKey, StoredUser>) {
    let mut group = Vec::new();
    while groups.next(&mut group).await {
        let asked = std::mem::take(&mut group);
        let keys: Vec<UserKey> = asked.iter().map(|asked| asked.payload.clone()).collect();
        match store.load(&keys, clock.now()).await {
            Ok(known) => asked.into_iter().zip(known).for_each(|(asked, known)| asked.reply(Ok(known))),
            Err(error) => {
                asked.into_iter().for_each(|asked| asked.reply(Err(error.clone())));
                groups.fail_waiting(&mut group);
            }
        }
    }
}
