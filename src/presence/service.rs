//! Presence as the wings above see it.

use std::sync::Arc;

use futures_util::future::try_join_all;
use tokio_util::task::TaskTracker;

use super::clock::Clock;
use super::committer::{Committer, Happened, Wanted};
use super::group::{Group, Groups, LARGEST, grouped};
use super::identity::{Key, ScopeKey};
use super::metrics::Metrics;
use super::model::{Change, Status, Windows};
use super::store::{Counts, Cursor, Known, Result, Store, Unavailable};
use super::view::View;

/// So many commits are on their way at once: while one waits for the store, another is prepared.
const LANES: usize = 2;

/// Most users that one call may name.
pub const MAX_USERS: usize = 1_000;
const _: () = assert!(MAX_USERS <= LARGEST);

/// The presence service. It works through two tasks of its own, which end when it is dropped.
pub struct Presence {
    store: Arc<dyn Store>,
    clock: Arc<Clock>,
    windows: Windows,
    metrics: Arc<Metrics>,
    lanes: [Group<Wanted, Happened>; LANES],
    loads: Group<Key, Known>,
}

impl Presence {
    /// Starts the service on `store`, its tasks on `tasks`.
    pub fn start(
        store: Arc<dyn Store>,
        clock: Arc<Clock>,
        windows: Windows,
        metrics: Arc<Metrics>,
        tasks: &TaskTracker,
    ) -> Self {
        let lanes = std::array::from_fn(|_| {
            let (commits, committing) = grouped();
            let committer = Committer::new(store.clone(), clock.clone(), windows, metrics.clone());
            tasks.spawn(committer.run(committing));
            commits
        });
        let (loads, loading) = grouped();
        tasks.spawn(load_groups(store.clone(), clock.clone(), loading));
        Self { store, clock, windows, metrics, lanes, loads }
    }

    /// Applies one input to one user, and tells what came of it once that is committed.
    pub async fn apply(&self, wanted: Wanted) -> Result<Happened> {
        self.metrics.heartbeats.increment(1);
        self.lanes[lane(&wanted)].ask(wanted).await
    }


    /// Applies up to [`MAX_USERS`] inputs, in their order; all have been committed when it returns.
    pub async fn apply_all(&self, wanted: Vec<Wanted>) -> Result<Vec<Happened>> {
        self.metrics.heartbeats.increment(wanted.len() as u64);
        let lanes: Vec<usize> = wanted.iter().map(lane).collect();
        let mut parts: [Vec<Wanted>; LANES] = std::array::from_fn(|_| Vec::with_capacity(wanted.len()));
        for (lane, wanted) in lanes.iter().zip(wanted) {
            parts[*lane].push(wanted);
        }
        let parts = self.lanes.iter().zip(parts).map(|(lane, part)| lane.ask_all(part));
        let mut answers: Vec<_> = try_join_all(parts).await?.into_iter().map(Vec::into_iter).collect();
        Ok(lanes.into_iter().filter_map(|lane| answers[lane].next()).collect())
    }

    /// One user's presence.
    pub async fn status(&self, key: Key) -> Result<View> {
        let Known { state, record, .. } = self.loads.ask(key).await?;
        Ok(View::of_known(state, record, &self.windows, self.clock.now()))
    }

    /// What the PHP facade's `many()` answers, in the order of `keys`, in one round trip to the store.
    pub async fn many(&self, keys: impl ExactSizeIterator<Item = &Key>) -> Result<Vec<View>> {
        if keys.len() == 0 {
            return Ok(Vec::new());
        }
        let now = self.clock.now();
        let keys: Vec<Key> = keys.cloned().collect();
        let records = self.store.records(&keys, now).await?;
        Ok(records.into_iter().map(|record| View::of_record(record, &self.windows, now)).collect())
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
    ) -> Result<(Vec<Member>, Option<Key>)> {
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
        let present = known.into_iter().filter_map(|known| known.state).filter(|state| state.status.is_present());
        let member = |state| Member { view: View::of_state(Some(&state), &self.windows, now), user: state.user };
        let next = if keys.len() == limit { keys.pop() } else { None };
        Ok((present.map(member).collect(), next))
    }

    /// How many members a scope has.
    pub async fn counts(&self, scope: &ScopeKey) -> Result<Counts> {
        self.store.counts(scope).await
    }

    /// Up to `limit` entries of the change log that follow `after`.
    pub async fn changes(&self, after: Cursor, limit: usize) -> Result<Vec<(Cursor, Change)>> {
        self.store.changes(after, limit).await
    }

    /// Whether the store answers.
    pub async fn ready(&self) -> Result<()> {
        self.store.time().await.map(drop)
    }
}

/// The lane of a user: always the same one, so that what happens to a user happens in order.
fn lane(wanted: &Wanted) -> usize {
    let bytes = wanted.subject.key.as_str().bytes();
    bytes.fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % LANES
}

/// A member of a scope.
#[derive(Clone, Debug)]
pub struct Member {
    /// The id as the application spelled it.
    pub user: super::identity::UserId,
    /// What the member is like.
    pub view: View,
}

async fn load_groups(store: Arc<dyn Store>, clock: Arc<Clock>, mut groups: Groups<Key, Known>) {
    while let Some(asked) = groups.next().await {
        let keys: Vec<Key> = asked.iter().map(|asked| asked.question.clone()).collect();
        match store.load(&keys, clock.now()).await {
            Ok(known) => asked.into_iter().zip(known).for_each(|(asked, known)| asked.answer(Ok(known))),
            Err(Unavailable(source)) => {
                let reason = source.to_string();
                asked.into_iter().for_each(|asked| asked.answer(Err(Unavailable(reason.as_str().into()))));
                groups.fail_waiting(&reason);
            }
        }
    }
}
