//! Pages of rosters, each read once for all callers that wait for it.
//!
//! A caller that comes while its page is being read waits for the next read of it, which begins after the call: it never gets
//! a page that is older than its call. Different pages are read at the same time.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::task;
use tokio::task::JoinSet;

use super::clock::Clock;
use super::metrics::Metrics;
use crate::presence::domain::identity::{ScopeKey, UserId, UserKey};
use crate::presence::domain::{State, Status, View, Windows};
use crate::presence::store::{PresenceStore, Result};
use crate::storage::batch::{BatchReceiver, Request};

/// A query for a page of a roster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RosterPageQuery {
    /// The scope.
    pub scope: ScopeKey,
    /// Members with this status; `None` for all.
    pub status: Option<Status>,
    /// The key behind which the page begins.
    pub after: Option<String>,
    /// Maximum number of members.
    pub limit: usize,
}

/// A page of a roster, shared by several callers.
///
/// A member whose presence ends while the page is read is left out, so a page may be shorter than the limit although more
/// members follow.
#[derive(Debug)]
pub struct RosterPage {
    /// The members, in the order of their keys.
    pub members: Vec<RosterEntry>,
    /// The position of the next page; `None` at the end.
    pub next: Option<UserKey>,
    json: OnceLock<Bytes>,
}

impl RosterPage {
    /// The JSON that `write` makes of the page. It is written once, so all callers must pass the same function.
    pub fn json_with(&self, write: impl FnOnce(&Self, &mut Vec<u8>)) -> Bytes {
        let written = self.json.get_or_init(|| {
            let mut out = Vec::with_capacity(64 + 192 * self.members.len());
            write(self, &mut out);
            out.into()
        });
        written.clone()
    }
}

/// A member of a scope.
#[derive(Clone, Debug)]
pub struct RosterEntry {
    /// The id as the application spelled it.
    pub user: UserId,
    /// The hybrid clock of the member.
    pub seq: u64,
    /// The presence of the member.
    pub view: View,
}

/// Reads pages for all callers.
#[derive(Clone)]
pub(super) struct RosterReader {
    pub(super) store: Arc<dyn PresenceStore>,
    pub(super) clock: Arc<Clock>,
    pub(super) windows: Windows,
    pub(super) metrics: Arc<Metrics>,
}

/// A call for a page.
type Call = Request<RosterPageQuery, Arc<RosterPage>>;

/// The pages that are being read, each with the callers who wait for its next read.
#[derive(Default)]
struct Reads {
    waiting: HashMap<RosterPageQuery, Vec<Call>>,
    running: JoinSet<()>,
    /// The page that each task reads: one that panics does not return it.
    queries: HashMap<task::Id, RosterPageQuery>,
}

impl Reads {
    /// Begins to read the page of some callers.
    fn begin(&mut self, reader: &RosterReader, query: RosterPageQuery, callers: Vec<Call>) {
        self.waiting.insert(query.clone(), Vec::new());
        let (reader, page_query) = (reader.clone(), query.clone());
        // After a panic the callers get an error, as their requests are dropped.
        let read = self.running.spawn(async move {
            let page = reader.read(&page_query).await.map(Arc::new);
            callers.into_iter().for_each(|caller| caller.reply(page.clone()));
        });
        self.queries.insert(read.id(), query);
    }

    /// Has a caller wait for its page.
    fn add(&mut self, reader: &RosterReader, caller: Call) {
        match self.waiting.get_mut(&caller.payload) {
            Some(waiting) => waiting.push(caller),
            None => self.begin(reader, caller.payload.clone(), vec![caller]),
        }
    }

    /// Begins the next read of the page of a task that has ended.
    fn go_on(&mut self, reader: &RosterReader, ended: task::Id) {
        let query = self.queries.remove(&ended);
        if let Some((query, callers)) = query.and_then(|query| self.waiting.remove_entry(&query))
            && !callers.is_empty()
        {
            self.begin(reader, query, callers);
        }
    }
}

impl RosterReader {
    /// Runs until no more callers can come.
    pub(super) async fn run(self, mut receiver: BatchReceiver<RosterPageQuery, Arc<RosterPage>>) {
        let (mut reads, mut callers) = (Reads::default(), Vec::new());
        loop {
            tokio::select! {
                Some(ended) = reads.running.join_next_with_id() => {
                    reads.go_on(&self, ended.map_or_else(|error| error.id(), |(id, ())| id));
                }
                is_open = receiver.next(&mut callers) => match is_open {
                    true => callers.drain(..).for_each(|caller| reads.add(&self, caller)),
                    false => return,
                },
            }
        }
    }

    async fn read(&self, query: &RosterPageQuery) -> Result<RosterPage> {
        let RosterPageQuery { scope, status, after, limit } = query;
        let mut keys = Vec::new();
        for roster in [Status::Online, Status::Away] {
            if status.is_none_or(|status| status == roster) {
                keys.extend(self.store.roster(scope, roster, after.as_deref(), *limit).await?);
            }
        }
        keys.sort_unstable();
        keys.dedup();
        keys.truncate(*limit);
        let now = self.clock.now();
        let known = if keys.is_empty() { Vec::new() } else { self.store.load(&keys, now).await? };
        known.iter().for_each(|known| self.metrics.looked_up(&known.record));
        let present =
            known.into_iter().filter_map(|known| known.current(now)).filter(|state| state.status.is_present());
        let member = |state: State| RosterEntry {
            view: View::of_state(Some(&state), &self.windows, now),
            seq: state.version,
            user: state.user,
        };
        let next = if keys.len() == *limit { keys.pop() } else { None };
        Ok(RosterPage { members: present.map(member).collect(), next, json: OnceLock::new() })
    }
}
