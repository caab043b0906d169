//! Error numbers of MySQL and MariaDB.

use super::{ErrorClass, classify_state};

/// Classifies an error by its number, since most errors share one SQLSTATE. `state` is empty if the server sent none.
pub fn classify(number: u16, state: &str) -> ErrorClass {
    match number {
        // Deadlock; MariaDB: the record has changed; table definition has changed; certification failures at commit.
        1213 | 1020 | 1412 | 3101 => ErrorClass::Conflict,
        // Idle session closed by the server; prepared statement unknown, or to be prepared again.
        4031 | 1243 | 1615 => ErrorClass::StaleSession,
        // Shutdown, aborted connection, killed connection or session; the cluster node takes no statements.
        1053 | 1152 | 1184 | 1927 | 3169 | 1047 => ErrorClass::Disconnected,
        // Lock wait timeout, lock aborted, statement killed, time limits of MariaDB and MySQL, `NOWAIT`.
        1205 | 1689 | 1317 | 1969 | 3024 | 3572 => ErrorClass::Interrupted,
        // In all, and of this user.
        1040 | 1203 => ErrorClass::TooManyConnections,
        number if is_unavailable(number) => ErrorClass::Unavailable,
        // `--read-only` and `super_read_only`, read-only mode, read-only transaction.
        1290 | 1836 | 1792 | 1207 => ErrorClass::ReadOnly,
        1146 => ErrorClass::NoTable,
        // Command, column, privilege and routine denied.
        1142 | 1143 | 1227 | 1370 => ErrorClass::Denied,
        1292 => ErrorClass::InvalidTime,
        1022 | 1062 | 1169 | 1586 | 1859 => ErrorClass::UniqueViolation,
        // Packet over max_allowed_packet; its state is that of a lost connection. Text that the column's character set
        // does not have; MySQL sends the general state.
        1153 | 1366 | 3854 | 3988 => ErrorClass::InvalidValue,
        _ if state.is_empty() => ErrorClass::Unavailable,
        _ => classify_state(state),
    }
}

/// Whether the server cannot serve anybody, or not this user.
fn is_unavailable(number: u16) -> bool {
    match number {
        // Files: cannot create, open, lock, read, write, close; disk full; storage engine; table full; temporary file.
        1004 | 1015 | 1016 | 1021 | 1023 | 1024 | 1026 | 1030 | 1114 | 1878 => true,
        // Out of memory, threads, sort buffers, locks, transactions or prepared statements.
        1037 | 1038 | 1041 | 1135 | 1206 | 1461 | 1637 => true,
        // Limit of this user; host blocked or not allowed; access denied, to the database, too; no such database; account
        // locked; password expired; server offline.
        1226 | 1129 | 1130 | 1045 | 1044 | 1049 | 1820 | 1862 | 3118 | 3032 => true,
        // Error during commit.
        1180 => true,
        _ => false,
    }
}
