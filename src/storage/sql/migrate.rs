//! Making the tables that are missing, and leaving what is there.
//!
//! Tables are made as Laravel's migrations make them, so that the PHP side finds what it expects. One that exists is not
//! touched: it may be Laravel's own, with columns and indexes that nobody here knows of.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::error::Result;
use super::statement::Statements;
use super::{Database, Engine, Error, Pools, Row};
use crate::config;
use crate::config::Tables;

/// Tables that are made together, since one wing needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableGroup {
    /// Clients and messages.
    Messages,
    /// Queues.
    Queue,
    /// Presence, with Laravel's `cache`.
    Presence,
}

impl TableGroup {
    /// All of them, in the order in which they are made.
    pub const ALL: [Self; 3] = [Self::Messages, Self::Queue, Self::Presence];

    fn places(self) -> &'static [&'static str] {
        match self {
            Self::Messages => &["clients", "messages", "message_receipts", "done_steps"],
            Self::Queue => &["queue_lanes", "queue_jobs"],
            Self::Presence => {
                &["cache", "cache_locks", "presence_log", "presence_users", "presence_counts", "presence_changes"]
            }
        }
    }
}

/// Tables that an app may have migrations for.
const LARAVEL_TABLES: [&str; 5] = ["clients", "messages", "message_receipts", "cache", "cache_locks"];

/// Times that another process may be in the way; it does the same work.
const TRIES: u32 = 5;

/// What each table is called in the database, and which of them are wanted.
#[derive(Clone, Debug)]
pub struct TableNames {
    names: Vec<(&'static str, String)>,
    parts: Vec<TableGroup>,
    own_only: bool,
}

impl TableNames {
    /// Those of Laravel as they are configured, and the sidecar's own under their prefix; all are wanted.
    pub fn new(tables: &Tables, database: &config::DatabaseConfig) -> Self {
        let name = |place: &'static str| match place {
            "clients" => tables.clients.clone(),
            "messages" => tables.messages.clone(),
            "message_receipts" => tables.message_receipts.clone(),
            "cache" => database.cache_table.clone(),
            "cache_locks" => "cache_locks".to_owned(),
            own => format!("{}{own}", database.prefix),
        };
        let places = TableGroup::ALL.into_iter().flat_map(TableGroup::places);
        Self {
            names: places.map(|place| (*place, name(place))).collect(),
            parts: TableGroup::ALL.to_vec(),
            own_only: false,
        }
    }

    /// The same names, but [`Database::migrate`] makes the tables of these parts alone.
    #[must_use]
    pub fn only(&self, parts: &[TableGroup]) -> Self {
        Self { names: self.names.clone(), parts: parts.to_vec(), own_only: self.own_only }
    }

    /// The same names, but none of a table that an app has migrations for is wanted.
    #[must_use]
    pub fn only_own(&self) -> Self {
        Self { own_only: true, ..self.clone() }
    }

    /// Whether no table is wanted.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// For [`Statements::read`].
    pub fn pairs(&self) -> Vec<(&str, &str)> {
        self.names.iter().map(|(place, name)| (*place, name.as_str())).collect()
    }

    /// The tables that are wanted.
    fn wanted(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let wanted = |place: &str| {
            let in_part = self.parts.iter().any(|part| part.places().contains(&place));
            in_part && !(self.own_only && LARAVEL_TABLES.contains(&place))
        };
        self.names.iter().filter(move |(place, _)| wanted(place)).map(|(place, name)| (*place, name.as_str()))
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
    /// Makes the tables that are wanted and missing. Several processes may do so at once.
    ///
    /// # Errors
    /// The database is not there, or does not let this user make tables. The folder of a file is made, too.
    pub async fn migrate(&self, names: &TableNames) -> Result<Migrated> {
        if let Pools::Sqlite { file, .. } = &self.pools {
            make_folder_of(file)?;
        }
        let statements = Statements::read(self.engine(), schema(self.engine()), &names.pairs());
        let mut migrated = Migrated { made: Vec::new(), left: Vec::new() };
        for (place, name) in names.wanted() {
            let made = self.make(&statements, place, name).await?;
            let list = if made { &mut migrated.made } else { &mut migrated.left };
            list.push(name.to_owned());
        }
        Ok(migrated)
    }

    /// Whether one of the tables that are wanted is missing.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn has_missing_tables(&self, names: &TableNames) -> Result<bool> {
        let exists = Statements::read(self.engine(), schema(self.engine()), &names.pairs()).get("exists");
        for (_, name) in names.wanted() {
            if !is_there(&self.rows(&exists, &[name.into()]).await?)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the table had to be made.
    async fn make(&self, statements: &Statements, place: &str, name: &str) -> Result<bool> {
        let mut tries = 0;
        loop {
            match self.try_to_make(statements, place, name).await {
                Err(Error::UniqueViolation | Error::Conflict(_)) if tries < TRIES => tries += 1,
                outcome => return outcome,
            }
        }
    }

    async fn try_to_make(&self, statements: &Statements, place: &str, name: &str) -> Result<bool> {
        let mut transaction = self.begin().await?;
        if is_there(&transaction.rows(&statements.get("exists"), &[name.into()]).await?)? {
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

/// What the statement `exists` says.
fn is_there(rows: &[Row]) -> Result<bool> {
    Ok(rows.first().map(|row| row.int(0)).transpose()? != Some(0))
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
