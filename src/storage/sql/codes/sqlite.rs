//! Result codes of SQLite.

use super::ErrorClass;

/// Classifies an error by its primary result code, the lowest byte of an extended one.
pub fn classify(code: u32, message: &str) -> ErrorClass {
    match (code, code & 0xff) {
        // CONSTRAINT_PRIMARYKEY, CONSTRAINT_UNIQUE, CONSTRAINT_ROWID.
        (1555 | 2067 | 2579, _) => ErrorClass::UniqueViolation,
        // BUSY_SNAPSHOT, ABORT_ROLLBACK.
        (517 | 516, _) => ErrorClass::Conflict,
        // BUSY, LOCKED.
        (_, 5 | 6) => ErrorClass::Busy,
        (_, 8) => ErrorClass::ReadOnly,
        // PERM, NOMEM, INTERRUPT, IOERR, CORRUPT; FULL, CANTOPEN, PROTOCOL; NOLFS, AUTH, NOTADB.
        (_, 3 | 7 | 9..=11 | 13..=15 | 22 | 23 | 26) => ErrorClass::Unavailable,
        // SCHEMA.
        (_, 17) => ErrorClass::StaleSession,
        // TOOBIG.
        (_, 18) => ErrorClass::InvalidValue,
        // This error has no code of its own.
        _ if message.starts_with("no such table: ") => ErrorClass::NoTable,
        _ => ErrorClass::Defect,
    }
}
