//! `[database]` as serde reads it.

use std::str::FromStr;

use serde::Deserialize;

use crate::config::layers::must_be;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawDatabase {
    pub(super) connection: String,
    pub(super) url: Option<String>,
    pub(super) host: String,
    pub(super) port: Option<i64>,
    pub(super) database: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    pub(super) socket: Option<String>,
    pub(super) sslmode: String,
    pub(super) ssl_ca: Option<String>,
    pub(super) timezone: Option<String>,
    pub(super) search_path: Option<String>,
    pub(super) max_connections: i64,
    pub(super) timeout_ms: i64,
    pub(super) auto_migrate: bool,
    pub(super) prefix: String,
    pub(super) cache_table: String,
    pub(super) cache_connection: Option<String>,
    pub(super) app_migrations: Option<String>,
}

/// The words of `database.connection`, without aliases.
pub(super) const ENGINES: [&str; 4] = ["sqlite", "mysql", "mariadb", "pgsql"];

#[derive(Clone, Copy)]
pub(super) enum Engine {
    Sqlite,
    MySql,
    Postgres,
}

impl FromStr for Engine {
    type Err = String;

    /// Parses Laravel's driver names, and the aliases that it accepts in URLs.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sqlite" | "sqlite3" => Ok(Self::Sqlite),
            "mysql" | "mysql2" | "mariadb" => Ok(Self::MySql),
            "pgsql" | "postgres" | "postgresql" => Ok(Self::Postgres),
            _ => Err(must_be(&ENGINES)),
        }
    }
}
