//! Errors of a database, by what the caller can do about them.

use std::borrow::Cow;

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::sqlite::SqliteError;

use super::codes;
use super::codes::{ErrorClass, Recovery};
use crate::storage::Unavailable;

/// The result of a database operation.
pub type Result<T> = std::result::Result<T, Error>;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// An error of a database. Its sources may contain statements, never values.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is down, overloaded, or did not reply in time. The statement may or may not have taken effect.
    #[error("the database is not available")]
    Unavailable(#[source] Cause),
    /// The transaction conflicted with another one and changed nothing. A retry may succeed.
    #[error("transaction conflict")]
    Conflict(#[source] Cause),
    /// A row with this key, or a table with this name, exists.
    #[error("unique constraint violation")]
    UniqueViolation,
    /// A table is missing.
    #[error("a table is missing; `presence-sidecar migrate` creates it")]
    NoTable(#[source] Cause),
    /// The statement is invalid, or does not match the tables.
    #[error("the database rejected a statement")]
    Rejected(#[source] Cause),
}

/// An error of the driver or the server, with its class and the address of the database.
#[derive(Debug, thiserror::Error)]
#[error("{address}{source}{}", advice(*class, source))]
struct Classified {
    class: ErrorClass,
    /// With `: ` behind it; empty if it is not known.
    address: String,
    source: sqlx::Error,
}

/// What the operator can do, behind a colon.
fn advice(class: ErrorClass, source: &sqlx::Error) -> &'static str {
    match class {
        ErrorClass::ReadOnly if is_sqlite(source) => {
            ": the file, its folder or its disk is read-only: let the sidecar's user write to all three, or set \
             database.database to another file"
        }
        ErrorClass::ReadOnly => {
            ": a read-only replica, or a server that is set to read only: set database.host to the server that takes writes, \
             or to all of them with commas between them"
        }
        _ => "",
    }
}

impl Error {
    /// Returns the error with its sources in one line, for a log.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            // The errors of the driver repeat their sources.
            if !text.ends_with(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        text
    }

    /// Names the database, for the log.
    pub(super) fn at(mut self, address: &str) -> Self {
        if let Self::Unavailable(cause) | Self::NoTable(cause) | Self::Rejected(cause) = &mut self
            && let Some(classified) = cause.downcast_mut::<Classified>()
        {
            classified.address = format!("{address}: ");
        }
        self
    }

    fn class(&self) -> Option<ErrorClass> {
        match self {
            Self::Unavailable(cause) | Self::Conflict(cause) | Self::NoTable(cause) | Self::Rejected(cause) => {
                cause.downcast_ref().map(|Classified { class, .. }| *class)
            }
            Self::UniqueViolation => Some(ErrorClass::UniqueViolation),
        }
    }

    /// Whether a retry over another connection may succeed.
    pub(super) fn is_lost_connection(&self) -> bool {
        matches!(self.class(), Some(ErrorClass::Disconnected | ErrorClass::StaleSession))
    }

    /// Whether a server rejected a value, so that retries are useless.
    pub fn is_data_error(&self) -> bool {
        self.class() == Some(ErrorClass::InvalidValue)
    }

    /// Whether a time does not exist in the time zone of the server: it falls into the hour that summer time skips.
    pub fn is_invalid_time(&self) -> bool {
        self.class() == Some(ErrorClass::InvalidTime)
    }

    /// Whether the user lacks a privilege.
    pub fn is_denied(&self) -> bool {
        self.class() == Some(ErrorClass::Denied)
    }

    /// Whether the file of the database is locked by another connection.
    pub(super) fn is_busy(&self) -> bool {
        self.class() == Some(ErrorClass::Busy)
    }

    /// Whether the database or the session takes no writes.
    pub(super) fn is_read_only(&self) -> bool {
        self.class() == Some(ErrorClass::ReadOnly)
    }

    /// Whether a retry may succeed at once: nothing was changed.
    pub fn is_conflict(&self) -> bool {
        matches!(self.class(), Some(ErrorClass::Conflict | ErrorClass::StaleSession))
            || matches!(self, Self::Conflict(_))
    }

    /// Whether the statement met a lock, a time limit or a cancellation that need not concern others: the database answers.
    pub fn is_interruption(&self) -> bool {
        self.class() == Some(ErrorClass::Interrupted)
    }

    /// Whether the cause may pass without a change of the program or the request.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Conflict(_) | Self::NoTable(_))
    }
}

impl From<Error> for Unavailable {
    fn from(error: Error) -> Self {
        let reason = error.chain();
        match error {
            _ if error.is_lost_connection() => Self::lost_connection(reason),
            _ if error.is_interruption() => Self::interrupted(reason),
            Error::Rejected(_) => Self::rejected(reason),
            _ => Self::new(reason),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(source: sqlx::Error) -> Self {
        let class = classify(&source);
        let cause: Cause = Box::new(Classified { class, address: String::new(), source });
        match (class, class.recovery()) {
            (ErrorClass::NoTable, _) => Self::NoTable(cause),
            (ErrorClass::Conflict, _) => Self::Conflict(cause),
            (ErrorClass::UniqueViolation, _) => Self::UniqueViolation,
            (_, Recovery::RetryNow | Recovery::RetryLater) => Self::Unavailable(cause),
            (_, Recovery::Refuse | Recovery::Report) => Self::Rejected(cause),
        }
    }
}

fn is_sqlite(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.try_downcast_ref::<SqliteError>().is_some())
}

/// Returns the class of an error of the driver, or of a server behind it.
pub(super) fn classify(error: &sqlx::Error) -> ErrorClass {
    match error {
        sqlx::Error::Database(error) => classify_database(error.as_ref()),
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => ErrorClass::Disconnected,
        // A transaction that could not begin: the session is in an unknown state.
        sqlx::Error::BeginFailed | sqlx::Error::InvalidSavePointStatement => ErrorClass::Disconnected,
        sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => ErrorClass::Unavailable,
        _ => ErrorClass::Defect,
    }
}

fn classify_database(error: &dyn DatabaseError) -> ErrorClass {
    let code = error.code().unwrap_or(Cow::Borrowed(""));
    if error.try_downcast_ref::<SqliteError>().is_some() {
        return codes::sqlite(code.parse().unwrap_or_default(), error.message());
    }
    match error.try_downcast_ref::<MySqlDatabaseError>() {
        Some(error) => codes::mysql(error.number(), &code),
        None => codes::postgres(&code, error.message()),
    }
}
