//! SQL databases, on all engines.

mod app_database;
mod batches;
mod codes;
mod faults;
mod first_start;
mod migrations;
mod outages;
mod plans;
mod private_files;
mod probe;
mod series;
mod start;

use std::time::Duration;

use presence_sidecar::app;
use presence_sidecar::config::{Config, Loaded, Sources, load};
use presence_sidecar::storage::sql::{Database, TableNames, TableSchema};

use crate::support::{Engine, TestDatabase};

/// The configuration of a sidecar on a database.
pub fn config(database: &TestDatabase, more: &[(&str, &str)]) -> Config {
    loaded(database, more).config
}

/// The same, with the origins of its values.
pub fn loaded(database: &TestDatabase, more: &[(&str, &str)]) -> Loaded {
    let own = database.environment().into_iter().map(|(name, value)| (name.to_owned(), value));
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(&Sources { environment: own.chain(more).collect(), ..Sources::default() }).unwrap()
}

/// A database with all tables, and their names.
pub async fn migrated(database: &TestDatabase) -> (Database, TableNames) {
    let (database, schema) = open(&config(database, &[("PRESENCE_CACHE_STORE", "database")]));
    database.migrate(&schema).await.unwrap();
    (database, schema.names().clone())
}

/// The database of a configuration, and its tables.
fn open(config: &Config) -> (Database, TableSchema) {
    (Database::open(&config.database), app::schema(config))
}

/// The database with the tables of all features.
fn open_all(database: &TestDatabase, more: &[(&str, &str)]) -> (Database, TableSchema) {
    open(&config(database, &[&[("PRESENCE_CACHE_STORE", "database")], more].concat()))
}

/// The tables of a database, sorted.
fn tables(database: &TestDatabase) -> Vec<String> {
    let statement = match database.engine {
        Engine::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ",
        Engine::MariaDb => "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
        Engine::Postgres => "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
    };
    let mut tables = database.lines(statement);
    tables.sort();
    tables
}

/// The columns and indexes of all tables, sorted.
fn columns_and_indexes(database: &TestDatabase) -> Vec<String> {
    let statements = match database.engine {
        Engine::Sqlite => [
            "SELECT t.name, c.name, c.type FROM sqlite_master AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table' \
             AND t.name NOT LIKE 'sqlite_%'",
            "SELECT tbl_name, name FROM sqlite_master WHERE type = 'index'",
        ],
        Engine::MariaDb => [
            "SELECT table_name, column_name, column_type FROM information_schema.columns WHERE table_schema = DATABASE()",
            "SELECT table_name, index_name, column_name FROM information_schema.statistics WHERE table_schema = DATABASE()",
        ],
        Engine::Postgres => [
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'",
            "SELECT tablename, indexname FROM pg_indexes WHERE schemaname = 'public'",
        ],
    };
    let mut lines: Vec<String> = statements.iter().flat_map(|statement| database.lines(statement)).collect();
    lines.sort();
    lines
}

/// Waits until `condition` is true.
async fn wait_until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let met = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), met).await.is_ok(), "{what}");
}
