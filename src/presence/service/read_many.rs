//! Many users' presence, read once for all who ask at the same time.
//!
//! Pages that list the same people ask for the same people. Whoever is asked for by several callers of a group is read,
//! and written into JSON, once.

use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;
use indexmap::IndexSet;

use super::clock::Clock;
use crate::presence::domain::identity::{Id, ScopeKey, UserKey};
use crate::presence::domain::{View, Windows};
use crate::presence::store::{PresenceStore, Result, Unavailable};
use crate::storage::batch::{BatchReceiver, Request};

/// So many users, or as many as one more caller adds, are read in one go: the store answers nobody else meanwhile.
const MAX_BATCH_USERS: usize = 1_000;

/// Users of one scope.
#[derive(Debug)]
pub struct UserQuery {
    /// The scope.
    pub scope: ScopeKey,
    /// The users.
    pub users: Vec<Id>,
}

/// A user as several callers see one.
#[derive(Debug)]
pub struct CachedView {
    view: View,
    written: OnceLock<Vec<u8>>,
}

impl CachedView {
    /// What `write` makes of the view. For all callers it is the first one's, so it has to be the same function.
    pub fn json_with(&self, write: impl FnOnce(&View, &mut Vec<u8>)) -> &[u8] {
        self.written.get_or_init(|| {
            let mut out = Vec::with_capacity(256);
            write(&self.view, &mut out);
            out
        })
    }
}

impl From<View> for CachedView {
    fn from(view: View) -> Self {
        Self { view, written: OnceLock::new() }
    }
}

/// The users that were named, as they are.
#[derive(Debug)]
pub struct UserViews {
    group: Arc<[CachedView]>,
    places: Vec<usize>,
}

impl UserViews {
    /// In the order in which they were named.
    pub fn iter(&self) -> impl Iterator<Item = &CachedView> {
        self.places.iter().map(|place| &self.group[*place])
    }
}

/// Who looks on behalf of all callers.
pub(super) struct BatchReader {
    pub(super) store: Arc<dyn PresenceStore>,
    pub(super) clock: Arc<Clock>,
    pub(super) windows: Windows,
}

/// Callers whose users are read together.
#[derive(Default)]
struct ReadBatch {
    scopes: Vec<ScopeKey>,
    users: IndexSet<(usize, Id), RandomState>,
    callers: Vec<(Request<UserQuery, UserViews>, Vec<usize>)>,
}

impl BatchReader {
    /// Works until no more callers can come.
    pub(super) async fn run(self, mut groups: BatchReceiver<UserQuery, UserViews>) {
        let mut waiting = Vec::new();
        while !waiting.is_empty() || groups.next(&mut waiting).await {
            let party = ReadBatch::of(&mut waiting);
            match self.look(&party).await {
                Ok(group) => party.answer(&group),
                Err(error) => {
                    party.fail(&error);
                    groups.fail_waiting(&mut waiting);
                }
            }
            groups.fill(&mut waiting);
        }
    }

    async fn look(&self, party: &ReadBatch) -> Result<Arc<[CachedView]>> {
        let now = self.clock.now();
        let keys: Vec<UserKey> = party.users.iter().map(|(scope, user)| party.scopes[*scope].user(user)).collect();
        if keys.is_empty() {
            return Ok(Arc::default());
        }
        let records = self.store.records(&keys, now).await?;
        Ok(records.into_iter().map(|record| View::of_record(record, &self.windows, now).into()).collect())
    }
}

impl ReadBatch {
    /// The first of those who are waiting.
    fn of(waiting: &mut Vec<Request<UserQuery, UserViews>>) -> Self {
        let mut party = Self::default();
        let mut left = std::mem::take(waiting).into_iter();
        while party.users.len() < MAX_BATCH_USERS
            && let Some(caller) = left.next()
        {
            party.add(caller);
        }
        waiting.extend(left);
        party
    }

    fn add(&mut self, mut caller: Request<UserQuery, UserViews>) {
        let UserQuery { scope, users } = &mut caller.payload;
        let known = self.scopes.iter().position(|known| known == scope);
        let scope = known.unwrap_or_else(|| {
            self.scopes.push(scope.clone());
            self.scopes.len() - 1
        });
        let places = users.drain(..).map(|user| self.users.insert_full((scope, user)).0).collect();
        self.callers.push((caller, places));
    }

    fn answer(self, group: &Arc<[CachedView]>) {
        for (caller, places) in self.callers {
            caller.reply(Ok(UserViews { group: group.clone(), places }));
        }
    }

    fn fail(self, error: &Unavailable) {
        for (caller, _) in self.callers {
            caller.reply(Err(error.clone()));
        }
    }
}
