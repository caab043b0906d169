//! Limits of open streams: in all, per user, and per address.
//!
//! Where there are too many in all, the oldest stream of an `EventSource` makes room for a new one: it is told to come back
//! within a minute. Other streams are not closed, since their clients may not come back.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{Counter, Gauge};
use tokio_util::sync::CancellationToken;

use crate::http::ApiError;
use crate::http::throttle::LimitExceeded;
use crate::telemetry::{Registry, catalog};

/// Seconds after which a refused stream may be opened again.
const RETRY_AFTER: u64 = 5;

/// The largest numbers of open streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamMaximums {
    /// In all.
    pub total: usize,
    /// Of one user, for streams with a user token.
    pub per_user: usize,
    /// From one address, for streams with a user token.
    pub per_address: usize,
}

/// Who opens a stream with a user token.
#[derive(Clone, Debug)]
pub(super) struct StreamOwner {
    /// The user, with the scope.
    pub(super) user: String,
    /// The address.
    pub(super) address: String,
    /// Whether the client is an `EventSource`, which comes back by itself.
    pub(super) is_event_source: bool,
}

/// The open streams of one process.
#[derive(Clone)]
pub struct StreamLimits(Arc<Inner>);

struct Inner {
    maximums: StreamMaximums,
    open: Mutex<OpenStreams>,
    gauge: Gauge,
    refused: Counter,
    shed: Counter,
    /// Cancelled when the sidecar stops.
    stop: CancellationToken,
}

#[derive(Default)]
struct OpenStreams {
    total: usize,
    /// The streams that may be closed to make room, by their age.
    closable: BTreeMap<u64, CancellationToken>,
    next: u64,
    users: HashMap<String, usize>,
    addresses: HashMap<String, usize>,
}

/// A place for one stream, given back when it is dropped.
pub(super) struct StreamPermit {
    limits: StreamLimits,
    owner: Option<StreamOwner>,
    /// Its age, if it may be closed to make room.
    age: Option<u64>,
    /// Cancelled when the stream must end: it makes room, or the sidecar stops.
    pub(super) end: CancellationToken,
}

impl StreamLimits {
    /// Limits with no stream open, until `stop`.
    pub fn new(maximums: StreamMaximums, registry: &Registry, stop: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            maximums,
            open: Mutex::default(),
            gauge: registry.gauge(&catalog::STREAMS_OPEN, &[]),
            refused: registry.counter(&catalog::STREAMS_REFUSED, &[]),
            shed: registry.counter(&catalog::STREAMS_SHED, &[]),
            stop,
        }))
    }

    /// Takes a place for a stream; `owner` is that of a user token.
    ///
    /// # Errors
    /// [`ApiError::TooMany`] if the user or the address has as many streams as it may have, [`ApiError::Unavailable`] if
    /// there are too many in all.
    pub(super) fn acquire(&self, owner: Option<StreamOwner>) -> Result<StreamPermit, ApiError> {
        let mut open = self.open();
        let refused = open.refuse(&self.0.maximums, owner.as_ref());
        if let Some(error) = refused {
            self.0.refused.increment(1);
            return Err(error);
        }
        if open.total >= self.0.maximums.total {
            open.close_oldest();
            self.0.shed.increment(1);
        }
        open.total += 1;
        let end = self.0.stop.child_token();
        let age = owner.as_ref().is_some_and(|owner| owner.is_event_source).then(|| open.add_closable(end.clone()));
        if let Some(owner) = &owner {
            *open.users.entry(owner.user.clone()).or_default() += 1;
            *open.addresses.entry(owner.address.clone()).or_default() += 1;
        }
        self.0.gauge.increment(1.0);
        drop(open);
        Ok(StreamPermit { limits: self.clone(), owner, age, end })
    }

    fn open(&self) -> MutexGuard<'_, OpenStreams> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenStreams {
    fn refuse(&self, maximums: &StreamMaximums, owner: Option<&StreamOwner>) -> Option<ApiError> {
        let too_many = |limit: usize| {
            let limit = u32::try_from(limit).unwrap_or(u32::MAX);
            Some(ApiError::TooMany(LimitExceeded { limit, retry_after: RETRY_AFTER }))
        };
        let count = |counts: &HashMap<String, usize>, key: &str| counts.get(key).copied().unwrap_or(0);
        let makes_room = owner.is_some_and(|owner| owner.is_event_source) && !self.closable.is_empty();
        if self.total >= maximums.total && !makes_room {
            return Some(ApiError::Unavailable("Too many streams are open."));
        }
        let owner = owner?;
        if count(&self.users, &owner.user) >= maximums.per_user {
            return too_many(maximums.per_user);
        }
        if count(&self.addresses, &owner.address) >= maximums.per_address {
            return too_many(maximums.per_address);
        }
        None
    }

    fn add_closable(&mut self, end: CancellationToken) -> u64 {
        self.next += 1;
        self.closable.insert(self.next, end);
        self.next
    }

    /// Ends the oldest stream that may be closed; its place is free at once.
    fn close_oldest(&mut self) {
        if let Some((_, end)) = self.closable.pop_first() {
            end.cancel();
            self.total -= 1;
        }
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut open = self.limits.open();
        // The place of one that was closed to make room is taken.
        if self.age.is_none_or(|age| open.closable.remove(&age).is_some()) {
            open.total -= 1;
        }
        if let Some(owner) = &self.owner {
            decrement(&mut open.users, &owner.user);
            decrement(&mut open.addresses, &owner.address);
        }
        self.limits.0.gauge.decrement(1.0);
    }
}

fn decrement<K: Hash + Eq + Clone>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
