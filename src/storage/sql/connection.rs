//! Connections on loan from a pool.
//!
//! A connection returns to its pool only if its last statement completed, or failed with an error after which its session
//! can go on. It is closed if a time limit elapsed in the middle of a statement, if the caller was cancelled, or if the
//! error ends transactions or the session: the reply to a statement that nobody awaits would be taken for that of the next.
//!
//! A transaction that is not committed is rolled back before its connection returns.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Connection as _, Database as Driver, Executor, MySql, Postgres, SqlSafeStr as _, Sqlite};
use tokio::runtime::Handle;

use super::policy::{ConnectionPolicy, is_exhausted, is_interruption, keeps_session};
use super::pools::Pools;
use super::row;
use super::row::Row;
use super::statement::{Arg, Statement};

/// The pause before another attempt to get a connection from a server that has none left.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// What a caller does with a connection. SQLite has one for writers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// A connection of any engine.
pub(super) enum Connection {
    Sqlite(Lease<Sqlite>),
    MySql(Lease<MySql>),
    Postgres(Lease<Postgres>),
}

/// A connection of one engine.
pub(super) struct Lease<DB: Driver>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// `None` after the connection was given back.
    connection: Option<PoolConnection<DB>>,
    /// The longest time for a rollback, and for the test of the pool, when the connection returns.
    limit: Duration,
    state: LeaseState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LeaseState {
    /// Outside of a transaction.
    Idle,
    /// In a transaction, between two statements.
    InTransaction,
    /// In the middle of a statement, or in an unknown state.
    Unusable,
}

