//! Checks of the files that the configuration of a database names.

use std::io::Read;
use std::path::Path;

use super::{DatabaseConfig, DatabaseConnection};

/// What every SQLite file begins with.
const SQLITE: [u8; 16] = *b"SQLite format 3\0";

impl DatabaseConfig {
    /// Checks the files that the configuration names: certificates can be read, and an SQLite file is one.
    ///
    /// # Errors
    /// A line that names the key, the file and the reason.
    pub fn check_files(&self) -> Result<(), String> {
        match &self.connection {
            DatabaseConnection::Sqlite(path) if is_foreign(path) => Err(format!(
                "database.database = {}: the file is not an SQLite database; move it away, or restore a backup",
                path.display()
            )),
            _ => self.check_certificates(),
        }
    }

    fn check_certificates(&self) -> Result<(), String> {
        let server = match &self.connection {
            DatabaseConnection::Sqlite(_) => return Ok(()),
            DatabaseConnection::MySql(server) | DatabaseConnection::Postgres(server) => server,
        };
        let Some(file) = &server.ssl_ca else { return Ok(()) };
        let named = |why: &str| format!("database.ssl_ca = {}: {why}", file.display());
        match std::fs::read_to_string(file) {
            Ok(text) if text.contains("-----BEGIN CERTIFICATE-----") => Ok(()),
            Ok(_) => Err(named("the file has no certificate in PEM format")),
            Err(error) => Err(named(&format!("the file cannot be read: {error}"))),
        }
    }
}

/// Whether a file exists and is neither empty nor one of SQLite.
fn is_foreign(path: &Path) -> bool {
    let mut head = Vec::new();
    let file = std::fs::File::open(path).and_then(|file| file.take(16).read_to_end(&mut head));
    file.is_ok() && !head.is_empty() && head != SQLITE
}
