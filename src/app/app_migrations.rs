//! Waits for the migrations of the Laravel app whose database the sidecar uses: they fail if a table exists before them.

use std::time::{Duration, Instant};

use crate::config::DatabaseConfig;
use crate::storage::sql::{Database, Result, Statements, TableSchema};

/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// The time without a new migration after which the app's migrations count as done.
const SETTLED: Duration = Duration::from_secs(3);

/// As [`SETTLED`], for migrations that began while the sidecar waited for them.
const SETTLED_AFTER_FIRST: Duration = Duration::from_secs(30);

/// The migrations of the app.
#[derive(Clone)]
pub(super) struct AppMigrations {
    database: Database,
    table: String,
    statements: Statements,
}

impl AppMigrations {
    /// The migrations of the app; `None` if the database is not that of an app.
    pub(super) fn of(config: &DatabaseConfig, database: Database) -> Option<Self> {
        const NUMBER: &str = "-- name: number\nSELECT COUNT(*) FROM {migrations}\n";
        let table = config.app_migrations.clone()?;
        let statements = Statements::read(database.engine(), NUMBER, &[("migrations", &table)]);
        Some(Self { database, table, statements })
    }

    /// The name of their table.
    pub(super) fn table(&self) -> &str {
        &self.table
    }

    /// Whether the app has begun to migrate.
    ///
    /// # Errors
    /// The database is not available.
    pub(super) async fn have_begun(&self) -> Result<bool> {
        self.database.has_table(&self.table).await
    }

    /// Waits until the app has begun to migrate. Returns whether it had before.
    ///
    /// # Errors
    /// As [`have_begun`](Self::have_begun).
    pub(super) async fn wait(&self) -> Result<bool> {
        let mut had_begun = true;
        while !self.have_begun().await? {
            had_begun = false;
            tokio::time::sleep(PAUSE).await;
        }
        Ok(had_begun)
    }

    /// Waits until no table of `schema` is missing, or no migration was added for a while.
    ///
    /// # Errors
    /// As [`have_begun`](Self::have_begun).
    pub(super) async fn settle(&self, had_begun: bool, schema: &TableSchema) -> Result<()> {
        let quiet = if had_begun { SETTLED } else { SETTLED_AFTER_FIRST };
        let (mut last, mut since) = (self.number().await?, Instant::now());
        while self.database.has_missing_tables(schema).await? && (last == 0 || since.elapsed() < quiet) {
            tokio::time::sleep(PAUSE).await;
            let number = self.number().await?;
            if number != last {
                (last, since) = (number, Instant::now());
            }
        }
        Ok(())
    }

    /// The number of migrations that were applied.
    async fn number(&self) -> Result<i64> {
        let rows = self.database.rows(&self.statements.get("number"), &[]).await?;
        rows.first().map_or(Ok(0), |row| row.int(0))
    }
}
