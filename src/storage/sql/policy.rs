//! The connection policy of a database: time limits, and which pooled connections may be used.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::codes::ErrorClass;
use super::error::{Error, Result, classify};

/// The policy that all statements of a database share.
#[derive(Clone, Debug)]
pub(super) struct ConnectionPolicy {
    timeout: Duration,
    /// The server and the database, or the file, for error texts.
    address: Arc<str>,
    /// Connections made before this moment are not used: their sessions are read-only, or know tables as they were.
    outdated: Arc<Mutex<Option<Instant>>>,
    /// Notified when a statement fails so that another host may take it.
    doubt: Arc<Notify>,
    /// Notified when a statement fails for a missing table.
    missing: Arc<Notify>,
    /// The number of errors so far that a caller answers with 503.
    failures: Arc<AtomicU64>,
    /// Why the last attempt to connect failed, while no connection is open.
    refusal: Arc<Mutex<Option<String>>>,
}

/// The error of a pool that has no connection for a caller in time.
#[derive(Debug, thiserror::Error)]
#[error("no connection to {address} within {timeout:?}{cause}")]
struct NoConnection {
    address: Arc<str>,
    timeout: Duration,
    /// `: ` and why a new connection fails; empty if all connections were in use.
    cause: String,
}

/// The error of a statement that took too long. Its connection is closed.
#[derive(Debug, thiserror::Error)]
#[error("no reply from {address} within {limit:?}")]
struct NoReply {
    address: Arc<str>,
    limit: Duration,
}

impl ConnectionPolicy {
    /// Creates a policy with `timeout` for getting a connection and for a statement.
    pub(super) fn new(timeout: Duration, address: &str) -> Self {
        Self {
            timeout,
            address: address.into(),
            outdated: Arc::default(),
            doubt: Arc::default(),
            missing: Arc::default(),
            failures: Arc::default(),
            refusal: Arc::default(),
        }
    }

    /// The server and the database, or the file, without credentials.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The longest time that a statement waits for a lock.
    pub(super) fn lock(&self) -> Duration {
        self.timeout
    }

    /// The longest time that a caller waits for a statement. The server has the same limit: otherwise it stays busy with a
    /// statement whose caller has given up.
    pub(super) fn longest(&self) -> Duration {
        2 * self.timeout
    }

    /// The longest time that the test of an idle connection takes.
    pub(super) fn ping(&self) -> Duration {
        self.timeout / 4
    }

    /// The number of errors so far that a caller answers with 503.
    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Converts an error, and records what other connections and callers must know of it.
    fn map_error(&self, error: sqlx::Error) -> Error {
        if classify(&error).outdates_sessions() {
            self.outdate_sessions();
        }
        let error = match error {
            sqlx::Error::PoolTimedOut => {
                let refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
                let cause = refusal.map(|refusal| format!(": {refusal}")).unwrap_or_default();
                let (address, timeout) = (self.address.clone(), self.timeout);
                Error::Unavailable(Box::new(NoConnection { address, timeout, cause }))
            }
            other => Error::from(other).at(&self.address),
        };
        if error.is_temporary() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        match error {
            Error::Unavailable(_) => self.doubt(),
            Error::NoTable(_) => self.missing.notify_one(),
            Error::Conflict(_) | Error::UniqueViolation | Error::Rejected(_) => {}
        }
        error
    }

    /// Records why no connection can be made, for the error of the pool, which does not know it.
    pub(super) fn note_refusal(&self, error: &sqlx::Error) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }

    /// Resolves when a statement has failed for a missing table since the last call.
    pub(super) async fn missing(&self) {
        self.missing.notified().await;
    }

    /// Has the connections that are open now replaced before they are used again.
    pub(super) fn outdate_sessions(&self) {
        *self.outdated.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Has the hosts of the database asked which one takes writes.
    pub(super) fn doubt(&self) {
        self.doubt.notify_one();
    }

    /// Resolves when the hosts are to be asked.
    pub(super) async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// Whether a connection of this age may still be used.
    pub(super) fn trust(&self, age: Duration) -> bool {
        let outdated = *self.outdated.lock().unwrap_or_else(PoisonError::into_inner);
        outdated.is_none_or(|outdated| age < outdated.elapsed())
    }
}

/// Runs `work`, with the time limit and the error conversion of `policy`.
pub(super) async fn within<T>(policy: &ConnectionPolicy, work: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    match tokio::time::timeout(policy.longest(), work).await {
        Ok(outcome) => outcome.map_err(|error| policy.map_error(error)),
        Err(_) => {
            policy.failures.fetch_add(1, Ordering::Relaxed);
            policy.doubt();
            Err(Error::Unavailable(Box::new(NoReply { address: policy.address.clone(), limit: policy.longest() })))
        }
    }
}

/// Whether the session of a connection can be used again after `outcome`.
pub(super) fn keeps_session<T>(outcome: &sqlx::Result<T>) -> bool {
    match outcome {
        Ok(_) => true,
        // After an error of the driver itself, the rest of a reply may still be on its way.
        Err(error) => matches!(error, sqlx::Error::Database(_)) && classify(error).keeps_session(),
    }
}

/// Whether the server has no connection left.
pub(super) fn is_exhausted(error: &sqlx::Error) -> bool {
    classify(error) == ErrorClass::TooManyConnections
}

/// Whether a statement met a lock or a time limit, and its session goes on.
pub(super) fn is_interruption(error: &sqlx::Error) -> bool {
    matches!(classify(error), ErrorClass::Interrupted | ErrorClass::Busy)
}
