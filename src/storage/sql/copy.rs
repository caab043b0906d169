//! Consistent copies of SQLite files that are in use.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use super::error::{Error, Result};

/// The longest time that a copy waits for other writers.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Writes a consistent copy of the SQLite file `from` to the new file `to`, with every transaction that was committed before.
/// Programs that use the file go on reading and writing meanwhile.
///
/// # Errors
/// A file cannot be read or written, or `to` exists.
pub async fn copy_sqlite(from: &Path, to: &Path) -> Result<()> {
    let mut connection = connect(from).await?;
    let copied = sqlx::query("VACUUM INTO ?").bind(to.display().to_string()).execute(&mut connection).await;
    connection.close().await.map_err(Error::from)?;
    copied.map(drop).map_err(Error::from)
}

/// Checks that a file is a whole SQLite database.
///
/// # Errors
/// It is not.
pub async fn check_sqlite(file: &Path) -> Result<()> {
    let mut connection = connect(file).await?;
    let checked = sqlx::query_scalar::<_, String>("PRAGMA quick_check(1)").fetch_one(&mut connection).await;
    connection.close().await.map_err(Error::from)?;
    match checked.map_err(Error::from)?.as_str() {
        "ok" => Ok(()),
        problem => Err(Error::Unavailable(problem.to_owned().into())),
    }
}

async fn connect(file: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(false).busy_timeout(BUSY_TIMEOUT);
    SqliteConnection::connect_with(&options).await.map_err(Error::from)
}
