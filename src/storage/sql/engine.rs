//! The supported engines.

/// A database engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite 3.35 or newer.
    Sqlite,
    /// MySQL 8.0 or MariaDB 10.6, or newer.
    MySql,
    /// Postgres 12 or newer.
    Postgres,
}
