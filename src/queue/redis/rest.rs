//! A shard that did not reply is left alone for a while, so that the others do not wait for it again and again.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a shard is left alone.
const REST: Duration = Duration::from_secs(2);

/// When a shard is called again.
#[derive(Debug, Default)]
pub(super) struct Rest {
    until: Mutex<Option<Instant>>,
}

impl Rest {
    /// Whether the shard is left alone at the moment.
    pub(super) fn is_on(&self) -> bool {
        self.until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }

    /// Begins if a call has failed, and ends if one has not.
    pub(super) fn record(&self, has_failed: bool) {
        let until = has_failed.then(|| Instant::now() + REST);
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}
