//! The terms of every statement: how long it may take, and which connections are good enough for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::error::{Error, Result, is_demoted};

/// What a database's statements have in common.
#[derive(Clone, Debug)]
pub(super) struct ConnectionPolicy {
    timeout: Duration,
    /// Connections that were made before this lead to a server that takes no changes any more.
    demoted: Arc<Mutex<Option<Instant>>>,
    /// FeedMessage when a statement finds a table missing.
    missing: Arc<Notify>,
}

impl ConnectionPolicy {
    /// So long for connecting, and as long for an answer.
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, demoted: Arc::default(), missing: Arc::default() }
    }

    /// How long a statement waits for a lock that somebody else holds.
    pub(super) fn lock(&self) -> Duration {
        self.timeout
    }

    /// How long anybody waits for an answer. The server is to know it, too: a connection on which it goes on with what nobody
    /// waits for is of no use until it is done.
    pub(super) fn longest(&self) -> Duration {
        2 * self.timeout
    }

    fn noted(&self, error: sqlx::Error) -> Error {
        if is_demoted(&error) {
            *self.demoted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        let error = error.into();
        if matches!(error, Error::NoTable(_)) {
            self.missing.notify_one();
        }
        error
    }

    /// Returns when a statement has found a table missing since it returned last.
    pub(super) async fn missing(&self) {
        self.missing.notified().await;
    }

    /// Whether a connection that was made so long ago may still be used.
    pub(super) fn trust(&self, age: Duration) -> bool {
        let demoted = *self.demoted.lock().unwrap_or_else(PoisonError::into_inner);
        demoted.is_none_or(|demoted| age < demoted.elapsed())
    }
}

/// The outcome of `work`, which gets the time to connect and the time to answer.
pub(super) async fn within<T>(terms: &ConnectionPolicy, work: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    match tokio::time::timeout(terms.longest(), work).await {
        Ok(outcome) => outcome.map_err(|error| terms.noted(error)),
        Err(elapsed) => Err(Error::Unavailable(Box::new(elapsed))),
    }
}
