//! The database, on all three engines.

mod migrations;
mod outages;
mod start;

use presence_sidecar::config::{Config, Sources, load};
use presence_sidecar::storage::sql::{Database, TableNames};

use crate::support::TestDatabase;

/// The configuration that leads to a database.
pub fn config(database: &TestDatabase, more: &[(&str, &str)]) -> Config {
    let own = database.environment().into_iter().map(|(name, value)| (name.to_owned(), value));
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(&Sources { environment: own.chain(more).collect(), ..Sources::default() }).unwrap().config
}

/// A database with all tables, and what they are called.
pub async fn migrated(database: &TestDatabase) -> (Database, TableNames) {
    let (database, names) = opened(&config(database, &[]));
    database.migrate(&names).await.unwrap();
    (database, names)
}

/// The database, and what its tables are called.
fn opened(config: &Config) -> (Database, TableNames) {
    (Database::open(&config.database), TableNames::new(&config.messaging.tables, &config.database))
}
