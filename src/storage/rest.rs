//! Whatever did not reply is left alone for a while, so that callers do not wait for it again and again.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// When a server is called again.
#[derive(Debug)]
pub struct Rest {
    length: Duration,
    until: Mutex<Option<Instant>>,
}

impl Rest {
    /// A rest of this length, which has not begun.
    pub fn new(length: Duration) -> Self {
        Self { length, until: Mutex::default() }
    }

    /// Whether the server is left alone at the moment.
    pub fn is_on(&self) -> bool {
        self.until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }

    /// Begins if a call has failed, and ends if one has not.
    pub fn record(&self, has_failed: bool) {
        let until = has_failed.then(|| Instant::now() + self.length);
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}
