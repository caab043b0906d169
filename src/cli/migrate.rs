//! `presence-sidecar migrate`: creates missing tables and applies pending migrations.

use clap::Args;

use super::output::print_line;
use super::run::{CommandResult, run_async};
use super::source::Source;
use crate::config::{Flags, load};
use crate::storage::sql::Database;

#[derive(Debug, Args)]
pub(super) struct Migrate;

impl Migrate {
    pub(super) fn run(&self, source: Source) -> CommandResult {
        let config = load(&source.with(Flags::default())).map_err(|error| error.to_string())?.config;
        run_async(async {
            let database = Database::open(&config.database);
            let migrated = database.migrate(&crate::app::schema(&config)).await;
            database.close().await;
            let migrated = migrated.map_err(|error| error.chain())?;
            migrated.created.iter().for_each(|table| print_line(&format!("created {table}")));
            migrated.existing.iter().for_each(|table| print_line(&format!("exists {table}")));
            Ok(())
        })
    }
}
