//! The committed states that a committer remembers, bounded by the bytes that they take.
//!
//! What is remembered saves a read: it serves inputs that [need no record](State::is_sufficient_for). So users who are
//! offline are not remembered, and nearly all others are kept in a [compact form](super::compact).

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;
use lru::LruCache;

use super::compact::{CompactState, Defaults};
use crate::presence::domain::State;
use crate::presence::domain::identity::{Scope, UserKey};
use crate::presence::service::metrics::CacheMetrics;

/// The bytes of a user apart from texts: an entry of the list, the counts of the key's text, and two places in a hash table
/// that is half full.
const ENTRY: usize = size_of::<UserKey>() + size_of::<CompactState>() + 2 * size_of::<usize>() + 16 + 2 * 17;
/// The most scopes that users share. When there are more, those of before stay with their users.
const MAX_SCOPES: usize = 4_096;

/// The states of the users who were committed last.
pub(super) struct StateCache {
    users: LruCache<UserKey, CompactState, RandomState>,
    /// The scopes of users, one copy of each.
    scopes: HashSet<Arc<Scope>, RandomState>,
    defaults: Defaults,
    bytes: usize,
    capacity: usize,
    /// The users and bytes that the metrics have.
    reported: (usize, usize),
    metrics: Arc<CacheMetrics>,
}

impl StateCache {
    /// An empty cache of at most `capacity` bytes.
    pub(super) fn new(capacity: usize, metrics: Arc<CacheMetrics>) -> Self {
        let users = LruCache::unbounded_with_hasher(RandomState::default());
        let (scopes, defaults) = (HashSet::default(), Defaults::default());
        Self { users, scopes, defaults, bytes: 0, capacity, reported: (0, 0), metrics }
    }

    /// Removes and returns what is remembered of a user. The meta may be missing where no input that the state is
    /// [sufficient](State::is_sufficient_for) for keeps it.
    pub(super) fn take(&mut self, key: &UserKey) -> Option<State> {
        let compact = self.users.pop(key)?;
        self.bytes = self.bytes.saturating_sub(weight(key, &compact));
        Some(compact.into_state(key, &self.defaults))
    }

    /// Remembers committed states, and forgets those that were committed longest ago while all take more than the capacity.
    pub(super) fn put_all(&mut self, states: impl Iterator<Item = (UserKey, State)>) {
        for (key, state) in states {
            self.put(key, state);
        }
        while self.bytes > self.capacity
            && let Some((key, compact)) = self.users.pop_lru()
        {
            self.bytes = self.bytes.saturating_sub(weight(&key, &compact));
        }
        self.report();
    }

    fn put(&mut self, key: UserKey, state: State) {
        if !state.status.is_present() {
            return;
        }
        let scope = self.shared(&state.scope);
        let compact = CompactState::new(&key, state, scope, &self.defaults);
        self.bytes += weight(&key, &compact);
        if let Some((key, replaced)) = self.users.push(key, compact) {
            self.bytes = self.bytes.saturating_sub(weight(&key, &replaced));
        }
    }

    fn shared(&mut self, scope: &Scope) -> Arc<Scope> {
        if let Some(known) = self.scopes.get(scope) {
            return known.clone();
        }
        if self.scopes.len() >= MAX_SCOPES {
            self.scopes.clear();
        }
        let scope = Arc::new(scope.clone());
        self.scopes.insert(scope.clone());
        scope
    }

    fn report(&mut self) {
        let now = (self.users.len(), self.bytes);
        if now != self.reported {
            self.metrics.changed(std::mem::replace(&mut self.reported, now), now);
        }
    }
}

impl Drop for StateCache {
    fn drop(&mut self) {
        self.metrics.changed(self.reported, (0, 0));
    }
}

/// The bytes that a user takes.
fn weight(key: &UserKey, compact: &CompactState) -> usize {
    ENTRY + key.as_str().len().next_multiple_of(16) + compact.heap_bytes()
}
