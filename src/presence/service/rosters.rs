//! Pages of rosters and counts of their members, each read once for all callers that wait for it.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::clock::Clock;
use super::metrics::Metrics;
use super::shared_reads::SharedRead;
use crate::presence::domain::identity::{ScopeKey, UserId, UserKey};
use crate::presence::domain::{State, Status, View, Windows};
use crate::presence::store::{Counts, PresenceStore, Result};

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

impl SharedRead for RosterReader {
    type Query = RosterPageQuery;
    type Answer = Arc<RosterPage>;

    async fn read(&self, query: &RosterPageQuery) -> Result<Arc<RosterPage>> {
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
        Ok(Arc::new(RosterPage { members: present.map(member).collect(), next, json: OnceLock::new() }))
    }
}

/// Reads the numbers of members for all callers.
#[derive(Clone)]
pub(super) struct CountReader {
    pub(super) store: Arc<dyn PresenceStore>,
}

impl SharedRead for CountReader {
    type Query = ScopeKey;
    type Answer = Counts;

    async fn read(&self, scope: &ScopeKey) -> Result<Counts> {
        self.store.counts(scope).await
    }
}
