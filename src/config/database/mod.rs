//! `[database]`: one database, written as Laravel's `DB_*` names or as one URL.

mod files;
mod hosts;
mod raw;
mod ssl;
mod url;

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

pub use self::hosts::DatabaseHost;
use self::hosts::hosts;
pub(super) use self::raw::RawDatabase;
use self::raw::{ENGINES, Engine};
pub use self::ssl::SslMode;
use self::ssl::ssl_mode;
use self::url::apply_url;
use super::layers::{Layers, Result, is_identifier};
use super::private_files;

/// `[database]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DatabaseConfig {
    /// The engine and its address.
    pub connection: DatabaseConnection,
    /// Maximum number of open connections.
    pub max_connections: u32,
    /// Timeout for getting a connection, and for one statement.
    pub timeout: Duration,
    /// Whether the start creates missing tables.
    pub auto_migrate: bool,
    /// The prefix of the names of the sidecar's own tables.
    pub prefix: String,
    /// The table of Laravel's database cache store.
    pub cache_table: String,
    /// The table of the app's own migrations, if the database is that of a Laravel app. The sidecar creates nothing before it
    /// exists.
    pub app_migrations: Option<String>,
    /// Whether it is an SQLite file in the storage folder, which the sidecar alone uses.
    pub is_own_file: bool,
}

/// An engine and its address.
#[derive(Clone, Debug)]
pub enum DatabaseConnection {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// MySQL or MariaDB.
    MySql(DatabaseServer),
    /// Postgres.
    Postgres(DatabaseServer),
}

/// A database server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DatabaseServer {
    /// The hosts, at least one; the first one that takes writes is used.
    pub hosts: Vec<DatabaseHost>,
    /// The path of a Unix socket, which replaces host and port.
    pub socket: Option<PathBuf>,
    /// The name of the database.
    pub database: String,
    /// The user name.
    pub username: String,
    /// The password.
    pub password: Option<SecretString>,
    /// Whether the connection is encrypted and verified: always both if `ssl_ca` is set, except over a Unix socket.
    pub ssl: SslMode,
    /// The PEM file with the trusted certificates.
    pub ssl_ca: Option<PathBuf>,
    /// The time zone of the session; `None` means the server's.
    pub timezone: Option<String>,
    /// The schemas of a Postgres session, in their order; empty means those of the user.
    pub search_path: Vec<String>,
}

/// The keys that select the database.
const LOCATION_KEYS: [&str; 5] =
    ["database.connection", "database.url", "database.host", "database.socket", "database.database"];

/// The table of migrations of a Laravel app that does not name another one.
const MIGRATIONS: &str = "migrations";

/// Resolves `[database]`; the sidecar's own SQLite file is in `storage`.
pub(super) fn resolve(mut raw: RawDatabase, storage: &Path, layers: &Layers) -> Result<DatabaseConfig> {
    let mut engine = layers.parse_word("database.connection", &raw.connection, &ENGINES)?;
    if let Some(url) = raw.url.take() {
        engine = apply_url(&url, &mut raw).map_err(|why| layers.error_at("database.url", why))?;
    }
    if !is_identifier(&raw.prefix) {
        return Err(layers.error_at("database.prefix", "may contain only letters, digits and _"));
    }
    if raw.cache_table.is_empty() || !is_identifier(&raw.cache_table) {
        return Err(layers.error_at("database.cache_table", "may contain only letters, digits and _"));
    }
    Ok(DatabaseConfig {
        cache_table: raw.cache_table.clone(),
        is_own_file: matches!(engine, Engine::Sqlite) && raw.database.is_none(),
        app_migrations: app_migrations(&raw, layers)?,
        max_connections: layers.number("database.max_connections", raw.max_connections, 1..=1000)?,
        timeout: Duration::from_millis(layers.number("database.timeout_ms", raw.timeout_ms, 50..=60_000)?),
        auto_migrate: raw.auto_migrate,
        prefix: raw.prefix.clone(),
        connection: match engine {
            Engine::Sqlite => DatabaseConnection::Sqlite(file(raw.database, storage, layers)?),
            Engine::MySql => DatabaseConnection::MySql(server(raw, (3306, SslMode::VerifyFull), layers)?),
            Engine::Postgres => DatabaseConnection::Postgres(server(raw, (5432, SslMode::VerifyCa), layers)?),
        },
    })
}

