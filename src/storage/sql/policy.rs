//! The connection policy of a database: time limits, and which pooled connections may be used.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::error::{Error, Result, is_demoted};

/// The policy that all statements of a database share.
#[derive(Clone, Debug)]
pub(super) struct ConnectionPolicy {
    timeout: Duration,
    /// Connections made before this moment may lead to a server that is read-only now.
    demoted: Arc<Mutex<Option<Instant>>>,
    /// Notified when a statement fails for a missing table.
    missing: Arc<Notify>,
}

impl ConnectionPolicy {
    /// Creates a policy with `timeout` for getting a connection and for a statement.
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, demoted: Arc::default(), missing: Arc::default() }
    }

    /// The longest time that a statement waits for a lock.
    pub(super) fn lock(&self) -> Duration {
        self.timeout
    }

    /// The longest time that a caller waits for a statement. The server has the same limit: otherwise the connection stays
    /// busy with a statement whose caller has given up.
    pub(super) fn longest(&self) -> Duration {
        2 * self.timeout
    }

    /// Converts an error, and records that the server has become read-only or that a table is missing.
    fn map_error(&self, error: sqlx::Error) -> Error {
        if is_demoted(&error) {
            *self.demoted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        let error = error.into();
        if matches!(error, Error::NoTable(_)) {
            self.missing.notify_one();
        }
        error
    }

    /// Resolves when a statement has failed for a missing table since the last call.
    pub(super) async fn missing(&self) {
        self.missing.notified().await;
    }

    /// Whether a connection of this age may still be used.
    pub(super) fn trust(&self, age: Duration) -> bool {
        let demoted = *self.demoted.lock().unwrap_or_else(PoisonError::into_inner);
        demoted.is_none_or(|demoted| age < demoted.elapsed())
    }
}

/// Runs `work`, with the time limit and the error conversion of `policy`.
pub(super) async fn within<T>(policy: &ConnectionPolicy, work: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    match tokio::time::timeout(policy.longest(), work).await {
        Ok(outcome) => outcome.map_err(|error| policy.map_error(error)),
        Err(elapsed) => Err(Error::Unavailable(Box::new(elapsed))),
    }
}
