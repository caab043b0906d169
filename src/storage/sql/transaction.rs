//! Transactions, and retries of those that conflict.

use std::time::Duration;

use super::connection::Connection;
use super::error::Result;
use super::policy::{ConnectionPolicy, within};
use super::row::Row;
use super::statement::{Arg, Statement, Statements};

/// The largest number of retries after conflicts.
const MAX_RETRIES: u32 = 10;

/// The longest pause before a retry.
const MAX_PAUSE: Duration = Duration::from_millis(100);

/// Runs a transaction, and retries it on conflicts, and on sessions that have become useless, after a random pause that
/// grows exponentially.
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
    connection: Connection,
    policy: ConnectionPolicy,
}

impl Transaction {
    pub(super) fn new(connection: Connection, policy: ConnectionPolicy) -> Self {
        Self { connection, policy }
    }

    /// Returns the rows that a statement selects.
    pub async fn rows(&mut self, statement: &Statement, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        within(&self.policy, self.connection.rows(statement, args)).await
    }

    /// Executes a statement. Returns the number of rows it changed.
    pub async fn execute(&mut self, statement: &Statement, args: &[Arg<'_>]) -> Result<u64> {
        within(&self.policy, self.connection.execute(statement, args)).await
    }

    /// Executes the statements below `name`, in the order of their names.
    pub async fn execute_all(&mut self, statements: &Statements, name: &str) -> Result<()> {
        for name in statements.names_below(name) {
            self.execute(&statements.get(&name), &[]).await?;
        }
        Ok(())
    }

    /// Commits.
    ///
    /// # Errors
    /// The commit failed; if the connection was lost, it may have succeeded.
    pub async fn commit(mut self) -> Result<()> {
        within(&self.policy, self.connection.commit()).await
    }

    /// Rolls back, and waits until the locks of the transaction are free.
    ///
    /// # Errors
    /// The connection was lost. The database rolls back by itself then.
    pub async fn rollback(mut self) -> Result<()> {
        within(&self.policy, self.connection.rollback()).await
    }
}
