//! Errors of a database, classified by what the caller can do about them.

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::sqlite::SqliteError;

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
    /// The statement is invalid, not permitted, or does not match the tables.
    #[error("the database rejected a statement")]
    Rejected(#[source] Cause),
}

impl Error {
    /// Returns the error with its sources in one line, for a log.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }

    /// Whether a retry over another connection may succeed.
    pub(super) fn is_lost_connection(&self) -> bool {
        let Self::Unavailable(cause) = self else { return false };
        cause.downcast_ref().is_some_and(|error| matches!(error, sqlx::Error::Io(_)))
    }

    /// Whether a server rejected a value (SQLSTATE class 22, data exception), so that retries are useless.
    pub fn is_data_error(&self) -> bool {
        let Self::Rejected(cause) = self else { return false };
        let postgres =
            cause.downcast_ref::<sqlx::postgres::PgDatabaseError>().map(sqlx::postgres::PgDatabaseError::code);
        let mysql = || cause.downcast_ref::<sqlx::mysql::MySqlDatabaseError>().and_then(|error| error.code());
        postgres.or_else(mysql).is_some_and(|code| code.starts_with("22"))
    }

    /// Whether a retry may succeed at once.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }
}

impl From<Error> for Unavailable {
    fn from(error: Error) -> Self {
        let reason = error.chain();
        if error.is_lost_connection() { Self::lost_connection(reason) } else { Self::new(reason) }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => from_server(error),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(Box::new(error)),
            other => Self::Rejected(Box::new(other)),
        }
    }
}

fn from_server(error: Box<dyn DatabaseError>) -> Error {
    match classify(error.as_ref()) {
        ErrorClass::Conflict => Error::Conflict(error),
        ErrorClass::UniqueViolation => Error::UniqueViolation,
        ErrorClass::NoTable => Error::NoTable(error),
        ErrorClass::Demoted | ErrorClass::Unavailable => Error::Unavailable(error),
        ErrorClass::Rejected => Error::Rejected(error),
    }
}

/// Whether the server has become read-only. After a failover another server is writable; this connection never reaches it.
pub(super) fn is_demoted(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| matches!(classify(error), ErrorClass::Demoted))
}

enum ErrorClass {
    Conflict,
    UniqueViolation,
    NoTable,
    Demoted,
    Unavailable,
    Rejected,
}

fn classify(error: &dyn DatabaseError) -> ErrorClass {
    if error.is_unique_violation() {
        return ErrorClass::UniqueViolation;
    }
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<SqliteError>().is_some() {
        return classify_sqlite(code.parse().unwrap_or_default(), error.message());
    }
    match error.try_downcast_ref::<MySqlDatabaseError>() {
        Some(error) => classify_mysql(error.number(), &code),
        None => classify_postgres(&code),
    }
}

/// Classifies by the primary result code, which is the lowest byte of an extended one.
fn classify_sqlite(code: u32, message: &str) -> ErrorClass {
    match code & 0xff {
        // BUSY, LOCKED, NOMEM, READONLY; IOERR; FULL, CANTOPEN, PROTOCOL.
        5..=8 | 10 | 13..=15 => ErrorClass::Unavailable,
        // This error has no code of its own.
        _ if message.starts_with("no such table: ") => ErrorClass::NoTable,
        _ => ErrorClass::Rejected,
    }
}

/// Classifies by the error number: most errors share one SQLSTATE.
fn classify_mysql(number: u16, state: &str) -> ErrorClass {
    match number {
        1213 => ErrorClass::Conflict,
        1146 => ErrorClass::NoTable,
        // The server runs with --read-only, or is in read-only mode.
        1290 | 1836 => ErrorClass::Demoted,
        // Disk full (2), storage error, out of memory (2), no such database yet, too many connections of this user (2),
        // lock wait timeout, statement or connection killed (4).
        1021 | 1114 | 1030 | 1037 | 1041 | 1049 | 1203 | 1226 | 1205 | 1317 | 1927 | 1969 | 3024 => {
            ErrorClass::Unavailable
        }
        _ => classify_sqlstate_class(state),
    }
}

/// Classifies by the SQLSTATE.
fn classify_postgres(state: &str) -> ErrorClass {
    match state {
        // Serialization failure, deadlock.
        "40001" | "40P01" => ErrorClass::Conflict,
        // Two sessions create the same table at once.
        "42P07" | "42710" => ErrorClass::UniqueViolation,
        "42P01" => ErrorClass::NoTable,
        // Read-only transaction.
        "25006" => ErrorClass::Demoted,
        // Lock timeout.
        "55P03" => ErrorClass::Unavailable,
        _ => classify_sqlstate_class(state),
    }
}

/// Classifies by the class of a SQLSTATE. Unavailable: connection exception, insufficient resources, operator intervention,
/// system error, invalid authorization, no such database.
fn classify_sqlstate_class(state: &str) -> ErrorClass {
    let out = ["08", "53", "57", "58", "28", "3D"].iter().any(|class| state.starts_with(class));
    if out { ErrorClass::Unavailable } else { ErrorClass::Rejected }
}
