//! `[database]`: one database, written as Laravel's `DB_*` names or as one URL.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::Url;

use super::error::ConfigError;
use super::layers::Layers;
use super::raw::RawDatabase;

/// The database of clients and messages, and of presence if it is kept there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DatabaseConfig {
    /// Which engine, and where.
    pub connection: DatabaseConnection,
    /// Connections open at once.
    pub max_connections: u32,
    /// Time for getting a connection, and for one statement.
    pub timeout: Duration,
    /// Whether the start makes the tables that are missing.
    pub auto_migrate: bool,
    /// What the names of the sidecar's own tables begin with.
    pub prefix: String,
    /// The table of Laravel's database cache store.
    pub cache_table: String,
    /// Whether it is the one that the Laravel app says is its own (`--laravel`).
    pub is_app_database: bool,
}

/// An engine, and how to reach it.
#[derive(Clone, Debug)]
pub enum DatabaseConnection {
    /// A file.
    Sqlite(PathBuf),
    /// MySQL or MariaDB.
    MySql(DatabaseServer),
    /// Postgres.
    Postgres(DatabaseServer),
}

/// A server that speaks over the network or a unix socket.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DatabaseServer {
    /// Name or address.
    pub host: String,
    /// Port, never 0.
    pub port: u16,
    /// The path of a unix socket, which counts in place of host and port.
    pub socket: Option<PathBuf>,
    /// The name of the database.
    pub database: String,
    /// The user.
    pub username: String,
    /// Its password.
    pub password: Option<SecretString>,
    /// How far encryption goes.
    pub ssl: SslMode,
    /// The certificates to verify against.
    pub ssl_ca: Option<PathBuf>,
}

/// How far the encryption of a connection goes, by libpq's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// None at all.
    Disable,
    /// Where the server insists.
    Allow,
    /// Where the server can.
    Prefer,
    /// Always.
    Require,
    /// Always, with a certificate of the authority.
    VerifyCa,
    /// Always, with a certificate of the authority for this host.
    VerifyFull,
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

/// The keys that say which database it is.
const WHERE: [&str; 5] =
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

    /// Laravel's driver names, and the aliases that it knows in URLs.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sqlite" | "sqlite3" => Ok(Self::Sqlite),
            "mysql" | "mysql2" | "mariadb" => Ok(Self::MySql),
            "pgsql" | "postgres" | "postgresql" => Ok(Self::Postgres),
            _ => Err(ENGINES.to_owned()),
        }
    }
}

/// Resolves `[database]`; the sidecar's own file lies in `storage`.
pub(super) fn resolve(mut raw: RawDatabase, storage: &Path, layers: &Layers) -> Result<DatabaseConfig, ConfigError> {
    let mut engine = layers.parse("database.connection", &raw.connection)?;
    if let Some(url) = raw.url.take() {
        engine = apply(&url, &mut raw).map_err(|why| layers.refuse("database.url", why))?;
    }
    if !raw.prefix.chars().all(is_plain) {
        return Err(layers.refuse("database.prefix", "may have letters, digits and _ in it"));
    }
    if raw.cache_table.is_empty() || !raw.cache_table.chars().all(is_plain) {
        return Err(layers.refuse("database.cache_table", "may have letters, digits and _ in it"));
    }
    Ok(DatabaseConfig {
        cache_table: raw.cache_table.clone(),
        is_app_database: WHERE.iter().any(|key| layers.is_of_app(key)),
        max_connections: layers.number("database.max_connections", raw.max_connections, 1..=1000)?,
        timeout: Duration::from_millis(layers.number("database.timeout_ms", raw.timeout_ms, 50..=60_000)?),
        auto_migrate: raw.auto_migrate,
        prefix: raw.prefix.clone(),
        connection: match engine {
            Engine::Sqlite => DatabaseConnection::Sqlite(file(raw.database, storage, layers)?),
            Engine::MySql => DatabaseConnection::MySql(server(raw, 3306, layers)?),
            Engine::Postgres => DatabaseConnection::Postgres(server(raw, 5432, layers)?),
        },
    })
}

/// Whether a table's name may have this character.
pub(super) fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn file(database: Option<String>, storage: &Path, layers: &Layers) -> Result<PathBuf, ConfigError> {
    match database {
        None => Ok(storage.join("sidecar.sqlite")),
        Some(memory) if memory.contains(":memory:") || memory.contains("mode=memory") => {
            Err(layers.refuse("database.database", "must be a file: what lies in memory cannot be shared"))
        }
        Some(path) => Ok(PathBuf::from(path)),
    }
}

fn server(raw: RawDatabase, port: i64, layers: &Layers) -> Result<DatabaseServer, ConfigError> {
    Ok(DatabaseServer {
        port: layers.number("database.port", raw.port.unwrap_or(port), 1..=65_535)?,
        host: raw.host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        socket: raw.socket.map(PathBuf::from),
        database: raw.database.unwrap_or_else(|| "laravel".to_owned()),
        username: raw.username.unwrap_or_else(|| "root".to_owned()),
        password: raw.password.map(SecretString::from),
        ssl: layers.parse("database.sslmode", &raw.sslmode)?,
        ssl_ca: raw.ssl_ca.map(PathBuf::from),
    })
}

/// Puts what the URL says in place of the keys, as Laravel's `ConfigurationUrlParser` does.
fn apply(text: &str, raw: &mut RawDatabase) -> Result<Engine, String> {
    const FORMS: &str = "must begin with mysql://, mariadb://, postgres://, postgresql://, pgsql:// or sqlite://";
    let (scheme, rest) = text.split_once("://").ok_or(FORMS)?;
    let engine = scheme.parse().map_err(|_| FORMS)?;
    if let Engine::Sqlite = engine {
        // `sqlite:///x` has no host, and `x` is what Laravel opens.
        let path = rest.split(['?', '#']).next().unwrap_or_default();
        let (_, path) = path.split_once('/').ok_or("must name a file behind the third slash")?;
        raw.database = Some(decoded(path)?);
        return Ok(engine);
    }
    let url = Url::parse(text).map_err(|_| "cannot be understood".to_owned())?;
    if let Some(host) = url.host_str().filter(|host| !host.is_empty()) {
        raw.host = decoded(host)?;
    }
    raw.port = url.port().map(i64::from).or(raw.port);
    if let Some(name) = url.path().strip_prefix('/').filter(|name| !name.is_empty()) {
        raw.database = Some(decoded(name)?);
    }
    if !url.username().is_empty() {
        raw.username = Some(decoded(url.username())?);
    }
    if let Some(password) = url.password() {
        raw.password = Some(decoded(password)?);
    }
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "sslmode" => raw.sslmode = value.into_owned(),
            "unix_socket" => raw.socket = Some(value.into_owned()),
            _ => {}
        }
    }
    Ok(engine)
}

fn decoded(text: &str) -> Result<String, String> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(std::borrow::Cow::into_owned).map_err(|_| "must be UTF-8 behind its percent signs".to_owned())
}
