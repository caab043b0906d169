//! Connection pools from the configuration.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use log::LevelFilter;
use secrecy::ExposeSecret;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Database as Driver, Executor, Pool, raw_sql};

use super::hosts::{Host, HostSearch, WriterCheck};
use super::policy::ConnectionPolicy;
use super::{Database, Pools};
use crate::config;
use crate::config::{DatabaseConnection, DatabaseHost, DatabaseServer, SslMode, private_files};

/// The longest time that SQLite waits for another process that writes. Laravel writes in short transactions.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The idle time after which a connection is tested before use.
const TEST_AFTER: Duration = Duration::from_millis(100);

/// The level at which each statement is logged: idle workers make several a second.
const STATEMENTS: LevelFilter = LevelFilter::Trace;

impl Database {
    /// Opens the database of a configuration. It does not connect yet.
    pub fn open(config: &config::DatabaseConfig) -> Self {
        Self::open_with(config, SqliteSynchronous::Full)
    }

    /// As [`open`](Self::open), but on SQLite a commit does not wait for the disk. Commits survive a crash of the process; a
    /// power failure may lose the last ones, and never corrupts the file.
    pub fn open_relaxed(config: &config::DatabaseConfig) -> Self {
        Self::open_with(config, SqliteSynchronous::Normal)
    }

    /// Engine, server and name of the database of a configuration, or its file; never credentials.
    pub fn address_of(config: &config::DatabaseConfig) -> String {
        address(&config.connection)
    }

    fn open_with(config: &config::DatabaseConfig, synchronous: SqliteSynchronous) -> Self {
        let policy = ConnectionPolicy::new(config.timeout, &address(&config.connection));
        let mut search = None;
        let pools = match &config.connection {
            DatabaseConnection::Sqlite(path) => {
                // The app creates its file.
                let is_created = config.app_migrations.is_none();
                let options = sqlite(path).synchronous(synchronous).create_if_missing(is_created);
                // The mode of a file that others use, or have made, is theirs.
                let is_private = config.is_own_file || !(config.app_migrations.is_some() || path.exists());
                let private = is_private.then(|| path.clone());
                let options_with_limits =
                    || protected(with_limits(SqlitePoolOptions::new(), config, &policy), &private);
                Pools::Sqlite {
                    file: path.clone(),
                    is_created,
                    readers: options_with_limits().connect_lazy_with(options.clone()),
                    writer: options_with_limits().max_connections(1).connect_lazy_with(options),
                }
            }
            DatabaseConnection::MySql(server) => {
                let session = mysql_session(&policy, server.timezone.as_deref());
                let pool;
                (pool, search) = server_pool(config, &policy, session, hosts(server, mysql));
                Pools::MySql(pool)
            }
            DatabaseConnection::Postgres(server) => {
                let pool;
                (pool, search) =
                    server_pool(config, &policy, postgres_session(&policy, server), hosts(server, postgres));
                Pools::Postgres(pool)
            }
        };
        Self { pools, policy, search }
    }
}

/// The pool of a database server, each connection with `session`, and the search among several hosts.
fn server_pool<DB: WriterCheck>(
    config: &config::DatabaseConfig,
    policy: &ConnectionPolicy,
    session: String,
    hosts: Vec<Host<DB>>,
) -> (Pool<DB>, Option<Arc<HostSearch>>)
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let options = with_limits(PoolOptions::<DB>::new(), config, policy).after_connect(move |connection, _| {
        let session = AssertSqlSafe(session.clone());
        Box::pin(async move { connection.execute(raw_sql(session)).await.map(drop) })
    });
    let pool = options.connect_lazy_with(hosts[0].options.clone());
    let search = HostSearch::start(&pool, hosts, policy);
    (pool, search)
}

/// The hosts of a server, each with the options to connect to it.
fn hosts<DB: Driver>(
    server: &DatabaseServer,
    options: impl Fn(&DatabaseServer, &DatabaseHost) -> <DB::Connection as sqlx::Connection>::Options,
) -> Vec<Host<DB>> {
    server.hosts.iter().map(|host| Host { name: host.to_string(), options: options(server, host) }).collect()
}

/// Gives the file the mode 0600 before a connection is used.
fn protected(options: SqlitePoolOptions, file: &Option<PathBuf>) -> SqlitePoolOptions {
    let Some(file) = file.clone() else { return options };
    options.after_connect(move |_, _| {
        if let Err(error) = private_files::protect_database(&file) {
            tracing::warn!(file = %file.display(), %error, "the mode of the database file cannot be changed: chmod 600 it");
        }
        Box::pin(async { Ok(()) })
    })
}

