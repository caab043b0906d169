//! Transactions, and retries of those that conflict.

use std::time::Duration;

use sqlx::{MySql, Postgres, Sqlite};

use super::error::Result;
use super::policy::{ConnectionPolicy, within};
use super::row;
use super::row::Row;
use super::statement::{Arg, Statement};

/// The largest number of retries after conflicts.
const MAX_RETRIES: u32 = 10;

/// The longest pause before a retry.
const MAX_PAUSE: Duration = Duration::from_millis(100);

/// Runs a transaction, and retries it on conflicts after a random pause that grows exponentially.
///
/// # Errors
/// The first error that is not a conflict, or the last conflict.
pub async fn retry_on_conflict<T, F>(transaction: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut retries = 0;
    loop {
        match transaction().await {
            Err(error) if error.is_conflict() && retries < MAX_RETRIES => {
                let max = Duration::from_millis(1 << retries).min(MAX_PAUSE);
                tokio::time::sleep(max.mul_f64(rand::random())).await;
                retries += 1;
            }
            outcome => return outcome,
        }
    }
}

/// A transaction. It is rolled back when it is dropped without [`commit`](Transaction::commit).
pub struct Transaction {
    inner: Inner,
    policy: ConnectionPolicy,
}

pub(super) enum Inner {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    MySql(sqlx::Transaction<'static, MySql>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Transaction {
    pub(super) fn new(inner: Inner, policy: ConnectionPolicy) -> Self {
        Self { inner, policy }
    }

    /// Returns the rows that a statement selects.
    pub async fn rows(&mut self, statement: &Statement, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        within(&self.policy, async {
            match &mut self.inner {
                Inner::Sqlite(inner) => statement.sqlite(args).fetch_all(&mut **inner).await.map(row::sqlite),
                Inner::MySql(inner) => statement.mysql(args).fetch_all(&mut **inner).await.map(row::mysql),
                Inner::Postgres(inner) => statement.postgres(args).fetch_all(&mut **inner).await.map(row::postgres),
            }
        })
        .await
    }

    /// Executes a statement. Returns the number of rows it changed.
    pub async fn execute(&mut self, statement: &Statement, args: &[Arg<'_>]) -> Result<u64> {
        within(&self.policy, async {
            match &mut self.inner {
                Inner::Sqlite(inner) => {
                    statement.sqlite(args).execute(&mut **inner).await.map(|done| done.rows_affected())
                }
                Inner::MySql(inner) => {
                    statement.mysql(args).execute(&mut **inner).await.map(|done| done.rows_affected())
                }
                Inner::Postgres(inner) => {
                    statement.postgres(args).execute(&mut **inner).await.map(|done| done.rows_affected())
                }
            }
        })
        .await
    }

    /// Commits.
    ///
    /// # Errors
    /// The commit failed; if the connection was lost, it may have succeeded.
    pub async fn commit(self) -> Result<()> {
        within(&self.policy, async {
            match self.inner {
                Inner::Sqlite(inner) => inner.commit().await,
                Inner::MySql(inner) => inner.commit().await,
                Inner::Postgres(inner) => inner.commit().await,
            }
        })
        .await
    }
}
