//! What an error of a database means: one table per engine, from the code of an error to its [`ErrorClass`].
//!
//! A class says two things: what the caller does ([`Recovery`]), and whether the session of the error can be used again.
//! A code that no table has is classified by its SQLSTATE class, on SQLite by its primary code. An error of MySQL or
//! MariaDB without an SQLSTATE came before the handshake, so nothing was executed.

mod mysql;
mod postgres;
mod sqlite;

pub use self::mysql::classify as mysql;
pub use self::postgres::classify as postgres;
pub use self::sqlite::classify as sqlite;

/// The meaning of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// The transaction conflicted with another one, and changed nothing.
    Conflict,
    /// The session is too old for the statement, which changed nothing: another session executes it.
    StaleSession,
    /// The session has ended. Its last statement may have taken effect.
    Disconnected,
    /// The statement met a time limit, a lock or a cancellation. The session goes on.
    Interrupted,
    /// Another connection writes, and all writers of the database wait for it. The session goes on.
    Busy,
    /// The database has no place or memory left, lets nobody or not this user connect, or its file cannot be used.
    Unavailable,
    /// The server has no connection left for this user. One of the pool may become free.
    TooManyConnections,
    /// The database, or the session, takes no writes.
    ReadOnly,
    /// A table is missing.
    NoTable,
    /// The user lacks a privilege.
    Denied,
    /// A time does not exist in the time zone of the session.
    InvalidTime,
    /// A row with this key, or a table with this name, exists.
    UniqueViolation,
    /// A value is invalid or too long for its column, or for one statement.
    InvalidValue,
    /// The statement is invalid or does not match the tables.
    Defect,
}

/// What the caller of a statement does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Repeats the transaction at once.
    RetryNow,
    /// Responds with 503, and repeats queued work later.
    RetryLater,
    /// Refuses the request: the same statement fails each time.
    Refuse,
    /// Responds with 500 and logs an error: the program or the tables must be changed.
    Report,
}

impl ErrorClass {
    /// Returns what the caller does about an error of this class.
    pub fn recovery(self) -> Recovery {
        match self {
            Self::Conflict | Self::StaleSession => Recovery::RetryNow,
            Self::Disconnected
            | Self::Interrupted
            | Self::Busy
            | Self::Unavailable
            | Self::TooManyConnections
            | Self::ReadOnly
            | Self::NoTable
            | Self::Denied
            | Self::InvalidTime => Recovery::RetryLater,
            Self::UniqueViolation | Self::InvalidValue => Recovery::Refuse,
            Self::Defect => Recovery::Report,
        }
    }

    /// Whether the session can be used again after an error of this class.
    pub fn keeps_session(self) -> bool {
        match self {
            Self::Conflict
            | Self::Interrupted
            | Self::Busy
            | Self::NoTable
            | Self::Denied
            | Self::InvalidTime
            | Self::UniqueViolation
            | Self::InvalidValue
            | Self::Defect => true,
            Self::StaleSession | Self::Disconnected | Self::Unavailable | Self::TooManyConnections | Self::ReadOnly => {
                false
            }
        }
    }

    /// Whether other sessions of the same age fail in the same way, while a new one may not.
    pub fn outdates_sessions(self) -> bool {
        matches!(self, Self::StaleSession | Self::ReadOnly)
    }
}

/// Classifies by the class of an SQLSTATE, its first two characters.
fn classify_state(state: &str) -> ErrorClass {
    match state.get(..2).unwrap_or_default() {
        // Connection exception, operator intervention.
        "08" | "57" => ErrorClass::Disconnected,
        // Data exception, program limit exceeded.
        "22" | "54" => ErrorClass::InvalidValue,
        // Transaction rollback.
        "40" => ErrorClass::Conflict,
        // Invalid authorization, no such database, no such schema, insufficient resources, object not in the required
        // state, system error, configuration file error.
        "28" | "3D" | "3F" | "53" | "55" | "58" | "F0" => ErrorClass::Unavailable,
        _ => ErrorClass::Defect,
    }
}
