//! The pools of connections of a database.

use std::path::PathBuf;

use sqlx::{MySqlPool, PgPool, SqlitePool};

/// The pools of one engine. SQLite has one writer, which does not make readers wait.
#[derive(Clone, Debug)]
pub(super) enum Pools {
    Sqlite { file: PathBuf, readers: SqlitePool, writer: SqlitePool },
    MySql(MySqlPool),
    Postgres(PgPool),
}

impl Pools {
    /// Closes all connections; waits until those in use are given back.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite { readers, writer, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Self::MySql(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}
