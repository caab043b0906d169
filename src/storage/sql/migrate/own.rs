//! Applies the versioned migrations of the sidecar's own tables.

use std::collections::HashSet;

use super::catalog::Catalog;
use super::retry::retry_on_race;
use super::schema::TableSchema;
use super::series;
use super::series::{Migration, Object};
use super::session::Session;
use crate::storage::sql::Database;
use crate::storage::sql::error::Result;

/// Which migrations are recorded, by their versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Those that this version knows and that are not recorded.
    pub pending: Vec<i64>,
    /// Recorded ones that only a newer version knows.
    pub unknown: Vec<i64>,
}

/// Applies the migrations that are not recorded, or whose tables are missing. Returns the names of the new tables.
pub(super) async fn migrate(database: &Database, catalog: &Catalog, schema: &TableSchema) -> Result<HashSet<String>> {
    let read = |feature| series::read(database.engine(), feature, schema.names());
    let features: Vec<Vec<Migration>> = schema.features().iter().copied().map(read).collect();
    if features.is_empty() || retry_on_race(|| is_up_to_date(database, catalog, &features)).await? {
        return Ok(HashSet::new());
    }
    retry_on_race(|| run(database, catalog, &features)).await
}

/// Which migrations of the tables are recorded.
pub(super) async fn status(database: &Database, catalog: &Catalog, schema: &TableSchema) -> Result<MigrationStatus> {
    let read = |feature| series::read(database.engine(), feature, schema.names());
    let known: Vec<i64> = schema.features().iter().copied().flat_map(read).map(|migration| migration.version).collect();
    if !catalog.has_table(database, &catalog.migrations).await? {
        return Ok(MigrationStatus { pending: known, unknown: Vec::new() });
    }
    let applied = catalog.applied(database).await?;
    let newest = known.iter().copied().max().unwrap_or(0);
    let pending = known.into_iter().filter(|version| !applied.contains_key(version)).collect();
    let mut unknown: Vec<i64> = applied.into_keys().filter(|version| *version > newest).collect();
    unknown.sort_unstable();
    Ok(MigrationStatus { pending, unknown })
}

/// Whether all migrations are recorded, and all their tables and columns exist.
async fn is_up_to_date(database: &Database, catalog: &Catalog, features: &[Vec<Migration>]) -> Result<bool> {
    if !catalog.has_table(database, &catalog.migrations).await? {
        return Ok(false);
    }
    let applied = catalog.applied(database).await?;
    for migration in features.iter().flatten() {
        if applied.get(&migration.version) != Some(&migration.checksum) {
            return Ok(false);
        }
        for object in migration.required_objects() {
            if !catalog.has(database, object).await? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Applies what is missing, while no other process does.
async fn run(database: &Database, catalog: &Catalog, features: &[Vec<Migration>]) -> Result<HashSet<String>> {
    let mut session = Session::begin(database, &catalog.statements).await?;
    let is_first = !catalog.has_table(&mut session, &catalog.migrations).await?;
    if is_first {
        session.create_migrations_table(&catalog.migrations).await?;
    }
    session.execute(&catalog.statements.get("delete_unfinished"), &[]).await?;
    let mut missing: HashSet<&Object> = HashSet::new();
    for object in features.iter().flatten().flat_map(Migration::objects) {
        if !catalog.has(&mut session, object).await? {
            missing.insert(object);
        }
    }
    forget_incomplete(&mut session, catalog, features, &missing).await?;
    let migrations = features.iter().flatten().map(|migration| migration.to_sqlx(&missing)).collect();
    session.apply(&catalog.migrations, migrations).await?;
    session.end().await?;
    let tables = missing.into_iter().filter_map(Object::as_table).map(str::to_owned);
    Ok(tables.chain(is_first.then(|| catalog.migrations.clone())).collect())
}

/// Deletes the records of the features that miss a table or a column, so that all their migrations are applied again.
async fn forget_incomplete(
    session: &mut Session,
    catalog: &Catalog,
    features: &[Vec<Migration>],
    missing: &HashSet<&Object>,
) -> Result<()> {
    let is_incomplete = |feature: &&Vec<Migration>| {
        feature.iter().flat_map(Migration::required_objects).any(|object| missing.contains(object))
    };
    for migration in features.iter().filter(is_incomplete).flatten() {
        session.execute(&catalog.statements.get("delete_version"), &[migration.version.into()]).await?;
    }
    Ok(())
}
