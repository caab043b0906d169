//! SQL databases: one of three engines, each behind a typed pool of sqlx.
//!
//! A feature writes its SQL once per engine, in files of its own ([`Statements`]), whose statements return text, bytes or
//! 64-bit integers; the code that calls them is written once. Times are text, as Laravel writes them
//! (`2026-03-04 05:06:07`), so that no driver converts time zones. A feature also declares its tables
//! ([`FeatureTables`]); this module knows none of them by name.
//!
//! SQLite has one writer: every statement that changes something uses one connection, and transactions begin with the
//! write lock (`BEGIN IMMEDIATE`), so that they cannot fail half-way. Readers do not wait for it (WAL). On both servers the
//! isolation level is `READ COMMITTED`: each statement sees what is committed when it begins.
//!
//! The meaning of errors is in [`codes`]. A connection whose statement met a time limit, a cancelled caller or an error that
//! ends its transaction or session is closed, and never used again.

pub mod codes;
mod connection;
mod copy;
mod engine;
mod error;
mod hosts;
mod migrate;
mod open;
mod policy;
mod pools;
mod privileges;
mod probe;
mod row;
mod statement;
mod transaction;

use std::sync::Arc;
use std::time::Duration;

use self::connection::{Access, Connection};
pub use self::copy::{check_sqlite, copy_sqlite};
pub use self::engine::Engine;
pub use self::error::{Error, Result};
use self::hosts::HostSearch;
pub use self::migrate::{FeatureTables, Migrated, MigrationStatus, PerEngine, TableNames, TableSchema};
use self::policy::{ConnectionPolicy, within};
use self::pools::Pools;
pub use self::probe::SharedProbe;
pub use self::row::Row;
pub use self::statement::{Arg, Statement, Statements, padded};
pub use self::transaction::{Transaction, retry_on_conflict};

/// The time for a connection after which the host is doubted, if there are others.
const SLOW: Duration = Duration::from_millis(200);

/// A database. It connects on first use, and again when a connection is lost.
#[derive(Clone, Debug)]
pub struct Database {
    pools: Pools,
    policy: ConnectionPolicy,
    /// Where there are several hosts.
    search: Option<Arc<HostSearch>>,
}

impl Database {
    /// Returns the engine.
    pub fn engine(&self) -> Engine {
        match self.pools {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::MySql(_) => Engine::MySql,
            Pools::Postgres(_) => Engine::Postgres,
        }
    }

    /// Returns the rows that a reading statement selects. Retries once over another connection when the connection is lost.
    ///
    /// # Errors
    /// The database is not available or rejects the statement.
    pub async fn rows(&self, statement: &Statement, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        retry_once_when_lost(|| self.select(statement, args)).await
    }

    /// Returns what `read` makes of each row that a reading statement selects, as the rows arrive: for results of which the
    /// rows would take much more memory. Retries as [`rows`](Self::rows) does.
    ///
    /// # Errors
    /// The database is not available or rejects the statement, or the first error of `read`.
    pub async fn collect<T: Send>(
        &self,
        statement: &Statement,
        args: &[Arg<'_>],
        read: fn(&Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        retry_once_when_lost(|| self.collect_once(statement, args, read)).await
    }

    async fn collect_once<T: Send>(
        &self,
        statement: &Statement,
        args: &[Arg<'_>],
        read: fn(&Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut results = Vec::new();
        let mut add = |row: Row| results.push(read(&row));
        self.within(async { self.acquire(Access::Read).await?.each_row(statement, args, &mut add).await }).await?;
        results.into_iter().collect()
    }

    async fn select(&self, statement: &Statement, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        self.within(async { self.acquire(Access::Read).await?.rows(statement, args).await }).await
    }

    /// Executes a changing statement, with retries on conflicts. Returns the number of changed rows; MySQL does not count
    /// rows that already have the new values.
    ///
    /// # Errors
    /// The database is not available or rejects the statement.
    pub async fn execute(&self, statement: &Statement, args: &[Arg<'_>]) -> Result<u64> {
        retry_on_conflict(|| self.change(statement, args)).await
    }

    async fn change(&self, statement: &Statement, args: &[Arg<'_>]) -> Result<u64> {
        self.within(async { self.acquire(Access::Write).await?.execute(statement, args).await }).await
    }

    /// Resolves when a statement has failed for a missing table since the last call. Supports a single waiter.
    pub async fn missing_table_seen(&self) {
        self.policy.missing().await;
    }

    /// Begins a transaction, which is rolled back unless it is committed.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn begin(&self) -> Result<Transaction> {
        let begin = async {
            let mut connection = self.acquire(Access::Write).await?;
            connection.begin().await?;
            Ok(connection)
        };
        Ok(Transaction::new(self.within(begin).await?, self.policy.clone()))
    }

    /// Closes all connections, so that SQLite has written everything to its file when the process ends. Waits at most for
    /// the time limit of a statement.
    pub async fn close(&self) {
        if tokio::time::timeout(self.policy.longest(), self.pools.close()).await.is_err() {
            tracing::warn!(database = self.address(), "connections to the database did not close in time");
        }
    }

    /// Returns engine, server and name of the database, or its file; never credentials.
    pub fn address(&self) -> &str {
        self.policy.address()
    }

    async fn acquire(&self, access: Access) -> sqlx::Result<Connection> {
        let acquired = Connection::acquire(&self.pools, &self.policy, access);
        if self.search.is_none() {
            return acquired.await;
        }
        tokio::pin!(acquired);
        match tokio::time::timeout(SLOW, &mut acquired).await {
            Ok(acquired) => acquired,
            Err(_) => {
                self.policy.doubt();
                acquired.await
            }
        }
    }

    async fn within<T>(&self, work: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
        within(&self.policy, work).await
    }
}

/// Reads again, over another connection, if the connection was lost.
async fn retry_once_when_lost<T, F: Future<Output = Result<T>>>(read: impl Fn() -> F) -> Result<T> {
    match read().await {
        Err(error) if error.is_lost_connection() => read().await,
        outcome => outcome,
    }
}
