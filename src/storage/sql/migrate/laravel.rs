//! Creates Laravel's tables that are missing.

use std::collections::HashSet;

use super::catalog::Catalog;
use super::retry::retry_on_race;
use super::schema::TableSchema;
use crate::storage::sql::error::Result;
use crate::storage::sql::{Database, Statements};

/// Creates Laravel's tables of `schema` that are missing. Returns their names.
pub(super) async fn create_missing(
    database: &Database,
    catalog: &Catalog,
    schema: &TableSchema,
) -> Result<HashSet<String>> {
    let (engine, mut created) = (database.engine(), HashSet::new());
    for feature in schema.features() {
        let statements = Statements::read(engine, feature.laravel_schema.get(engine), &schema.names().pairs());
        for table in schema.laravel_tables(feature) {
            let name = schema.names().get(table);
            if retry_on_race(|| create(database, catalog, &statements, (table, name))).await? {
                created.insert(name.to_owned());
            }
        }
    }
    Ok(created)
}

/// Creates a table with its indexes. Returns false if it exists.
async fn create(
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
