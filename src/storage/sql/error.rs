//! What can go wrong with a database, as far as somebody can do something about it.

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::sqlite::SqliteError;

use crate::storage::Unavailable;

/// What a database answers.
pub type Result<T> = std::result::Result<T, Error>;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why the database did not do what it was asked for. Its causes may tell statements, but never values.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is down, overloaded, or did not answer in time; it may or may not have done it.
    #[error("the database is not available")]
    Unavailable(#[source] Cause),
    /// Another transaction was in the way, and this one did nothing. Trying again is right.
    #[error("another transaction was in the way")]
    Conflict(#[source] Cause),
    /// A row with this key, or a table with this name, is there already.
    #[error("what has to be unique is there already")]
    UniqueViolation,
    /// It has no such table.
    #[error("a table is missing, which `presence-sidecar migrate` makes")]
    NoTable(#[source] Cause),
    /// It does not understand, or has tables of another shape.
    #[error("the database refused a statement")]
    Rejected(#[source] Cause),
}

impl Error {
    /// The error with its causes in one line, for a log.
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

    /// Whether another connection may do better.
    pub(super) fn is_lost_connection(&self) -> bool {
        let Self::Unavailable(cause) = self else { return false };
        cause.downcast_ref().is_some_and(|error| matches!(error, sqlx::Error::Io(_)))
    }

    /// Whether a server says that a value is at fault (SQLSTATE class 22), so that no other try helps.
    pub fn is_data_error(&self) -> bool {
        let Self::Rejected(cause) = self else { return false };
        let postgres =
            cause.downcast_ref::<sqlx::postgres::PgDatabaseError>().map(sqlx::postgres::PgDatabaseError::code);
        let mysql = || cause.downcast_ref::<sqlx::mysql::MySqlDatabaseError>().and_then(|error| error.code());
        postgres.or_else(mysql).is_some_and(|code| code.starts_with("22"))
    }

    /// Whether another try may succeed at once.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }
}

/// To those who only want to know whether what remembers is there.
impl From<Error> for Unavailable {
    fn from(error: Error) -> Self {
        let reason = error.chain();
        if error.is_lost_connection() { Self::lost_connection(reason) } else { Self::new(reason) }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => of_server(error),
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

fn of_server(error: Box<dyn DatabaseError>) -> Error {
    match meaning(error.as_ref()) {
        ErrorClass::Conflict => Error::Conflict(error),
        ErrorClass::UniqueViolation => Error::UniqueViolation,
        ErrorClass::NoTable => Error::NoTable(error),
        ErrorClass::Demoted | ErrorClass::Unavailable => Error::Unavailable(error),
        ErrorClass::Rejected => Error::Rejected(error),
    }
}

/// Whether a server that took changes takes none any more: another one does, and this connection never leads there.
pub(super) fn is_demoted(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| matches!(meaning(error), ErrorClass::Demoted))
}

enum ErrorClass {
    Conflict,
    UniqueViolation,
    NoTable,
    Demoted,
    Unavailable,
    Rejected,
}

fn meaning(error: &dyn DatabaseError) -> ErrorClass {
    if error.is_unique_violation() {
        return ErrorClass::UniqueViolation;
    }
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<SqliteError>().is_some() {
        return of_sqlite(code.parse().unwrap_or_default(), error.message());
    }
    match error.try_downcast_ref::<MySqlDatabaseError>() {
        Some(error) => of_mysql(error.number(), &code),
        None => of_postgres(&code),
    }
}

/// By the result code, whose lowest byte says what it is and the others where it came from.
fn of_sqlite(code: u32, message: &str) -> ErrorClass {
    match code & 0xff {
        // Busy, locked, no memory, nothing to be written at the moment, a disk that fails or is full, a file that cannot
        // be opened, a lock that is lost.
        5..=8 | 10 | 13..=15 => ErrorClass::Unavailable,
        // It has no code of its own.
        _ if message.starts_with("no such table: ") => ErrorClass::NoTable,
        _ => ErrorClass::Rejected,
    }
}

/// By the number: most of them share one SQLSTATE.
fn of_mysql(number: u16, state: &str) -> ErrorClass {
    match number {
        1213 => ErrorClass::Conflict,
        1146 => ErrorClass::NoTable,
        // Run with --read-only, or read-only for now.
        1290 | 1836 => ErrorClass::Demoted,
        // A full disk, twice; a failing one; no memory, twice; no such database yet; too many connections of this user,
        // twice; a lock that others hold; killed, four times.
        1021 | 1114 | 1030 | 1037 | 1041 | 1049 | 1203 | 1226 | 1205 | 1317 | 1927 | 1969 | 3024 => {
            ErrorClass::Unavailable
        }
        _ => of_class(state),
    }
}

/// By the SQLSTATE.
fn of_postgres(state: &str) -> ErrorClass {
    match state {
        // Serialization failure, deadlock.
        "40001" | "40P01" => ErrorClass::Conflict,
        // Two make the same table at once.
        "42P07" | "42710" => ErrorClass::UniqueViolation,
        "42P01" => ErrorClass::NoTable,
        // A read-only transaction.
        "25006" => ErrorClass::Demoted,
        // A lock that others hold for too long.
        "55P03" => ErrorClass::Unavailable,
        _ => of_class(state),
    }
}

/// Both servers: connection exceptions, out of resources, shutting down, failures of the system, no such database or
/// user yet.
fn of_class(state: &str) -> ErrorClass {
    let out = ["08", "53", "57", "58", "28", "3D"].iter().any(|class| state.starts_with(class));
    if out { ErrorClass::Unavailable } else { ErrorClass::Rejected }
}
