//! The tables that a configuration needs, and who makes them.

use std::time::{Duration, Instant};

use futures_util::future::select_all;
use tokio_util::sync::CancellationToken;

use crate::config::{CacheStore, Config, FanoutQueue};
use crate::storage::sql;
use crate::storage::sql::{Database, TableGroup, TableNames};

/// How long until a database that does not answer is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// The tables of everything that the configuration uses, messages included unless they are switched off.
pub fn used(config: &Config) -> TableNames {
    TableNames::new(&config.messaging.tables, &config.database).only(&parts(config, config.messaging.enabled))
}

fn parts(config: &Config, messages: bool) -> Vec<TableGroup> {
    let in_database = config.cache.store == CacheStore::Database;
    let queued = messages && config.messaging.queue == FanoutQueue::Database;
    let wanted = |part: &TableGroup| match part {
        TableGroup::Messages => messages,
        TableGroup::Queue => in_database || queued,
        TableGroup::Presence => in_database,
    };
    TableGroup::ALL.into_iter().filter(wanted).collect()
}

/// How long the app's own migrations may take to bring back its tables.
const APP_FIRST: Duration = Duration::from_secs(30);

/// How often tables are looked for that somebody may make.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How messages get their tables.
const HOW: &str = "messages have no tables in the app's database yet, and are answered with 503: `presence-sidecar migrate` \
                   makes them; so does a start with messaging.enabled = true, and false switches messages off";

/// Tables to be there when the first request comes.
#[derive(Clone)]
pub(super) struct Tables {
    database: Database,
    /// To be made.
    made: TableNames,
    /// Not to be made unless somebody asks for them.
    unasked: Option<TableNames>,
}

impl Tables {
    /// Those that the start makes: in the app's own database none that nobody has asked for.
    pub(super) fn of(config: &Config, database: Database) -> Self {
        let served = config.messaging.enabled;
        let makes = config.database.auto_migrate;
        let messages = served && makes && (config.messaging.is_configured || !config.database.is_app_database);
        let names = TableNames::new(&config.messaging.tables, &config.database);
        let made = if makes { parts(config, messages) } else { Vec::new() };
        let unasked = (served && !messages).then(|| names.only(&parts(config, true)));
        Self { database, made: names.only(&made), unasked }
    }

    /// Makes what is missing, now, or as soon as the database answers.
    pub(super) async fn ensure(&self, stop: &CancellationToken) {
        if let Err(error) = self.make(&self.made).await {
            tracing::warn!(error = error.chain(), "the tables are not ready yet; trying again until they are");
            let tables = self.clone();
            let again = async move {
                while tables.make(&tables.made).await.is_err() {
                    tokio::time::sleep(AGAIN).await;
                }
            };
            tokio::spawn(stop.clone().run_until_cancelled_owned(again));
        }
    }

    async fn make(&self, names: &TableNames) -> sql::Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let made = self.database.migrate(names).await?.made;
        if !made.is_empty() {
            tracing::info!(tables = made.join(", "), "tables were made");
        }
        Ok(())
    }

    /// Makes again what somebody drops, as `php artisan migrate:fresh` does, once it is missed in one of `databases`.
    ///
    /// The app's own migrations come first: they fail if a table is there already.
    pub(super) async fn keep(self, databases: Vec<Database>) {
        let mut lacking: Option<Instant> = None;
        while !self.made.is_empty() {
            let missing =
                databases.iter().chain([&self.database]).map(|database| Box::pin(database.missing_table_seen()));
            select_all(missing).await;
            let for_long = lacking.is_some_and(|since| since.elapsed() > APP_FIRST);
            let names = if for_long { self.made.clone() } else { self.made.only_own() };
            if let Err(error) = self.make(&names).await {
                tracing::warn!(error = error.chain(), "tables that are missing could not be made");
            }
            let lacks = self.database.has_missing_tables(&self.made).await.unwrap_or(true);
            lacking = lacks.then(|| lacking.unwrap_or_else(Instant::now));
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Returns once messages have their tables; says how they get them if they have not.
    pub(super) async fn messages(&self) {
        let Some(unasked) = &self.unasked else { return };
        let mut told = false;
        loop {
            match self.database.has_missing_tables(unasked).await {
                Ok(false) => return,
                Ok(true) if !std::mem::replace(&mut told, true) => tracing::info!("{HOW}"),
                Ok(true) | Err(_) => {}
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
