//! `presence-sidecar migrate`: makes the tables that are missing.

use clap::Args;

use super::{Ended, Source};
use crate::config::{Flags, load};
use crate::database::{Database, Error};

#[derive(Debug, Args)]
pub(super) struct Migrate;

impl Migrate {
    pub(super) fn run(&self, source: Source) -> Ended {
        let config = load(&source.with(Flags::default())).map_err(|error| error.to_string())?.config;
        // The provider can only be installed twice by somebody else in this process, who then chose it.
        _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let migrated = runtime.map_err(|error| error.to_string())?.block_on(async {
            let database = Database::open(&config.database);
            let migrated = database.migrate(&crate::app::used_tables(&config)).await;
            database.close().await;
            migrated
        });
        let migrated = migrated.map_err(|error: Error| error.chain())?;
        migrated.made.iter().for_each(|table| println!("made {table}"));
        migrated.left.iter().for_each(|table| println!("left {table}"));
        Ok(())
    }
}
