//! Checks of the database: the tables of presence, and what the user may do.

use super::finding::Finding;
use crate::app::{stores, tables};
use crate::config::{CacheStore, Config, DatabaseConnection};
use crate::presence::domain::Timestamp;
use crate::presence::domain::identity::{Id, Scope, Subject};
use crate::presence::store::PresenceStore as _;
use crate::storage::sql::Database;

/// What to do about a database that cannot be used.
const FIX: &str =
    "start the database, correct DB_CONNECTION, DB_HOST, DB_DATABASE, DB_USERNAME, or run presence-sidecar migrate";

/// Checks that the tables of presence can be read and written.
pub(super) async fn check_store(config: &Config) -> Finding {
    let missing = Subject::new(Id::from(0), Scope::default(), config.scope.include_guard).key;
    let store = stores::sql_store(config);
    if let Some(finding) = not_migrated(config).await {
        return finding;
    }
    let outcome = match store.load(&[missing], Timestamp::from_secs(0)).await {
        Ok(_) => store.ready().await.map_err(|down| down.reason),
        Err(error) => Err(error.reason()),
    };
    match outcome {
        Ok(()) => Finding::ok("store", format!("the table {} is readable and writable", config.database.cache_table)),
        Err(error) => Finding::wrong("store", error, FIX),
    }
}

/// The finding about an app that has not migrated its database yet.
async fn not_migrated(config: &Config) -> Option<Finding> {
    let table = config.database.app_migrations.as_ref()?;
    let database = Database::open(&config.database);
    let is_missing = database.has_table(table).await.is_ok_and(|exists| !exists);
    let what = format!("{} has no table {table}: the app has not migrated it", database.address());
    database.close().await;
    is_missing.then(|| Finding::wrong("store", what, "run php artisan migrate"))
}

/// Checks the certificates, and the privileges of the user, if the configuration uses the database.
pub(super) async fn check(config: &Config) -> Vec<Finding> {
    if tables::schema(config).is_empty() {
        return Vec::new();
    }
    if let Err(why) = config.database.check_files() {
        return vec![Finding::wrong(
            "database",
            why,
            "correct database.ssl_ca (MYSQL_ATTR_SSL_CA) or database.database (DB_DATABASE)",
        )];
    }
    // The check of the store says what is with a file that is missing, if it must be there before the first start.
    if let DatabaseConnection::Sqlite(file) = &config.database.connection
        && !file.exists()
    {
        return Vec::new();
    }
    let database = Database::open(&config.database);
    let statements = tables::statements(config, database.engine());
    let grants = database.missing_grants(&statements, &tables::schema(config)).await;
    let lacks = format!("{}: the user lacks a privilege", database.address());
    let findings = match grants {
        Ok(grants) if grants.is_empty() => {
            vec![Finding::ok("database", format!("{}: the user may do what is needed", database.address()))]
        }
        Ok(grants) => grants.into_iter().map(|grant| Finding::wrong("database", &lacks, grant)).collect(),
        // The check of the store says so already.
        Err(_) if config.cache.store == CacheStore::Database => Vec::new(),
        Err(error) => vec![Finding::wrong("database", error.chain(), FIX)],
    };
    database.close().await;
    findings
}
