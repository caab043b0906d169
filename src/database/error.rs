//! What can go wrong with a database, as far as somebody can do something about it.

use sqlx::error::DatabaseError;

use crate::backend::Unavailable;

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
    Taken,
    /// It has no such table.
    #[error("a table is missing, which `presence-sidecar migrate` makes")]
    NoTable(#[source] Cause),
    /// It does not understand, or has tables of another shape.
    #[error("the database refused a statement")]
    Refused(#[source] Cause),
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
    pub fn is_about_data(&self) -> bool {
        let Self::Refused(cause) = self else { return false };
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
            other => Self::Refused(Box::new(other)),
        }
    }
}

fn of_server(error: Box<dyn DatabaseError>) -> Error {
    if error.is_unique_violation() {
        return Error::Taken;
    }
    let code = error.code().unwrap_or_default().into_owned();
    // SQLite has no code for it.
    if error.message().starts_with("no such table: ") {
        return Error::NoTable(error);
    }
    match meaning(&code) {
        Meaning::Conflict => Error::Conflict(error),
        Meaning::Taken => Error::Taken,
        Meaning::NoTable => Error::NoTable(error),
        Meaning::Unavailable => Error::Unavailable(error),
        Meaning::Refused => Error::Refused(error),
    }
}

enum Meaning {
    Conflict,
    Taken,
    NoTable,
    Unavailable,
    Refused,
}

/// By the codes of SQLite (extended result codes), MySQL (SQLSTATE) and Postgres (SQLSTATE), which do not overlap.
fn meaning(code: &str) -> Meaning {
    match code {
        // Postgres: serialization failure, deadlock, lock not available. MySQL: deadlock.
        "40001" | "40P01" | "55P03" => Meaning::Conflict,
        // Postgres: two make the same table at once.
        "42P07" | "42710" => Meaning::Taken,
        // MySQL, Postgres.
        "42S02" | "42P01" => Meaning::NoTable,
        // SQLite: busy and locked, with what extends them; a disk that fails or is full; a file that cannot be opened.
        "5" | "6" | "261" | "262" | "517" | "773" | "10" | "13" | "14" => Meaning::Unavailable,
        // Both servers: connection exceptions, out of resources, shutting down, no such database or user yet.
        _ if ["08", "53", "57", "28", "3D"].iter().any(|class| code.starts_with(class) && code.len() == 5) => {
            Meaning::Unavailable
        }
        _ => Meaning::Refused,
    }
}
