//! Creates Laravel's tables that are missing.

use std::collections::HashSet;

use super::MAX_ATTEMPTS;
use super::catalog::Catalog;
use super::schema::Schema;
use crate::storage::sql::error::{Error, Result};
use crate::storage::sql::{Database, Statements};

/// Creates Laravel's tables of `schema` that are missing, and adds their names to `new`.
pub(super) async fn create_missing(
    database: &Database,
    catalog: &Catalog,
    schema: &Schema,
    new: &mut HashSet<String>,
) -> Result<()> {
    let engine = database.engine();
    for feature in schema.features() {
        let statements = Statements::read(engine, feature.laravel_schema.get(engine), &schema.names().pairs());
        for table in schema.laravel_tables(feature) {
            let name = schema.names().get(table);
            if create(database, catalog, &statements, (table, name)).await? {
                new.insert(name.to_owned());
            }
        }
    }
    Ok(())
}

/// Returns whether the table was missing.
async fn create(database: &Database, catalog: &Catalog, statements: &Statements, table: (&str, &str)) -> Result<bool> {
    let mut attempts = 0;
    loop {
        match try_create(database, catalog, statements, table).await {
            Err(Error::UniqueViolation | Error::Conflict(_)) if attempts < MAX_ATTEMPTS => attempts += 1,
            outcome => return outcome,
        }
    }
}

async fn try_create(
    database: &Database,
    catalog: &Catalog,
    statements: &Statements,
    (table, name): (&str, &str),
) -> Result<bool> {
    let mut transaction = database.begin().await?;
    if catalog.has_table(&mut transaction, name).await? {
        return Ok(false);
    }
    transaction.execute(&statements.get(table), &[]).await?;
    for index in statements.names_below(table) {
        transaction.execute(&statements.get(&index), &[]).await?;
    }
    transaction.commit().await?;
    Ok(true)
}
