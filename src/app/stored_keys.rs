//! The check of stored keys for commands.

use super::table_names;
use crate::config::{Config, DatabaseConnection};
use crate::messaging::service::KeySample;
use crate::messaging::store::MessageStore;
use crate::storage::sql;
use crate::storage::sql::Database;

/// Tries the stored keys of some clients; `None` if messages are disabled, or have no key or no tables yet.
///
/// # Errors
/// The database does not answer.
pub async fn sample_stored_keys(config: &Config) -> sql::Result<Option<KeySample>> {
    let Some(crypt) = config.laravel.crypt.as_ref().filter(|_| config.messaging.enabled) else { return Ok(None) };
    // Opening a missing file would create it.
    if matches!(&config.database.connection, DatabaseConnection::Sqlite(file) if !file.exists()) {
        return Ok(None);
    }
    let database = Database::open(&config.database);
    let sample = KeySample::take(&MessageStore::new(database.clone(), &table_names(config)), crypt).await;
    database.close().await;
    match sample {
        Err(sql::Error::NoTable(_)) => Ok(None),
        sample => sample.map(Some),
    }
}
