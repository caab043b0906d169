//! Several statements that happen together or not at all.

use std::time::Duration;

use sqlx::{MySql, Postgres, Sqlite};

use super::error::Result;
use super::policy::{ConnectionPolicy, within};
use super::row;
use super::row::Row;
use super::statement::{Arg, Statement};

/// Times that another transaction may be in the way of a step.
const TRIES: u32 = 10;

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// The outcome of a step that is one transaction, done again while another one is in its way: after a while by chance, so
/// that of two the same do not meet again.
pub async fn retry_on_conflict<T, F>(step: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut tries = 0;
    loop {
        match step().await {
            Err(error) if error.is_conflict() && tries < TRIES => {
                let longest = Duration::from_millis(1 << tries).min(LONGEST_PAUSE);
                tokio::time::sleep(longest.mul_f64(rand::random())).await;
                tries += 1;
            }
            outcome => return outcome,
        }
    }
}

/// A transaction; dropped without [`commit`](Transaction::commit), it has changed nothing.
pub struct Transaction {
    inner: Inner,
    terms: ConnectionPolicy,
}

pub(super) enum Inner {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    MySql(sqlx::Transaction<'static, MySql>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Transaction {
    pub(super) fn new(inner: Inner, terms: ConnectionPolicy) -> Self {
        Self { inner, terms }
    }

    /// The rows that a statement selects.
    pub async fn rows(&mut self, statement: &Statement, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        within(&self.terms, async {
            match &mut self.inner {
                Inner::Sqlite(begun) => statement.sqlite(args).fetch_all(&mut **begun).await.map(row::sqlite),
                Inner::MySql(begun) => statement.mysql(args).fetch_all(&mut **begun).await.map(row::mysql),
                Inner::Postgres(begun) => statement.postgres(args).fetch_all(&mut **begun).await.map(row::postgres),
            }
        })
        .await
    }

    /// How many rows a statement has changed.
    pub async fn execute(&mut self, statement: &Statement, args: &[Arg<'_>]) -> Result<u64> {
        within(&self.terms, async {
            match &mut self.inner {
                Inner::Sqlite(begun) => {
                    statement.sqlite(args).execute(&mut **begun).await.map(|done| done.rows_affected())
                }
                Inner::MySql(begun) => {
                    statement.mysql(args).execute(&mut **begun).await.map(|done| done.rows_affected())
                }
                Inner::Postgres(begun) => {
                    statement.postgres(args).execute(&mut **begun).await.map(|done| done.rows_affected())
                }
            }
        })
        .await
    }

    /// Makes it happen. If the answer is lost, it may have happened or not.
    pub async fn commit(self) -> Result<()> {
        within(&self.terms, async {
            match self.inner {
                Inner::Sqlite(begun) => begun.commit().await,
                Inner::MySql(begun) => begun.commit().await,
                Inner::Postgres(begun) => begun.commit().await,
            }
        })
        .await
    }
}
