//! A connection on which one process at a time migrates.

use std::time::Duration;

use sqlx::migrate::{Migrate as _, MigrateError, Migration, Migrator};

use crate::storage::sql::connection::{Access, Connection};
use crate::storage::sql::error::{Error, Result};
use crate::storage::sql::policy::{ConnectionPolicy, within};
use crate::storage::sql::statement::{Arg, Statement, Statements};
use crate::storage::sql::{Database, Row};

/// The longest time that pending migrations may take together: one may fill a column of a large table.
const MAX_DURATION: Duration = Duration::from_secs(600);

/// A connection with the lock. It is closed at the end, so that the server gives up the lock and the settings of its
/// session. Dropped before [`end`](Session::end), SQLite and Postgres undo everything.
pub(super) struct Session {
    connection: Connection,
    policy: ConnectionPolicy,
}

impl Session {
    /// Waits for the lock.
    ///
    /// # Errors
    /// The database is not available, or another process migrates for longer than a statement waits for a lock.
    pub(super) async fn begin(database: &Database, statements: &Statements) -> Result<Self> {
        let policy = database.policy.clone();
        let connection = within(&policy, async {
            let mut connection = database.acquire(Access::Write).await?;
            match connection {
                // Without a transaction, which the first statement that defines a table would commit.
                Connection::MySql(_) => connection.discard(),
                Connection::Sqlite(_) | Connection::Postgres(_) => connection.begin_outer().await?,
            }
            Ok(connection)
        });
        let mut session = Self { connection: connection.await?, policy };
        session.lock(statements).await?;
        Ok(session)
    }

    async fn lock(&mut self, statements: &Statements) -> Result<()> {
        let lock = || statements.get("lock");
        match &self.connection {
            // The transaction is the lock.
            Connection::Sqlite(_) => return Ok(()),
            Connection::MySql(_) => {
                let seconds = i64::try_from(self.policy.lock().as_secs().max(1)).unwrap_or(i64::MAX);
                let locked = self.rows(&lock(), &[seconds.into()]).await?;
                if locked.first().map(|row| row.int_or_null(0)).transpose()?.flatten() != Some(1) {
                    return Err(Error::Unavailable("another process migrates".into()));
                }
            }
            Connection::Postgres(_) => drop(self.rows(&lock(), &[]).await?),
        }
        self.execute(&statements.get("lift_time_limit"), &[]).await.map(drop)
    }

    /// The rows that a statement selects.
    pub(super) async fn rows(&mut self, statement: &Statement, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        within(&self.policy, self.connection.rows(statement, args)).await
    }

    /// Executes a statement.
    pub(super) async fn execute(&mut self, statement: &Statement, args: &[Arg<'_>]) -> Result<()> {
        within(&self.policy, self.connection.execute(statement, args)).await.map(drop)
    }

    /// Creates sqlx's table of applied migrations if it is missing.
    pub(super) async fn create_migrations_table(&mut self, table: &str) -> Result<()> {
        let table = self.quote(table);
        let created = async {
            match &mut self.connection {
                Connection::Sqlite(lease) => lease.raw().ensure_migrations_table(&table).await,
                Connection::MySql(lease) => lease.raw().ensure_migrations_table(&table).await,
                Connection::Postgres(lease) => lease.raw().ensure_migrations_table(&table).await,
            }
        };
        finish(tokio::time::timeout(self.policy.longest(), created).await)
    }

    /// Applies the migrations that are not recorded in `table`, by rising versions.
    pub(super) async fn apply(&mut self, table: &str, migrations: Vec<Migration>) -> Result<()> {
        let mut migrator = Migrator::with_migrations(migrations);
        migrator.dangerous_set_table_name(self.quote(table));
        migrator.set_ignore_missing(true).set_locking(false);
        let applied = async {
            match &mut self.connection {
                Connection::Sqlite(lease) => migrator.run_direct(None, lease.raw(), false).await,
                Connection::MySql(lease) => migrator.run_direct(None, lease.raw(), false).await,
                Connection::Postgres(lease) => migrator.run_direct(None, lease.raw(), false).await,
            }
        };
        finish(tokio::time::timeout(MAX_DURATION, applied).await)
    }

    /// Commits, and releases the lock.
    pub(super) async fn end(mut self) -> Result<()> {
        match self.connection {
            Connection::MySql(_) => Ok(()),
            Connection::Sqlite(_) | Connection::Postgres(_) => {
                let committed = within(&self.policy, self.connection.commit()).await;
                self.connection.discard();
                committed
            }
        }
    }

    fn quote(&self, name: &str) -> String {
        if matches!(self.connection, Connection::MySql(_)) { format!("`{name}`") } else { format!("\"{name}\"") }
    }
}

fn finish(
    outcome: std::result::Result<std::result::Result<(), MigrateError>, tokio::time::error::Elapsed>,
) -> Result<()> {
    match outcome {
        Ok(Ok(())) => Ok(()),
        Ok(Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _))) => Err(error.into()),
        Ok(Err(other)) => Err(Error::Rejected(Box::new(other))),
        Err(elapsed) => Err(Error::Unavailable(Box::new(elapsed))),
    }
}
