//! The pools of connections of a database.

use std::path::PathBuf;

use futures_util::future::{BoxFuture, FutureExt};
use sqlx::{Connection, Database, MySqlPool, PgPool, Pool, SqlitePool};

use super::policy::ConnectionPolicy;

/// The pools of one engine. SQLite has one writer, which does not make readers wait.
#[derive(Clone, Debug)]
pub(super) enum Pools {
    /// With whether the file is created if it is missing.
    Sqlite {
        file: PathBuf,
        is_created: bool,
        readers: SqlitePool,
        writer: SqlitePool,
    },
    MySql(MySqlPool),
    Postgres(PgPool),
}

impl Pools {
    /// Learns why the pool of a server has no connection, if none can be made: the pool itself tries again until its time is
    /// over, and forgets the errors. On the heap, since it is rare.
    pub(super) fn note_refusal<'a>(&'a self, policy: &'a ConnectionPolicy) -> BoxFuture<'a, ()> {
        match self {
            Self::Sqlite { .. } => std::future::ready(()).boxed(),
            Self::MySql(pool) => try_connection(pool, policy).boxed(),
            Self::Postgres(pool) => try_connection(pool, policy).boxed(),
        }
    }

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

async fn try_connection<DB: Database>(pool: &Pool<DB>, policy: &ConnectionPolicy) {
    if pool.size() > 0 {
        return;
    }
    let options = pool.connect_options();
    let attempt = DB::Connection::connect_with(&options);
    if let Ok(Err(refusal)) = tokio::time::timeout(policy.ping(), attempt).await {
        policy.note_refusal(&refusal);
    }
}
