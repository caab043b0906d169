//! Making the tables that are missing, and leaving what is there.
//!
//! Tables are made as Laravel's migrations make them, so that the PHP side finds what it expects. One that exists is not
//! touched: it may be Laravel's own, with columns and indexes that nobody here knows of.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::error::Result;
use super::statement::Statements;
use super::{Database, Engine, Error, Pools};
use crate::config::{self, Tables};

/// The tables, in the order in which they are made.
const TABLES: [&str; 10] = [
    "clients",
    "messages",
    "message_receipts",
    "done_steps",
    "cache",
    "cache_locks",
    "presence_log",
    "presence_users",
    "presence_counts",
    "presence_changes",
];

/// Times that another process may be in the way; it does the same work.
const TRIES: u32 = 5;

/// What each table is called in the database.
#[derive(Clone, Debug)]
pub struct Names([(&'static str, String); TABLES.len()]);

impl Names {
    /// Those of Laravel as they are configured, and the sidecar's own under their prefix.
    pub fn new(tables: &Tables, database: &config::Database) -> Self {
        Self([
            ("clients", tables.clients.clone()),
            ("messages", tables.messages.clone()),
            ("message_receipts", tables.message_receipts.clone()),
            ("done_steps", format!("{}done_steps", database.prefix)),
            ("cache", "cache".to_owned()),
            ("cache_locks", "cache_locks".to_owned()),
            ("presence_log", format!("{}presence_log", database.prefix)),
            ("presence_users", format!("{}presence_users", database.prefix)),
            ("presence_counts", format!("{}presence_counts", database.prefix)),
            ("presence_changes", format!("{}presence_changes", database.prefix)),
        ])
    }

    /// For [`Statements::read`].
    pub fn pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(place, name)| (*place, name.as_str())).collect()
    }
}

/// What a migration did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The tables it made.
    pub made: Vec<String>,
    /// The tables that were there.
    pub left: Vec<String>,
}

impl Database {
    /// Makes the tables that are missing. Several processes may do so at once.
    ///
    /// # Errors
    /// The database is not there, or does not let this user make tables. The folder of a file is made, too.
    pub async fn migrate(&self, names: &Names) -> Result<Migrated> {
        if let Pools::Sqlite { file, .. } = &self.pools {
            make_folder_of(file)?;
        }
        let statements = Statements::read(self.engine(), schema(self.engine()), &names.pairs());
        let mut migrated = Migrated { made: Vec::new(), left: Vec::new() };
        for (place, name) in &names.0 {
            let made = self.make(&statements, place, name).await?;
            let list = if made { &mut migrated.made } else { &mut migrated.left };
            list.push(name.clone());
        }
        Ok(migrated)
    }

    /// Whether the table had to be made.
    async fn make(&self, statements: &Statements, place: &str, name: &str) -> Result<bool> {
        let mut tries = 0;
        loop {
            match self.try_to_make(statements, place, name).await {
                Err(Error::Taken | Error::Conflict(_)) if tries < TRIES => tries += 1,
                outcome => return outcome,
            }
        }
    }

    async fn try_to_make(&self, statements: &Statements, place: &str, name: &str) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let found = transaction.rows(&statements.get("exists"), &[name.into()]).await?;
        let count = found.first().map(|row| row.int(0)).transpose()?.flatten();
        if count != Some(0) {
            return Ok(false);
        }
        transaction.execute(&statements.get(place), &[]).await?;
        for index in statements.names_below(place) {
            transaction.execute(&statements.get(&index), &[]).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}

fn make_folder_of(file: &Path) -> Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let made = folder.map(|folder| DirBuilder::new().recursive(true).mode(0o700).create(folder));
    made.unwrap_or(Ok(())).map_err(|error| Error::Unavailable(Box::new(error)))
}

fn schema(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => include_str!("schema/sqlite.sql"),
        Engine::MySql => include_str!("schema/mysql.sql"),
        Engine::Postgres => include_str!("schema/postgres.sql"),
    }
}
