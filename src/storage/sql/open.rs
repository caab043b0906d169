//! Pools from configuration.

use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions, MySqlSslMode};
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, raw_sql};

use super::policy::ConnectionPolicy;
use super::{Database, Pools};
use crate::config;
use crate::config::{DatabaseConnection, DatabaseServer, SslMode};

/// How long SQLite waits for another process that writes. Laravel writes in short transactions.
const BUSY: Duration = Duration::from_secs(5);

/// How long a connection may rest before it is asked whether it is still there.
const RESTED: Duration = Duration::from_millis(100);

impl Database {
    /// The database of this configuration. Nothing is connected to yet.
    pub fn open(config: &config::DatabaseConfig) -> Self {
        Self::opened(config, SqliteSynchronous::Full)
    }

    /// As [`open`](Self::open); but on SQLite a commit does not wait for the disk. It outlives the process then, whatever
    /// becomes of that, but the last ones may be lost with the power. The file stays whole.
    pub fn open_relaxed(config: &config::DatabaseConfig) -> Self {
        Self::opened(config, SqliteSynchronous::Normal)
    }

    fn opened(config: &config::DatabaseConfig, synchronous: SqliteSynchronous) -> Self {
        let terms = ConnectionPolicy::new(config.timeout);
        let pools = match &config.connection {
            DatabaseConnection::Sqlite(path) => {
                let options = sqlite(path).synchronous(synchronous);
                let limited = || limited(SqlitePoolOptions::new(), config, &terms);
                Pools::Sqlite {
                    file: path.clone(),
                    readers: limited().connect_lazy_with(options.clone()),
                    writer: limited().max_connections(1).connect_lazy_with(options),
                }
            }
            DatabaseConnection::MySql(server) => {
                let session = mysql_session(&terms);
                let options = limited(MySqlPoolOptions::new(), config, &terms).after_connect(move |connection, _| {
                    let session = AssertSqlSafe(session.clone());
                    Box::pin(async move { connection.execute(raw_sql(session)).await.map(drop) })
                });
                Pools::MySql(options.connect_lazy_with(mysql(server)))
            }
            DatabaseConnection::Postgres(server) => {
                let session = postgres_session(&terms);
                let options = limited(PgPoolOptions::new(), config, &terms).after_connect(move |connection, _| {
                    let session = AssertSqlSafe(session.clone());
                    Box::pin(async move { connection.execute(raw_sql(session)).await.map(drop) })
                });
                Pools::Postgres(options.connect_lazy_with(postgres(server)))
            }
        };
        Self { pools, terms }
    }
}

fn limited<DB: sqlx::Database>(
    options: PoolOptions<DB>,
    config: &config::DatabaseConfig,
    terms: &ConnectionPolicy,
) -> PoolOptions<DB> {
    let terms = terms.clone();
    options
        .max_connections(config.max_connections)
        .acquire_timeout(config.timeout)
        // Asking before each use would double the round trips; a connection in steady use shows by itself when it is lost.
        .test_before_acquire(false)
        .before_acquire(move |connection, meta| {
            let trusted = terms.trust(meta.age);
            Box::pin(async move {
                if trusted && meta.idle_for > RESTED {
                    connection.ping().await?;
                }
                Ok(trusted)
            })
        })
}

/// What MySQL and MariaDB are told at the start of a session. Isolation is as Postgres has it by itself: what is read under a
/// lock is what is there, and gaps between rows are nobody's. MySQL has no limit for a statement that changes something,
/// and each of the two takes the limit that it does not know for a comment.
fn mysql_session(terms: &ConnectionPolicy) -> String {
    let (lock, longest) = (terms.lock().as_secs().max(1), terms.longest());
    format!(
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
         SET SESSION innodb_lock_wait_timeout = {lock}, lock_wait_timeout = {lock} \
         /*M! , max_statement_time = {} */ /*!80000 , max_execution_time = {} */",
        longest.as_secs_f64(),
        longest.as_millis()
    )
}

/// What Postgres is told at the start of a session, in milliseconds.
fn postgres_session(terms: &ConnectionPolicy) -> String {
    let (lock, longest) = (terms.lock().as_millis(), terms.longest().as_millis());
    format!("SET lock_timeout = {lock}; SET statement_timeout = {longest}")
}

fn sqlite(path: &std::path::Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(BUSY)
        .foreign_keys(true)
}

fn mysql(server: &DatabaseServer) -> MySqlConnectOptions {
    let mode = match server.ssl {
        SslMode::Disable => MySqlSslMode::Disabled,
        SslMode::Allow | SslMode::Prefer => MySqlSslMode::Preferred,
        SslMode::Require => MySqlSslMode::Required,
        SslMode::VerifyCa => MySqlSslMode::VerifyCa,
        SslMode::VerifyFull => MySqlSslMode::VerifyIdentity,
    };
    let mut options = MySqlConnectOptions::new()
        .host(&server.host)
        .port(server.port)
        .database(&server.database)
        .username(&server.username)
        .ssl_mode(mode)
        // As Laravel: the session's zone is the server's, so that both read the same from a TIMESTAMP.
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
    options
}

fn postgres(server: &DatabaseServer) -> PgConnectOptions {
    let mode = match server.ssl {
        SslMode::Disable => PgSslMode::Disable,
        SslMode::Allow => PgSslMode::Allow,
        SslMode::Prefer => PgSslMode::Prefer,
        SslMode::Require => PgSslMode::Require,
        SslMode::VerifyCa => PgSslMode::VerifyCa,
        SslMode::VerifyFull => PgSslMode::VerifyFull,
    };
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&server.host)
        .port(server.port)
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
    options
}
