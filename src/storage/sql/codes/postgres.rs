//! SQLSTATEs of Postgres.

use super::{ErrorClass, classify_state};

/// Classifies an error by its SQLSTATE, and by its message where several errors share one.
pub fn classify(state: &str, message: &str) -> ErrorClass {
    match state {
        // Serialization failure, deadlock.
        "40001" | "40P01" => ErrorClass::Conflict,
        // It is not known whether the statement took effect.
        "40003" => ErrorClass::Disconnected,
        // Prepared statement unknown; transaction failed before, or exceeded a time limit; idle session closed.
        "26000" | "25P02" | "25P03" | "25P04" | "57P05" => ErrorClass::StaleSession,
        // The result type of a prepared statement has changed with the table. Other features are not supported at all.
        "0A000" if message.contains("cached plan") => ErrorClass::StaleSession,
        // Statement cancelled or over its time limit, lock timeout, object in use.
        "57014" | "55P03" | "55006" => ErrorClass::Interrupted,
        "53300" => ErrorClass::TooManyConnections,
        "25006" => ErrorClass::ReadOnly,
        "42P01" => ErrorClass::NoTable,
        "42501" => ErrorClass::Denied,
        // Invalid time, time out of range.
        "22007" | "22008" => ErrorClass::InvalidTime,
        // Unique violation; two sessions create the same table, index or type at once.
        "23505" | "42P07" | "42710" => ErrorClass::UniqueViolation,
        // Corrupted table or index.
        "XX001" | "XX002" => ErrorClass::Unavailable,
        _ => classify_state(state),
    }
}
