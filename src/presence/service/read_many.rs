//! The presence of many users, read once for all callers that wait at the same time.
//!
//! Pages that list the same users request the same users. A user who is requested by several callers of a batch is read,
//! and encoded as JSON, once.

use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;
use indexmap::IndexSet;

use super::clock::Clock;
use super::commit::CommitContext;
use super::metrics::Metrics;
use crate::presence::domain::identity::{Id, ScopeKey, UserKey};
use crate::presence::domain::{View, Windows};
use crate::presence::store::{PresenceStore, Result, Unavailable};
use crate::storage::batch::{BatchReceiver, Request, run_batch};

/// A batch takes no more callers once it has this many users: the store serves no other request meanwhile.
const MAX_BATCH_USERS: usize = 1_000;

/// A query for users of one scope.
#[derive(Debug)]
pub struct UserQuery {
    /// The scope.
    pub scope: ScopeKey,
    /// The users.
    pub users: Vec<Id>,
}

/// The view of a user, shared by several callers.
#[derive(Debug)]
pub struct CachedView {
    view: View,
    /// `None` if one caller alone has requested the user.
    json: Option<OnceLock<Vec<u8>>>,
}

impl CachedView {
    /// Appends the JSON that `write` makes of the view to `out`. It is made once for all callers, which must pass the same
    /// function.
    pub fn write_json(&self, out: &mut Vec<u8>, write: impl FnOnce(&View, &mut Vec<u8>)) {
        let Some(json) = &self.json else { return write(&self.view, out) };
        out.extend_from_slice(json.get_or_init(|| {
            let mut json = Vec::with_capacity(256);
            write(&self.view, &mut json);
            json
        }));
    }

    /// The view of a user whom one caller, or several, have requested.
    pub fn new(view: View, is_shared: bool) -> Self {
        Self { view, json: is_shared.then(OnceLock::new) }
    }
}

/// The views of the queried users: one for each, in the order of the query.
#[derive(Debug)]
pub struct UserViews {
    batch: Arc<[CachedView]>,
    /// The views of other places, whose positions follow those of `batch`.
    others: Vec<Arc<[CachedView]>>,
    positions: Vec<usize>,
}

impl UserViews {
    /// The views in the order of the query, as many as it has users.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &CachedView> {
        self.positions.iter().map(|position| self.view(*position))
    }

    /// # Panics
    /// If there is no such view: another one must not take its place.
    fn view(&self, position: usize) -> &CachedView {
        let mut behind = position;
        for batch in std::iter::once(&self.batch).chain(&self.others) {
            match batch.get(behind) {
                Some(view) => return view,
                None => behind -= batch.len(),
            }
        }
        unreachable!("a view of position {position} was read")
    }

    /// The views of a query whose users are in several places; each part has the positions of its users in the query.
    pub(super) fn join(parts: Vec<(Vec<usize>, Self)>) -> Self {
        let mut joined = Self { batch: Arc::default(), others: Vec::new(), positions: Vec::new() };
        joined.positions.resize(parts.iter().map(|(positions, _)| positions.len()).sum(), usize::MAX);
        let mut first = 0;
        for (positions, part) in parts {
            for (position, place) in positions.into_iter().zip(part.positions) {
                joined.positions[position] = first + place;
            }
            first += part.batch.len();
            joined.others.push(part.batch);
        }
        joined
    }
}

/// The task that reads for all callers.
pub(super) struct BatchReader {
    store: Arc<dyn PresenceStore>,
    clock: Arc<Clock>,
    windows: Windows,
    metrics: Arc<Metrics>,
}

/// The callers whose users are read together.
#[derive(Default)]
struct ReadBatch {
    scopes: Vec<ScopeKey>,
    users: IndexSet<(usize, Id), RandomState>,
    callers: Vec<(Request<UserQuery, UserViews>, Vec<usize>)>,
    /// The number of users whom callers have requested, each counted as often as that.
    requested: usize,
}

impl BatchReader {
    /// A reader of the store of `context`.
    pub(super) fn new(context: &CommitContext) -> Self {
        let CommitContext { store, clock, rules, metrics, .. } = context.clone();
        Self { store, clock, windows: rules.windows, metrics }
    }

    /// Runs until no more callers can come.
    pub(super) async fn run(self, mut receiver: BatchReceiver<UserQuery, UserViews>) {
        let mut waiting = Vec::new();
        while !waiting.is_empty() || receiver.next(&mut waiting).await {
            let batch = ReadBatch::take(&mut waiting);
            if run_batch(self.answer(batch)).await == Some(false) {
                receiver.fail_waiting(&mut waiting);
            }
            receiver.fill(&mut waiting);
        }
    }

    /// Reads the users of `batch` and replies; returns whether the store answered.
    async fn answer(&self, batch: ReadBatch) -> bool {
        let views = self.read(&batch).await;
        match &views {
            Ok(views) => batch.reply(views),
            Err(error) => batch.fail(error),
        }
        views.is_ok()
    }

    async fn read(&self, batch: &ReadBatch) -> Result<Arc<[CachedView]>> {
        let now = self.clock.now();
        let keys: Vec<UserKey> = batch.users.iter().map(|(scope, user)| batch.scopes[*scope].user(user)).collect();
        if keys.is_empty() {
            return Ok(Arc::default());
        }
        let records = self.store.records(&keys, now).await?;
        if records.len() != keys.len() {
            return Err(Unavailable::new(format!(
                "the store answered {} records for {} users",
                records.len(),
                keys.len()
            )));
        }
        records.iter().for_each(|record| self.metrics.looked_up(record));
        let is_shared = batch.requested > keys.len();
        let view = |record| CachedView::new(View::of_record(record, &self.windows, now), is_shared);
        Ok(records.into_iter().map(view).collect())
    }
}

impl ReadBatch {
    /// Takes the first of the waiting callers.
    fn take(waiting: &mut Vec<Request<UserQuery, UserViews>>) -> Self {
        let mut batch = Self::default();
        let mut left = std::mem::take(waiting).into_iter();
        while batch.users.len() < MAX_BATCH_USERS
            && let Some(caller) = left.next()
        {
            batch.add(caller);
        }
        waiting.extend(left);
        batch
    }

    fn add(&mut self, mut caller: Request<UserQuery, UserViews>) {
        let UserQuery { scope, users } = &mut caller.payload;
        let known = self.scopes.iter().position(|known| known == scope);
        let scope = known.unwrap_or_else(|| {
            self.scopes.push(scope.clone());
            self.scopes.len() - 1
        });
        self.requested += users.len();
        let positions = users.drain(..).map(|user| self.users.insert_full((scope, user)).0).collect();
        self.callers.push((caller, positions));
    }

    fn reply(self, views: &Arc<[CachedView]>) {
        for (caller, positions) in self.callers {
            caller.reply(Ok(UserViews { batch: views.clone(), others: Vec::new(), positions }));
        }
    }

    fn fail(self, error: &Unavailable) {
        for (caller, _) in self.callers {
            caller.reply(Err(error.clone()));
        }
    }
}
