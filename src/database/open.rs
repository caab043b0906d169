//! Pools from configuration.

use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions, MySqlSslMode};
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Executor as _};

use super::{Database, Pools};
use crate::config::{self, Connection, DatabaseServer, SslMode};

/// How long SQLite waits for another process that writes. Laravel writes in short transactions.
const BUSY: Duration = Duration::from_secs(5);

/// As Postgres does by itself: what is read under a lock is what is there, and gaps between rows are nobody's.
const READ_COMMITTED: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// How long a connection may rest before it is asked whether it is still there.
const RESTED: Duration = Duration::from_millis(100);

impl Database {
    /// The database of this configuration. Nothing is connected to yet.
    pub fn open(config: &config::Database) -> Self {
        Self::opened(config, SqliteSynchronous::Full)
    }

    /// As [`open`](Self::open); but on SQLite a commit does not wait for the disk. It outlives the process then, whatever
    /// becomes of that, but the last ones may be lost with the power. The file stays whole.
    pub fn open_without_waiting(config: &config::Database) -> Self {
        Self::opened(config, SqliteSynchronous::Normal)
    }

    fn opened(config: &config::Database, synchronous: SqliteSynchronous) -> Self {
        let pools = match &config.connection {
            Connection::Sqlite(path) => {
                let options = sqlite(path).synchronous(synchronous);
                Pools::Sqlite {
                    file: path.clone(),
                    readers: limited(SqlitePoolOptions::new(), config).connect_lazy_with(options.clone()),
                    writer: limited(SqlitePoolOptions::new(), config).max_connections(1).connect_lazy_with(options),
                }
            }
            Connection::MySql(server) => {
                let options = limited(MySqlPoolOptions::new(), config).after_connect(|connection, _| {
                    Box::pin(async move { connection.execute(READ_COMMITTED).await.map(drop) })
                });
                Pools::MySql(options.connect_lazy_with(mysql(server)))
            }
            Connection::Postgres(server) => {
                Pools::Postgres(limited(PgPoolOptions::new(), config).connect_lazy_with(postgres(server)))
            }
        };
        Self { pools, timeout: config.timeout }
    }
}

fn limited<DB: sqlx::Database>(options: PoolOptions<DB>, config: &config::Database) -> PoolOptions<DB> {
    options
        .max_connections(config.max_connections)
        .acquire_timeout(config.timeout)
        // Asking before each use would double the round trips; a connection in steady use shows by itself when it is lost.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > RESTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
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
