//! The database: one of three engines, each behind a typed pool, and nothing that is common to them but what every one
//! of them can do.
//!
//! Who keeps something here writes its SQL once per engine, in a file of its own ([`Statements`]), and makes all columns
//! text, bytes or 64-bit integers there; what calls it is written once. Times are text, as Laravel writes them
//! (`2026-03-04 05:06:07`), so that no driver has an opinion on zones.
//!
//! SQLite has one writer: every statement that changes something goes through one connection, and transactions begin
//! with the lock in hand (`BEGIN IMMEDIATE`), so that they cannot fail half-way. Its readers are not disturbed (WAL). On both
//! servers transactions are isolated as `READ COMMITTED`: each statement sees what is committed when it begins.

mod error;
mod migrate;
mod open;
mod policy;
mod row;
mod statement;
mod transaction;

use std::path::PathBuf;

use sqlx::{MySqlPool, PgPool, SqlitePool};

pub use self::error::{Error, Result};
pub use self::migrate::{Migrated, TableGroup, TableNames};
use self::policy::{ConnectionPolicy, within};
pub use self::row::Row;
pub use self::statement::{Arg, Statement, Statements};
pub use self::transaction::{Transaction, retry_on_conflict};

/// A database. It connects when it is first used, and again whenever a connection is lost.
#[derive(Clone, Debug)]
pub struct Database {
    pools: Pools,
    terms: ConnectionPolicy,
}

/// The three engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite 3.35 or newer.
    Sqlite,
    /// MySQL 8.0 or MariaDB 10.6, or newer.
    MySql,
    /// Postgres 12 or newer.
    Postgres,
}

#[derive(Clone, Debug)]
enum Pools {
    Sqlite { file: PathBuf, readers: SqlitePool, writer: SqlitePool },
    MySql(MySqlPool),
    Postgres(PgPool),
}

impl Database {
    /// Which engine it is.
    pub fn engine(&self) -> Engine {
        match self.pools {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::MySql(_) => Engine::MySql,
            Pools::Postgres(_) => Engine::Postgres,
        }
    }

    /// The rows that a reading statement selects. If the connection turns out to be lost, it is asked once more over
    /// another one.
    pub async fn rows(&self, statement: &Statement, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        match self.select(statement, args).await {
            Err(error) if error.is_lost_connection() => self.select(statement, args).await,
            outcome => outcome,
        }
    }

    async fn select(&self, statement: &Statement, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        self.within(async {
            match &self.pools {
                Pools::Sqlite { readers, .. } => statement.sqlite(args).fetch_all(readers).await.map(row::sqlite),
                Pools::MySql(pool) => statement.mysql(args).fetch_all(pool).await.map(row::mysql),
                Pools::Postgres(pool) => statement.postgres(args).fetch_all(pool).await.map(row::postgres),
            }
        })
        .await
    }

    /// How many rows a changing statement has changed. MySQL counts those that it found the same as not changed.
    /// It is tried again while a transaction is in its way.
    pub async fn execute(&self, statement: &Statement, args: &[Arg<'_>]) -> Result<u64> {
        retry_on_conflict(|| self.change(statement, args)).await
    }

    async fn change(&self, statement: &Statement, args: &[Arg<'_>]) -> Result<u64> {
        self.within(async {
            match &self.pools {
                Pools::Sqlite { writer, .. } => {
                    statement.sqlite(args).execute(writer).await.map(|done| done.rows_affected())
                }
                Pools::MySql(pool) => statement.mysql(args).execute(pool).await.map(|done| done.rows_affected()),
                Pools::Postgres(pool) => statement.postgres(args).execute(pool).await.map(|done| done.rows_affected()),
            }
        })
        .await
    }

    /// Returns when a statement has found a table missing since this returned last. For one who waits.
    pub async fn missing_table_seen(&self) {
        self.terms.missing().await;
    }

    /// Begins a transaction, which is rolled back unless it is committed.
    pub async fn begin(&self) -> Result<Transaction> {
        let begun = self.within(async {
            match &self.pools {
                Pools::Sqlite { writer, .. } => {
                    writer.begin_with("BEGIN IMMEDIATE").await.map(transaction::Inner::Sqlite)
                }
                Pools::MySql(pool) => pool.begin().await.map(transaction::Inner::MySql),
                Pools::Postgres(pool) => pool.begin().await.map(transaction::Inner::Postgres),
            }
        });
        Ok(Transaction::new(begun.await?, self.terms.clone()))
    }

    /// Closes all connections, so that nothing is left to be written when the process ends.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { readers, writer, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::MySql(pool) => pool.close().await,
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    async fn within<T>(&self, work: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
        within(&self.terms, work).await
    }
}
