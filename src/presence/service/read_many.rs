//! Many users' presence, read once for all who ask at the same time.
//!
//! Pages that list the same people ask for the same people. Whoever is asked for by several callers of a group is read,
//! and written into JSON, once.

use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;
use indexmap::IndexSet;

use super::clock::Clock;
use crate::presence::domain::identity::{Id, Key, ScopeKey};
use crate::presence::domain::{View, Windows};
use crate::presence::store::{Result, Store, Unavailable};
use crate::storage::batch::{Asked, BatchReceiver};

/// So many users, or as many as one more caller adds, are read in one go: the store answers nobody else meanwhile.
const MAX_BATCH_USERS: usize = 1_000;

/// Users of one scope.
#[derive(Debug)]
pub struct Named {
    /// The scope.
    pub scope: ScopeKey,
    /// The users.
    pub users: Vec<Id>,
}

/// A user as several callers see one.
#[derive(Debug)]
pub struct Seen {
    view: View,
    written: OnceLock<Vec<u8>>,
}

impl Seen {
    /// What `write` makes of the view. For all callers it is the first one's, so it has to be the same function.
    pub fn written(&self, write: impl FnOnce(&View, &mut Vec<u8>)) -> &[u8] {
        self.written.get_or_init(|| {
            let mut out = Vec::with_capacity(256);
            write(&self.view, &mut out);
            out
        })
    }
}

impl From<View> for Seen {
    fn from(view: View) -> Self {
        Self { view, written: OnceLock::new() }
    }
}

/// The users that were named, as they are.
#[derive(Debug)]
pub struct Found {
    group: Arc<[Seen]>,
    places: Vec<usize>,
}

impl Found {
    /// In the order in which they were named.
    pub fn iter(&self) -> impl Iterator<Item = &Seen> {
        self.places.iter().map(|place| &self.group[*place])
    }
}

/// Who looks on behalf of all callers.
pub(super) struct BatchReader {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<Clock>,
    pub(super) windows: Windows,
}

/// Callers whose users are read together.
#[derive(Default)]
struct ReadBatch {
    scopes: Vec<ScopeKey>,
    users: IndexSet<(usize, Id), RandomState>,
    callers: Vec<(Asked<Named, Found>, Vec<usize>)>,
}

impl BatchReader {
    /// Works until no more callers can come.
    pub(super) async fn run(self, mut groups: BatchReceiver<Named, Found>) {
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
            groups.more(&mut waiting);
        }
    }

    async fn look(&self, party: &ReadBatch) -> Result<Arc<[Seen]>> {
        let now = self.clock.now();
        let keys: Vec<Key> = party.users.iter().map(|(scope, user)| party.scopes[*scope].user(user)).collect();
        if keys.is_empty() {
            return Ok(Arc::default());
        }
        let records = self.store.records(&keys, now).await?;
        Ok(records.into_iter().map(|record| View::of_record(record, &self.windows, now).into()).collect())
    }
}

impl ReadBatch {
    /// The first of those who are waiting.
    fn of(waiting: &mut Vec<Asked<Named, Found>>) -> Self {
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

    fn add(&mut self, mut caller: Asked<Named, Found>) {
        let Named { scope, users } = &mut caller.question;
        let known = self.scopes.iter().position(|known| known == scope);
        let scope = known.unwrap_or_else(|| {
            self.scopes.push(scope.clone());
            self.scopes.len() - 1
        });
        let places = users.drain(..).map(|user| self.users.insert_full((scope, user)).0).collect();
        self.callers.push((caller, places));
    }

    fn answer(self, group: &Arc<[Seen]>) {
        for (caller, places) in self.callers {
            caller.answer(Ok(Found { group: group.clone(), places }));
        }
    }

    fn fail(self, error: &Unavailable) {
        for (caller, _) in self.callers {
            caller.answer(Err(error.clone()));
        }
    }
}
