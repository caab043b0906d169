//! Rows of any engine.

use sqlx::mysql::MySqlRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Decode, Row as _, Type};

use super::error::{Error, Result};

/// A selected row. Columns are numbered from 0.
pub struct Row(Inner);

enum Inner {
    Sqlite(SqliteRow),
    MySql(MySqlRow),
    Postgres(PgRow),
}

impl From<SqliteRow> for Row {
    fn from(row: SqliteRow) -> Self {
        Self(Inner::Sqlite(row))
    }
}

impl From<MySqlRow> for Row {
    fn from(row: MySqlRow) -> Self {
        Self(Inner::MySql(row))
    }
}

impl From<PgRow> for Row {
    fn from(row: PgRow) -> Self {
        Self(Inner::Postgres(row))
    }
}

/// The rows of a result.
pub(super) fn rows<R: Into<Row>>(rows: Vec<R>) -> Vec<Row> {
    rows.into_iter().map(Into::into).collect()
}

impl Row {
    /// Returns a text.
    pub fn text(&self, column: usize) -> Result<String> {
        self.get(column)?.ok_or_else(null)
    }

    /// Returns a 64-bit integer.
    pub fn int(&self, column: usize) -> Result<i64> {
        self.get(column)?.ok_or_else(null)
    }

    /// Returns bytes; on SQLite also those of a text.
    pub fn bytes(&self, column: usize) -> Result<Vec<u8>> {
        self.get(column)?.ok_or_else(null)
    }

    /// Returns a text, or `None` for null.
    pub fn text_or_null(&self, column: usize) -> Result<Option<String>> {
        self.get(column)
    }

    /// Returns a 64-bit integer, or `None` for null.
    pub fn int_or_null(&self, column: usize) -> Result<Option<i64>> {
        self.get(column)
    }

    /// Returns bytes, or `None` for null; on SQLite also those of a text.
    pub fn bytes_or_null(&self, column: usize) -> Result<Option<Vec<u8>>> {
        self.get(column)
    }

    fn get<T>(&self, column: usize) -> Result<Option<T>>
    where
        T: for<'r> Decode<'r, sqlx::Sqlite> + Type<sqlx::Sqlite>,
        T: for<'r> Decode<'r, sqlx::MySql> + Type<sqlx::MySql>,
        T: for<'r> Decode<'r, sqlx::Postgres> + Type<sqlx::Postgres>,
        usize: ColumnIndex<SqliteRow> + ColumnIndex<MySqlRow> + ColumnIndex<PgRow>,
    {
        let value = match &self.0 {
            Inner::Sqlite(row) => row.try_get(column),
            Inner::MySql(row) => row.try_get(column),
            Inner::Postgres(row) => row.try_get(column),
        };
        value.map_err(Error::from)
    }
}

fn null() -> Error {
    Error::Rejected("a column is null that must not be null".into())
}