impl Connection {
    /// Takes a connection from its pool, or makes one. Waits for one of the pool while the server has none left.
    pub(super) async fn acquire(pools: &Pools, policy: &ConnectionPolicy, access: Access) -> sqlx::Result<Self> {
        let deadline = Instant::now() + policy.lock();
        loop {
            match Self::try_acquire(pools, policy, access).await {
                Err(error) if is_exhausted(&error) && Instant::now() + RETRY_PAUSE < deadline => {
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                Err(sqlx::Error::PoolTimedOut) => {
                    pools.note_refusal(policy).await;
                    return Err(sqlx::Error::PoolTimedOut);
                }
                outcome => return outcome,
            }
        }
    }

    /// The futures of the pool are on the heap: they are large, and each caller would move them around.
    async fn try_acquire(pools: &Pools, policy: &ConnectionPolicy, access: Access) -> sqlx::Result<Self> {
        Ok(match pools {
            Pools::Sqlite { readers, writer, .. } => {
                let pool = if access == Access::Read { readers } else { writer };
                // An idle connection to a file needs no test.
                let connection = match pool.try_acquire() {
                    Some(connection) => connection,
                    None => Box::pin(pool.acquire()).await?,
                };
                Self::Sqlite(Lease::new(connection, policy))
            }
            Pools::MySql(pool) => Self::MySql(Lease::new(Box::pin(pool.acquire()).await?, policy)),
            Pools::Postgres(pool) => Self::Postgres(Lease::new(Box::pin(pool.acquire()).await?, policy)),
        })
    }

    /// Returns the rows that a statement selects.
    pub(super) async fn rows(&mut self, statement: &Statement, args: &[Arg<'_>]) -> sqlx::Result<Vec<Row>> {
        match self {
            Self::Sqlite(lease) => {
                let state = lease.begin_statement();
                let outcome = statement.sqlite(args).fetch_all(lease.raw()).await;
                lease.end_statement(state, outcome).map(row::rows)
            }
            Self::MySql(lease) => {
                let state = lease.begin_statement();
                let outcome = statement.mysql(args).fetch_all(lease.raw()).await;
                lease.end_statement(state, outcome).map(row::rows)
            }
            Self::Postgres(lease) => {
                let state = lease.begin_statement();
                let outcome = statement.postgres(args).fetch_all(lease.raw()).await;
                lease.end_statement(state, outcome).map(row::rows)
            }
        }
    }

    /// Passes on each row that a statement selects.
    pub(super) async fn each_row(
        &mut self,
        statement: &Statement,
        args: &[Arg<'_>],
        pass: &mut (dyn FnMut(Row) + Send),
    ) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(lease) => {
                let state = lease.begin_statement();
                let rows = statement.sqlite(args).fetch(lease.raw());
                let outcome = rows.map_ok(|found| pass(found.into())).try_collect::<()>().await;
                lease.end_statement(state, outcome)
            }
            Self::MySql(lease) => {
                let state = lease.begin_statement();
                let rows = statement.mysql(args).fetch(lease.raw());
                let outcome = rows.map_ok(|found| pass(found.into())).try_collect::<()>().await;
                lease.end_statement(state, outcome)
            }
            Self::Postgres(lease) => {
                let state = lease.begin_statement();
                let rows = statement.postgres(args).fetch(lease.raw());
                let outcome = rows.map_ok(|found| pass(found.into())).try_collect::<()>().await;
                lease.end_statement(state, outcome)
            }
        }
    }

    /// Executes a statement; returns the number of rows it changed.
    pub(super) async fn execute(&mut self, statement: &Statement, args: &[Arg<'_>]) -> sqlx::Result<u64> {
        match self {
            Self::Sqlite(lease) => {
                let state = lease.begin_statement();
                let outcome = statement.sqlite(args).execute(lease.raw()).await;
                lease.end_statement(state, outcome).map(|done| done.rows_affected())
            }
            Self::MySql(lease) => {
                let state = lease.begin_statement();
                let outcome = statement.mysql(args).execute(lease.raw()).await;
                lease.end_statement(state, outcome).map(|done| done.rows_affected())
            }
            Self::Postgres(lease) => {
                let state = lease.begin_statement();
                let outcome = statement.postgres(args).execute(lease.raw()).await;
                lease.end_statement(state, outcome).map(|done| done.rows_affected())
            }
        }
    }

    /// Begins a transaction; on SQLite with the lock of writers. After an error other than a lock, the connection is closed:
    /// it may be in a transaction already.
    pub(super) async fn begin(&mut self) -> sqlx::Result<()> {
        let outcome = match self {
            Self::Sqlite(lease) => lease.change_state("BEGIN IMMEDIATE", LeaseState::InTransaction).await,
            Self::MySql(lease) => lease.change_state("BEGIN", LeaseState::InTransaction).await,
            Self::Postgres(lease) => lease.change_state("BEGIN", LeaseState::InTransaction).await,
        };
        if outcome.as_ref().is_err_and(|error| !is_interruption(error)) {
            self.discard();
        }
        outcome
    }

    /// Begins a transaction that the driver knows of, so that transactions within it become savepoints. The connection is
    /// closed afterwards.
    pub(super) async fn begin_outer(&mut self) -> sqlx::Result<()> {
        self.discard();
        // The driver's own guard would return a connection that it borrows: nothing is lost without it.
        match self {
            Self::Sqlite(lease) => lease.raw().begin_with("BEGIN IMMEDIATE").await.map(std::mem::forget),
            Self::MySql(lease) => lease.raw().begin().await.map(std::mem::forget),
            Self::Postgres(lease) => lease.raw().begin().await.map(std::mem::forget),
        }
    }

    /// Commits the transaction. After an error it is not known whether it was committed, and the connection is closed.
    pub(super) async fn commit(&mut self) -> sqlx::Result<()> {
        self.end_transaction("COMMIT").await
    }

    /// Rolls the transaction back.
    pub(super) async fn rollback(&mut self) -> sqlx::Result<()> {
        self.end_transaction("ROLLBACK").await
    }

    async fn end_transaction(&mut self, statement: &'static str) -> sqlx::Result<()> {
        let outcome = match self {
            Self::Sqlite(lease) => lease.change_state(statement, LeaseState::Idle).await,
            Self::MySql(lease) => lease.change_state(statement, LeaseState::Idle).await,
            Self::Postgres(lease) => lease.change_state(statement, LeaseState::Idle).await,
        };
        outcome.inspect_err(|_| self.discard())
    }

    /// Closes the connection when it is dropped, instead of returning it to the pool.
    pub(super) fn discard(&mut self) {
        match self {
            Self::Sqlite(lease) => lease.state = LeaseState::Unusable,
            Self::MySql(lease) => lease.state = LeaseState::Unusable,
            Self::Postgres(lease) => lease.state = LeaseState::Unusable,
        }
    }
}

impl<DB: Driver> Lease<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    fn new(connection: PoolConnection<DB>, policy: &ConnectionPolicy) -> Self {
        Self { connection: Some(connection), limit: policy.longest(), state: LeaseState::Idle }
    }

    /// The connection itself.
    pub(super) fn raw(&mut self) -> &mut DB::Connection {
        match &mut self.connection {
            Some(connection) => connection,
            None => unreachable!("a connection is given back only when its lease is dropped"),
        }
    }

    /// Prepares a statement, and does not execute it.
    pub(super) async fn prepare(&mut self, text: String) -> sqlx::Result<()> {
        self.raw().prepare(AssertSqlSafe(text).into_sql_str()).await.map(drop)
    }

    /// Marks the connection as unusable until [`end_statement`](Self::end_statement), which is given the returned state.
    fn begin_statement(&mut self) -> LeaseState {
        std::mem::replace(&mut self.state, LeaseState::Unusable)
    }

    fn end_statement<T>(&mut self, state: LeaseState, outcome: sqlx::Result<T>) -> sqlx::Result<T> {
        if keeps_session(&outcome) {
            self.state = state;
        }
        outcome
    }

    async fn change_state(&mut self, statement: &'static str, next: LeaseState) -> sqlx::Result<()> {
        let before = self.begin_statement();
        let outcome = self.raw().execute(statement).await.map(drop);
        let state = if outcome.is_ok() { next } else { before };
        self.end_statement(state, outcome)
    }
}

impl<DB: Driver> Drop for Lease<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let limit = self.limit;
        match (self.state, Handle::try_current()) {
            (LeaseState::Unusable, _) | (_, Err(_)) => drop(connection.detach()),
            // The pool tests a connection that returns, without a time limit. If the limit elapses, the connection is
            // closed, since it is dropped.
            (LeaseState::Idle, Ok(runtime)) => {
                drop(runtime.spawn(tokio::time::timeout(limit, connection.return_to_pool())));
            }
            (LeaseState::InTransaction, Ok(runtime)) => drop(runtime.spawn(async move {
                let rolled_back = tokio::time::timeout(limit, (&mut *connection).execute("ROLLBACK")).await;
                if matches!(rolled_back, Ok(Ok(_))) {
                    _ = tokio::time::timeout(limit, connection.return_to_pool()).await;
                } else {
                    drop(connection.detach());
                }
            })),
        }
    }
}
