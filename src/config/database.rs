//! `[database]`: one database, written as Laravel's `DB_*` names or as one URL.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::layers::{Layers, Result, is_identifier, percent_decode};
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
    /// Whether the database is that of the Laravel app (`--laravel`).
    pub is_app_database: bool,
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
    /// The host name or address.
    pub host: String,
    /// The port, never 0.
    pub port: u16,
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
}

/// The TLS modes, by libpq's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS if the server requires it.
    Allow,
    /// TLS if the server supports it.
    Prefer,
    /// Always TLS.
    Require,
    /// Always TLS, with a certificate of a trusted authority.
    VerifyCa,
    /// Always TLS, with a certificate of a trusted authority for this host.
    VerifyFull,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDatabase {
    connection: String,
    url: Option<String>,
    host: String,
    port: Option<i64>,
    database: Option<String>,
    username: Option<String>,
    password: Option<String>,
    socket: Option<String>,
    sslmode: String,
    ssl_ca: Option<String>,
    timezone: Option<String>,
    max_connections: i64,
    timeout_ms: i64,
    auto_migrate: bool,
    prefix: String,
    cache_table: String,
    cache_connection: Option<String>,
}

impl FromStr for SslMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "disable" => Ok(Self::Disable),
            "allow" => Ok(Self::Allow),
            "prefer" => Ok(Self::Prefer),
            "require" => Ok(Self::Require),
            "verify-ca" => Ok(Self::VerifyCa),
            "verify-full" => Ok(Self::VerifyFull),
            _ => Err("must be disable, allow, prefer, require, verify-ca or verify-full".to_owned()),
        }
    }
}

/// The keys that select the database.
const LOCATION_KEYS: [&str; 5] =
    ["database.connection", "database.url", "database.host", "database.socket", "database.database"];

const ENGINES: &str = "must be sqlite, mysql, mariadb or pgsql";

#[derive(Clone, Copy)]
enum Engine {
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
            _ => Err(ENGINES.to_owned()),
        }
    }
}

/// Resolves `[database]`; the sidecar's own SQLite file is in `storage`.
pub(super) fn resolve(mut raw: RawDatabase, storage: &Path, layers: &Layers) -> Result<DatabaseConfig> {
    let mut engine = layers.parse("database.connection", &raw.connection)?;
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
        is_app_database: LOCATION_KEYS.iter().any(|key| layers.is_from_app(key)),
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
        Some(path) => Ok(PathBuf::from(path)),
    }
}

/// Resolves the keys of a server, whose defaults are `port` and, with a trusted certificate, the TLS mode `verified`.
fn server(raw: RawDatabase, (port, verified): (i64, SslMode), layers: &Layers) -> Result<DatabaseServer> {
    let is_zone = |zone: &String| zone.chars().all(|char| char.is_ascii_alphanumeric() || "+-:/_".contains(char));
    if raw.timezone.as_ref().is_some_and(|zone| !is_zone(zone)) {
        return Err(layers.error_at("database.timezone", "must be a time zone such as +00:00 or Europe/Paris"));
    }
    Ok(DatabaseServer {
        port: layers.number("database.port", raw.port.unwrap_or(port), 1..=65_535)?,
        ssl: ssl_mode(&raw, verified, layers)?,
        host: raw.host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        socket: raw.socket.map(PathBuf::from),
        database: raw.database.unwrap_or_else(|| "laravel".to_owned()),
        username: raw.username.unwrap_or_else(|| "root".to_owned()),
        password: raw.password.map(SecretString::from),
        ssl_ca: raw.ssl_ca.map(PathBuf::from),
        timezone: raw.timezone.filter(|zone| !zone.is_empty()),
    })
}

/// Resolves the TLS mode. A trusted certificate is always enforced, as PHP does: a mode that does not verify becomes
/// `verified`. Connections over a Unix socket do not leave the host.
fn ssl_mode(raw: &RawDatabase, verified: SslMode, layers: &Layers) -> Result<SslMode> {
    let mode: SslMode = layers.parse("database.sslmode", &raw.sslmode)?;
    if raw.ssl_ca.is_none() || raw.socket.is_some() {
        return Ok(mode);
    }
    match mode {
        SslMode::Disable => Err(layers
            .error_at("database.sslmode", "must not be disable while database.ssl_ca is set: unset one of the two")),
        SslMode::Allow | SslMode::Prefer | SslMode::Require => Ok(verified),
        SslMode::VerifyCa | SslMode::VerifyFull => Ok(mode),
    }
}

impl DatabaseConfig {
    /// Checks that the file with the trusted certificates can be read and has one.
    ///
    /// # Errors
    /// A line that names the key, the file and the reason.
    pub fn check_certificates(&self) -> Result<(), String> {
        let server = match &self.connection {
            DatabaseConnection::Sqlite(_) => return Ok(()),
            DatabaseConnection::MySql(server) | DatabaseConnection::Postgres(server) => server,
        };
        let Some(file) = &server.ssl_ca else { return Ok(()) };
        let named = |why: &str| format!("database.ssl_ca = {}: {why}", file.display());
        match std::fs::read_to_string(file) {
            Ok(text) if text.contains("-----BEGIN CERTIFICATE-----") => Ok(()),
            Ok(_) => Err(named("the file has no certificate in PEM format")),
            Err(error) => Err(named(&format!("the file cannot be read: {error}"))),
        }
    }
}

/// Overrides the keys by the parts of the URL, as Laravel's `ConfigurationUrlParser` does.
fn apply_url(text: &str, raw: &mut RawDatabase) -> Result<Engine, String> {
    const FORMS: &str = "must begin with mysql://, mariadb://, postgres://, postgresql://, pgsql:// or sqlite://";
    let (scheme, rest) = text.split_once("://").ok_or(FORMS)?;
    let engine = scheme.parse().map_err(|_| FORMS)?;
    if let Engine::Sqlite = engine {
        // `sqlite:///x` has no host; Laravel opens `x`.
        let path = rest.split(['?', '#']).next().unwrap_or_default();
        let (_, path) = path.split_once('/').ok_or("must have a file path after the third slash")?;
        raw.database = Some(percent_decode(path)?);
        return Ok(engine);
    }
    let url = Url::parse(text).map_err(|_| "is not a valid URL".to_owned())?;
    if let Some(host) = url.host_str().filter(|host| !host.is_empty()) {
        raw.host = percent_decode(host)?;
    }
    raw.port = url.port().map(i64::from).or(raw.port);
    if let Some(name) = url.path().strip_prefix('/').filter(|name| !name.is_empty()) {
        raw.database = Some(percent_decode(name)?);
    }
    if !url.username().is_empty() {
        raw.username = Some(percent_decode(url.username())?);
    }
    if let Some(password) = url.password() {
        raw.password = Some(percent_decode(password)?);
    }
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "sslmode" => raw.sslmode = value.into_owned(),
            "sslrootcert" | "ssl_ca" => raw.ssl_ca = Some(value.into_owned()),
            "timezone" => raw.timezone = Some(value.into_owned()),
            "unix_socket" => raw.socket = Some(value.into_owned()),
            // A setting of TLS that is dropped may make a connection less safe than the app's.
            name if name.starts_with("ssl") => return Err(format!("has the parameter {name}, which is not supported")),
            _ => {}
        }
    }
    Ok(engine)
}