fn with_limits<DB: sqlx::Database>(
    options: PoolOptions<DB>,
    config: &config::DatabaseConfig,
    policy: &ConnectionPolicy,
) -> PoolOptions<DB> {
    let policy = policy.clone();
    options
        .max_connections(config.max_connections)
        .acquire_timeout(config.timeout)
        // A test before each use would double the round trips. The loss of a busy connection shows in its next statement.
        .test_before_acquire(false)
        .before_acquire(move |connection, meta| {
            let (trusted, limit) = (policy.trust(meta.age), policy.ping());
            Box::pin(async move {
                if trusted && meta.idle_for > TEST_AFTER {
                    match tokio::time::timeout(limit, connection.ping()).await {
                        Ok(outcome) => outcome?,
                        Err(elapsed) => return Err(sqlx::Error::Io(elapsed.into())),
                    }
                }
                Ok(trusted)
            })
        })
}

/// Engine, server and name of a database, or its file, for error texts and logs.
fn address(connection: &DatabaseConnection) -> String {
    let (engine, server) = match connection {
        DatabaseConnection::Sqlite(path) => return format!("the SQLite file {}", path.display()),
        DatabaseConnection::MySql(server) => ("MySQL", server),
        DatabaseConnection::Postgres(server) => ("Postgres", server),
    };
    let host = match &server.socket {
        Some(socket) => socket.display().to_string(),
        None => server.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    };
    let schema = server.search_path.first().map(|schema| format!(", schema {schema}")).unwrap_or_default();
    format!("{engine} at {host}, database {}{schema}, user {}", server.database, server.username)
}

/// The statements at the start of a session on MySQL and MariaDB. The isolation level is the default of Postgres: a read
/// under a lock returns the latest committed row, and there are no gap locks. Each of the two takes the time limit that it
/// does not know for a comment; MySQL has no limit for statements that change rows.
fn mysql_session(policy: &ConnectionPolicy, zone: Option<&str>) -> String {
    let (lock, longest) = (policy.lock().as_secs().max(1), policy.longest());
    // As in Laravel, the session has the server's time zone by default, so that both read the same from a TIMESTAMP.
    let zone = zone.map_or_else(String::new, |zone| format!(", time_zone = '{zone}'"));
    format!(
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
         SET SESSION innodb_lock_wait_timeout = {lock}, lock_wait_timeout = {lock}{zone} \
         /*M! , max_statement_time = {} */ /*!80000 , max_execution_time = {} */",
        longest.as_secs_f64(),
        longest.as_millis()
    )
}

/// The statements at the start of a session on Postgres, with times in milliseconds.
fn postgres_session(policy: &ConnectionPolicy, server: &DatabaseServer) -> String {
    let (lock, longest) = (policy.lock().as_millis(), policy.longest().as_millis());
    let mut session = format!("SET lock_timeout = {lock}; SET statement_timeout = {longest}");
    if let Some(zone) = &server.timezone {
        session += &format!("; SET TIME ZONE '{zone}'");
    }
    if !server.search_path.is_empty() {
        // The names have no quotes in them.
        let names: Vec<_> = server.search_path.iter().map(|name| format!("\"{name}\"")).collect();
        session += &format!("; SET search_path TO {}", names.join(", "));
    }
    session
}

fn sqlite(path: &std::path::Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .log_statements(STATEMENTS)
}

fn mysql(server: &DatabaseServer, host: &DatabaseHost) -> MySqlConnectOptions {
    let mode = match server.ssl {
        SslMode::Disable => MySqlSslMode::Disabled,
        SslMode::Allow | SslMode::Prefer => MySqlSslMode::Preferred,
        SslMode::Require => MySqlSslMode::Required,
        SslMode::VerifyCa => MySqlSslMode::VerifyCa,
        SslMode::VerifyFull => MySqlSslMode::VerifyIdentity,
    };
    let mut options = MySqlConnectOptions::new()
        .host(&host.name)
        .port(host.port)
        .database(&server.database)
        .username(&server.username)
        .ssl_mode(mode)
        .timezone(None)
        .pipes_as_concat(false);
    if let Some(password) = &server.password {
        options = options.password(password.expose_secret());
    }
    if let Some(socket) = &server.socket {
        options = options.socket(socket);
    }
    if let Some(file) = &server.ssl_ca {
        options = options.ssl_ca(file);
    }
    options.log_statements(STATEMENTS)
}

fn postgres(server: &DatabaseServer, host: &DatabaseHost) -> PgConnectOptions {
    let mode = match server.ssl {
        SslMode::Disable => PgSslMode::Disable,
        SslMode::Allow => PgSslMode::Allow,
        SslMode::Prefer => PgSslMode::Prefer,
        SslMode::Require => PgSslMode::Require,
        SslMode::VerifyCa => PgSslMode::VerifyCa,
        SslMode::VerifyFull => PgSslMode::VerifyFull,
    };
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&host.name)
        .port(host.port)
        .database(&server.database)
        .username(&server.username)
        .application_name("presence-sidecar")
        .ssl_mode(mode);
    if let Some(password) = &server.password {
        options = options.password(password.expose_secret());
    }
    if let Some(socket) = &server.socket {
        options = options.socket(socket);
    }
    if let Some(file) = &server.ssl_ca {
        options = options.ssl_root_cert(file);
    }
    options.log_statements(STATEMENTS)
}
