//! `presence-sidecar migrate`: creates missing tables and applies pending migrations.

use clap::Args;
use serde_json::json;

use super::output::{print_error, print_line};
use super::run::{CommandResult, run_async};
use super::source::Source;
use crate::config::{Config, Flags, load};
use crate::storage::sql;
use crate::storage::sql::{Database, Migrated};

#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// Print JSON: the tables that were created, and those that existed
    #[arg(long)]
    json: bool,
}

impl Migrate {
    pub(super) fn run(&self, source: Source) -> CommandResult {
        let config = load(&source.with(Flags::default())).map_err(|error| error.to_string())?.config;
        run_async(async {
            let database = Database::open(&config.database);
            print_error(&format!("database: {}", database.address()));
            let migrated = migrate(&database, &config).await;
            database.close().await;
            let migrated = migrated?;
            if self.json {
                let Migrated { created, existing, .. } = &migrated;
                print_line(&json!({"created": created, "existing": existing}).to_string());
                return Ok(());
            }
            migrated.created.iter().for_each(|table| print_line(&format!("created {table}")));
            migrated.existing.iter().for_each(|table| print_line(&format!("exists {table}")));
            Ok(())
        })
    }
}

/// Creates the tables, but not before those of the app's own migrations.
async fn migrate(database: &Database, config: &Config) -> Result<Migrated, String> {
    let named = |error: sql::Error| format!("{}: {}", database.address(), error.chain());
    if let Some(table) = &config.database.app_migrations
        && !database.has_table(table).await.map_err(named)?
    {
        return Err(format!(
            "{} has no table {table}, so the app has not migrated it: run php artisan migrate first, which fails if its tables exist",
            database.address()
        ));
    }
    database.migrate(&crate::app::schema(config)).await.map_err(named)
}
