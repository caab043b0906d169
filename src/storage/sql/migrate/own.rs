//! Applies the versioned migrations of the sidecar's own tables.

use std::collections::HashSet;

use super::MAX_ATTEMPTS;
use super::catalog::Catalog;
use super::schema::Schema;
use super::series;
use super::series::{Migration, Object};
use super::session::Session;
use crate::storage::sql::Database;
use crate::storage::sql::error::{Error, Result};

/// Applies the migrations that are not recorded, or whose tables are missing, and adds the new tables to `new`.
pub(super) async fn migrate(
    database: &Database,
    catalog: &Catalog,
    schema: &Schema,
    new: &mut HashSet<String>,
) -> Result<()> {
    let read = |feature| series::read(database.engine(), feature, schema.names());
    let features: Vec<Vec<Migration>> = schema.features().iter().copied().map(read).collect();
    if features.is_empty() || is_up_to_date(database, catalog, &features).await? {
        return Ok(());
    }
    let mut attempts = 0;
    loop {
        match run(database, catalog, &features, new).await {
            Err(Error::UniqueViolation | Error::Conflict(_)) if attempts < MAX_ATTEMPTS => attempts += 1,
            outcome => return outcome,
        }
    }
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
async fn run(
    database: &Database,
    catalog: &Catalog,
    features: &[Vec<Migration>],
    new: &mut HashSet<String>,
) -> Result<()> {
    let mut session = Session::begin(database, catalog).await?;
    let is_first = !catalog.has_table(&mut session, &catalog.migrations).await?;
    session.create_migrations_table(catalog).await?;
    session.execute(&catalog.statements.get("delete_unfinished"), &[]).await?;
    let mut missing: HashSet<&Object> = HashSet::new();
    for object in features.iter().flatten().flat_map(Migration::objects) {
        if !catalog.has(&mut session, object).await? {
            missing.insert(object);
        }
    }
    for feature in features {
        if feature.iter().flat_map(Migration::required_objects).any(|object| missing.contains(object)) {
            for migration in feature {
                session.execute(&catalog.statements.get("delete_version"), &[migration.version.into()]).await?;
            }
        }
    }
    session.apply(catalog, features.iter().flatten().map(|migration| migration.to_sqlx(&missing)).collect()).await?;
    session.end().await?;
    new.extend(is_first.then(|| catalog.migrations.clone()));
    new.extend(missing.into_iter().filter_map(|object| match object {
        Object::Table(table) => Some(table.clone()),
        Object::Column { .. } | Object::Index { .. } => None,
    }));
    Ok(())
}
