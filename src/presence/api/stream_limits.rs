//! Limits of open streams: in all, per user, and per address.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{Counter, Gauge};

use crate::http::ApiError;
use crate::http::throttle::LimitExceeded;
use crate::telemetry::Registry;

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
}

/// The open streams of one process.
#[derive(Clone)]
pub struct StreamLimits(Arc<Inner>);

struct Inner {
    maximums: StreamMaximums,
    open: Mutex<OpenStreams>,
    gauge: Gauge,
    refused: Counter,
}

#[derive(Default)]
struct OpenStreams {
    total: usize,
    users: HashMap<String, usize>,
    addresses: HashMap<String, usize>,
}

/// A place for one stream, given back when it is dropped.
pub(super) struct StreamPermit {
    limits: StreamLimits,
    owner: Option<StreamOwner>,
}

impl StreamLimits {
    /// Limits with no stream open.
    pub fn new(maximums: StreamMaximums, registry: &Registry) -> Self {
        Self(Arc::new(Inner {
            maximums,
            open: Mutex::default(),
            gauge: registry.gauge("presence_streams_open", "Streams of the change log that are open.", &[]),
            refused: registry.counter(
                "presence_streams_refused_total",
                "Streams of the change log that were refused because too many were open.",
                &[],
            ),
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
        open.total += 1;
        if let Some(owner) = &owner {
            *open.users.entry(owner.user.clone()).or_default() += 1;
            *open.addresses.entry(owner.address.clone()).or_default() += 1;
        }
        self.0.gauge.increment(1.0);
        drop(open);
        Ok(StreamPermit { limits: self.clone(), owner })
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
        if self.total >= maximums.total {
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
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut open = self.limits.open();
        open.total -= 1;
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
