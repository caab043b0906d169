//! Creates and changes tables.
//!
//! **Laravel's tables** are created as Laravel's migrations create them, if they are missing. One that exists is left
//! unchanged: it may be the app's own, with columns and indexes of its own.
//!
//! **The sidecar's own tables** have versioned migrations. sqlx's migrator applies them and records each in the table
//! `{prefix}migrations`. There is one series over all features, since sqlx keeps one number per row: a version number is
//! used once, by one feature, and a configuration applies the versions of the features that it uses. Versions that are
//! recorded but unknown are ignored, so that an older sidecar runs beside a newer one. The first version of each feature
//! creates the tables of release 0.1.0, which recorded no migrations; tables that exist are adopted as they are.
//!
//! A file has one migration behind each `-- version: <number> <description>`, and in it one statement behind each of
//!
//! ```sql
//! -- creates: table <jobs>
//! -- creates: column <jobs>.colour
//! -- creates: index <jobs>_colour_index on <jobs>
//! -- repeats
//! ```
//!
//! A statement that creates is left out when its table, column or index exists. One that repeats (an `UPDATE`) has the
//! same effect when it is executed again. So every migration can be repeated as a whole:
//!
//! - On MySQL each statement that defines something commits on its own. A migration that was interrupted left a row that
//!   is not marked as successful; the next run deletes the row and executes what is missing. SQLite and Postgres run all
//!   migrations in one transaction.
//! - When a table or a column of a feature is missing although its version is recorded (`migrate:fresh`, a single `DROP
//!   TABLE`, a restored backup), all migrations of the feature are applied again.
//!
//! Runs exclude each other: by an advisory lock on MySQL (of the session) and Postgres (of the transaction), by `BEGIN
//! IMMEDIATE` on SQLite. A run that finds everything recorded and in place takes no lock.
//!
//! Checksums are those of the statements without the names of tables, comments and indentation.

mod catalog;
mod laravel;
mod own;
mod retry;
mod schema;
mod series;
mod session;

use std::collections::HashSet;
use std::path::Path;

use self::catalog::Catalog;
pub use self::own::MigrationStatus;
pub use self::schema::{FeatureTables, PerEngine, TableNames, TableSchema};
use super::error::{Error, Result};
use super::{Database, Pools};
use crate::config::private_files;

/// The result of a migration: the tables of the schema, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The tables that were created.
    pub created: Vec<String>,
    /// The tables that existed.
    pub existing: Vec<String>,
}

impl Database {
    /// Compares the migrations of `schema` with the recorded ones. Changes nothing.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn migration_status(&self, schema: &TableSchema) -> Result<MigrationStatus> {
        own::status(self, &Catalog::new(self.engine(), schema.names()), schema).await
    }

    /// Creates the tables of `schema` that are missing and applies the migrations that are not recorded. Several processes
    /// may do so at once. The directory of an SQLite file is created, too.
    ///
    /// # Errors
    /// The database is not available, does not let this user create tables, or a recorded migration has another checksum.
    pub async fn migrate(&self, schema: &TableSchema) -> Result<Migrated> {
        if let Pools::Sqlite { file, is_created: true, .. } = &self.pools {
            create_parent_dir(file)?;
        }
        let catalog = Catalog::new(self.engine(), schema.names());
        let mut new: HashSet<String> = laravel::create_missing(self, &catalog, schema).await?;
        new.extend(own::migrate(self, &catalog, schema).await?);
        let migrations = (!schema.is_empty()).then_some(catalog.migrations.as_str());
        let tables = schema.tables().chain(migrations).map(str::to_owned);
        let (created, existing) = tables.partition(|table| new.contains(table));
        Ok(Migrated { created, existing })
    }

    /// Whether a table or a view of this name exists.
    ///
    /// # Errors
    /// The database does not reply.
    pub async fn has_table(&self, table: &str) -> Result<bool> {
        let names = TableNames::new("", &[], Vec::new());
        Catalog::new(self.engine(), &names).has_table(self, table).await
    }

    /// Whether a table of `schema` is missing. The table of applied migrations does not count: no other statement uses it.
    ///
    /// # Errors
    /// The database does not reply.
    pub async fn has_missing_tables(&self, schema: &TableSchema) -> Result<bool> {
        let catalog = Catalog::new(self.engine(), schema.names());
        for table in schema.tables() {
            if !catalog.has_table(self, table).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn create_parent_dir(file: &Path) -> Result<()> {
    let missing = file.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.exists());
    missing.map_or(Ok(()), private_files::create_folder).map_err(|error| Error::Unavailable(Box::new(error)))
}