/// The table of the app's migrations: as stated, or that of every app if its database is used.
fn app_migrations(raw: &RawDatabase, layers: &Layers) -> Result<Option<String>> {
    match &raw.app_migrations {
        Some(table) if !is_identifier(table) => {
            Err(layers.error_at("database.app_migrations", "may contain only letters, digits and _"))
        }
        Some(table) => Ok(Some(table.clone()).filter(|table| !table.is_empty())),
        None => Ok(LOCATION_KEYS.iter().any(|key| layers.is_from_app(key)).then(|| MIGRATIONS.to_owned())),
    }
}

/// The schemas in Laravel's form: names with commas or spaces between them, quoted or not.
fn schemas(text: &str, layers: &Layers) -> Result<Vec<String>> {
    let names = text.split([',', ' ']).map(|name| name.trim_matches(['"', '\'']).to_owned());
    let names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
    match names.iter().find(|name| !is_identifier(name.trim_start_matches('$'))) {
        Some(_) => Err(layers.error_at("database.search_path", "must be names of schemas such as app, public")),
        None => Ok(names),
    }
}

/// Rejects a database cache store on another connection: the sidecar has one database.
pub(super) fn check_cache_connection(raw: &RawDatabase, layers: &Layers) -> Result<()> {
    match raw.cache_connection.as_ref().is_none_or(|cache| *cache == raw.connection) {
        true => Ok(()),
        false => {
            let own = layers.describe("database.connection");
            Err(layers.error_at(
                "database.cache_connection",
                format!("must be the same connection as {own}: unset it, or set PRESENCE_CACHE_STORE to redis"),
            ))
        }
    }
}

fn file(database: Option<String>, storage: &Path, layers: &Layers) -> Result<PathBuf> {
    match database {
        None => Ok(storage.join(private_files::DATABASE)),
        Some(memory) if memory.contains(":memory:") || memory.contains("mode=memory") => {
            Err(layers.error_at("database.database", "must be a file: an in-memory database cannot be shared"))
        }
        Some(path) => Ok(in_app(PathBuf::from(path), layers)),
    }
}

/// A file of the app: its relative path begins at the app's folder, wherever the sidecar was started.
fn in_app(path: PathBuf, layers: &Layers) -> PathBuf {
    let is_of_app = ["database.database", "database.url"].iter().any(|key| layers.is_from_app(key));
    match layers.app_folder().filter(|_| is_of_app) {
        Some(folder) => folder.join(path),
        None => path,
    }
}

/// Resolves the keys of a server, whose defaults are `port` and, with a trusted certificate, the TLS mode `verified`.
fn server(raw: RawDatabase, (port, verified): (i64, SslMode), layers: &Layers) -> Result<DatabaseServer> {
    let is_zone = |zone: &String| zone.chars().all(|char| char.is_ascii_alphanumeric() || "+-:/_".contains(char));
    if raw.timezone.as_ref().is_some_and(|zone| !is_zone(zone)) {
        return Err(layers.error_at("database.timezone", "must be a time zone such as +00:00 or Europe/Paris"));
    }
    Ok(DatabaseServer {
        hosts: hosts(&raw.host, layers.number("database.port", raw.port.unwrap_or(port), 1..=65_535)?, layers)?,
        ssl: ssl_mode(&raw, verified, layers)?,
        search_path: schemas(raw.search_path.as_deref().unwrap_or_default(), layers)?,
        socket: raw.socket.map(PathBuf::from),
        database: raw.database.unwrap_or_else(|| "laravel".to_owned()),
        username: raw.username.unwrap_or_else(|| "root".to_owned()),
        password: raw.password.map(SecretString::from),
        ssl_ca: raw.ssl_ca.map(PathBuf::from),
        timezone: raw.timezone.filter(|zone| !zone.is_empty()),
    })
}
