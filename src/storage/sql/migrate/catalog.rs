//! What the database has: tables, columns, indexes, recorded migrations.

use std::collections::HashMap;

use super::schema::{PerEngine, TableNames};
use super::series::Object;
use super::session::Session;
use crate::storage::sql::error::Result;
use crate::storage::sql::statement::{Arg, Statement, Statements};
use crate::storage::sql::{Database, Engine, Row, Transaction};

const FILES: PerEngine = PerEngine {
    sqlite: include_str!("sqlite.sql"),
    mysql: include_str!("mysql.sql"),
    postgres: include_str!("postgres.sql"),
};

/// The statements that read and write what is known of migrations.
pub(super) struct Catalog {
    pub(super) statements: Statements,
    /// The table of applied migrations.
    pub(super) migrations: String,
}

/// A connection that executes reading statements.
pub(super) trait Reader {
    async fn read(&mut self, statement: &Statement, args: &[Arg<'_>]) -> Result<Vec<Row>>;
}

impl Reader for &Database {
    async fn read(&mut self, statement: &Statement, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        self.rows(statement, args).await
    }
}

impl Reader for &mut Transaction {
    async fn read(&mut self, statement: &Statement, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        self.rows(statement, args).await
    }
}

impl Reader for &mut Session {
    async fn read(&mut self, statement: &Statement, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        self.rows(statement, args).await
    }
}

impl Catalog {
    pub(super) fn new(engine: Engine, names: &TableNames) -> Self {
        let statements = Statements::read(engine, FILES.get(engine), &names.pairs());
        Self { statements, migrations: names.migrations().to_owned() }
    }

    /// Whether a table or a view of this name exists.
    pub(super) async fn has_table(&self, mut reader: impl Reader, table: &str) -> Result<bool> {
        is_counted(&reader.read(&self.statements.get("table_exists"), &[table.into()]).await?)
    }

    /// Whether a table, a column or an index exists.
    pub(super) async fn has(&self, mut reader: impl Reader, object: &Object) -> Result<bool> {
        match object {
            Object::Table(table) => self.has_table(reader, table).await,
            Object::Column { table, name } => {
                let args = [table.as_str().into(), name.as_str().into()];
                is_counted(&reader.read(&self.statements.get("column_exists"), &args).await?)
            }
            Object::Index { table, name } => {
                let args = [table.as_str().into(), name.as_str().into()];
                is_counted(&reader.read(&self.statements.get("index_exists"), &args).await?)
            }
        }
    }

    /// The checksums of the migrations that were applied, by their versions.
    pub(super) async fn applied(&self, mut reader: impl Reader) -> Result<HashMap<i64, Vec<u8>>> {
        let rows = reader.read(&self.statements.get("applied"), &[]).await?;
        rows.iter().map(|row| Ok((row.int(0)?, row.bytes(1)?))).collect()
    }
}

/// Whether a `COUNT(*)` is not 0.
fn is_counted(rows: &[Row]) -> Result<bool> {
    Ok(rows.first().map(|row| row.int(0)).transpose()? != Some(0))
}
