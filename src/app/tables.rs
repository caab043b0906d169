//! The tables that a configuration needs, and when they are created.

use std::time::{Duration, Instant};

use futures_util::future::select_all;

use super::app_migrations::AppMigrations;
use crate::config::{CacheStore, Config, FanoutQueue};
use crate::storage::sql::{Database, Engine, FeatureTables, Statements, TableNames, TableSchema};
use crate::{messaging, presence, queue};

/// The pause before a retry when tables could not be created.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The time that the app's own migrations get to create its tables again.
const APP_GRACE: Duration = Duration::from_secs(30);

/// The pause between two checks for tables that this sidecar does not create.
const CHECK_EVERY: Duration = Duration::from_secs(10);

/// The log line while messages have no tables.
const MESSAGES_WITHOUT_TABLES: &str = "messages have no tables in the app's database yet, and are answered with 503: \
                                       `presence-sidecar migrate` creates them; so does a start with messaging.enabled = true, \
                                       and false switches messages off";

/// Returns the names of all tables: Laravel's as configured, and the sidecar's own with their prefix.
pub fn table_names(config: &Config) -> TableNames {
    let (tables, database) = (&config.messaging.tables, &config.database);
    let laravel = vec![
        ("clients", tables.clients.clone()),
        ("messages", tables.messages.clone()),
        ("message_receipts", tables.message_receipts.clone()),
        ("cache", database.cache_table.clone()),
        ("cache_locks", "cache_locks".to_owned()),
    ];
    let features = [&messaging::store::TABLES, &queue::TABLES, &presence::store::TABLES];
    TableNames::new(&database.prefix, &features, laravel)
}

/// Returns the tables of the features that the configuration uses, including messages unless they are disabled.
pub fn schema(config: &Config) -> TableSchema {
    TableSchema::new(table_names(config), tables_of(config, config.messaging.enabled))
}

/// Returns the tables of all features, whether or not the configuration uses them.
pub fn whole_schema(config: &Config) -> TableSchema {
    let features = [&messaging::store::TABLES, &queue::TABLES, &presence::store::TABLES];
    TableSchema::new(table_names(config), features.to_vec())
}

/// Returns the statements of the features that the configuration uses, for [`Database::missing_grants`].
pub fn statements(config: &Config, engine: Engine) -> Vec<Statements> {
    let names = table_names(config);
    features(config, config.messaging.enabled).map(|feature| (feature.statements)(engine, &names)).collect()
}

/// What a feature stores in the database.
struct StoredFeature {
    tables: &'static FeatureTables,
    statements: fn(Engine, &TableNames) -> Statements,
}

fn tables_of(config: &Config, messages: bool) -> Vec<&'static FeatureTables> {
    features(config, messages).map(|feature| feature.tables).collect()
}

fn features(config: &Config, messages: bool) -> impl Iterator<Item = StoredFeature> {
    let in_database = config.cache.store == CacheStore::Database;
    let queued = messages && config.messaging.queue == FanoutQueue::Database;
    let stored = |tables, statements| StoredFeature { tables, statements };
    let features = [
        (messages, stored(&messaging::store::TABLES, messaging::store::statements)),
        (in_database || queued, stored(&queue::TABLES, queue::sql_statements)),
        (in_database, stored(&presence::store::TABLES, presence::store::sql_statements)),
    ];
    features.into_iter().filter_map(|(is_used, feature)| is_used.then_some(feature))
}

/// The tables of a running sidecar.
#[derive(Clone)]
pub(super) struct Tables {
    database: Database,
    /// Those that it creates.
    created: TableSchema,
    /// Those of messages, if only a command creates them.
    on_demand: Option<TableSchema>,
    /// What the user of the database must be allowed to execute.
    statements: Vec<Statements>,
    /// The migrations of the app whose database this is.
    app: Option<AppMigrations>,
}

impl Tables {
    /// Returns the tables of a configuration. In the app's own database, the tables of messages are created only if the
    /// configuration mentions messages.
    pub(super) fn of(config: &Config, database: Database) -> Self {
        let served = config.messaging.enabled;
        let creates = config.database.auto_migrate;
        let messages =
            served && creates && (config.messaging.is_configured || config.database.app_migrations.is_none());
        let created = if creates { tables_of(config, messages) } else { Vec::new() };
        let on_demand = (served && !messages).then(|| schema(config));
        let statements = statements(config, database.engine());
        let app = AppMigrations::of(&config.database, database.clone());
        Self { database, created: TableSchema::new(table_names(config), created), on_demand, statements, app }
    }

    /// Creates what is missing; returns false if the database is not available, or tables are left to the app's migrations
    /// and to [`complete`](Self::complete).
    pub(super) async fn ensure(&self) -> bool {
        let created = self.create_first().await;
        if let Err(error) = &created {
            let database = self.database.address();
            tracing::warn!(database, error = error.chain(), "the tables are not ready yet; retrying until they are");
            if error.is_denied() {
                self.report_missing_grants().await;
            }
        }
        created.unwrap_or(false)
    }

    /// Creates what is missing. In the database of an app: nothing before the app has begun to migrate, and then only the
    /// sidecar's own tables. Returns whether none is missing.
    async fn create_first(&self) -> crate::storage::sql::Result<bool> {
        let Some(app) = self.app.as_ref().filter(|_| !self.created.is_empty()) else {
            return self.create(&self.created).await.map(|()| true);
        };
        if !app.have_begun().await? {
            let (database, table) = (self.database.address(), app.table());
            tracing::warn!(
                database,
                table,
                "the app has not migrated this database yet: no table is created, and requests are answered with 503, until \
                 `php artisan migrate` has run"
            );
            return Ok(false);
        }
        self.create(&self.created.own()).await?;
        Ok(!self.database.has_missing_tables(&self.created).await?)
    }

    /// Creates what is still missing, in the database of an app after the app's migrations.
    async fn create_rest(&self) -> crate::storage::sql::Result<()> {
        if let Some(app) = self.app.as_ref().filter(|_| !self.created.is_empty()) {
            let had_begun = app.wait().await?;
            self.create(&self.created.own()).await?;
            app.settle(had_begun, &self.created).await?;
        }
        self.create(&self.created).await
    }

    /// Creates what is missing, again and again until the database is available, unless it was `created`. Then logs which
    /// privileges the user of the database lacks.
    pub(super) async fn complete(self, created: bool) {
        if !created {
            while self.create_rest().await.is_err() {
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
        self.report_missing_grants().await;
    }

    async fn report_missing_grants(&self) {
        match self.database.missing_grants(&self.statements, &self.created).await {
            Ok(grants) => grants.iter().for_each(|grant| {
                tracing::warn!(database = self.database.address(), grant, "the user lacks a privilege in the database");
            }),
            Err(error) => tracing::debug!(error = error.chain(), "the privileges in the database are unknown"),
        }
    }

    async fn create(&self, schema: &TableSchema) -> crate::storage::sql::Result<()> {
        if schema.is_empty() {
            return Ok(());
        }
        let created = self.database.migrate(schema).await?.created;
        if !created.is_empty() {
            tracing::info!(tables = created.join(", "), "created tables");
        }
        Ok(())
    }

    /// Creates tables again that are dropped while the sidecar runs, as `php artisan migrate:fresh` does, when a statement
    /// in one of `databases` fails for a missing table.
    ///
    /// Laravel's tables are left to the app's own migrations first, which fail if a table exists.
    pub(super) async fn keep(self, databases: Vec<Database>) {
        let mut missing_since: Option<Instant> = None;
        while !self.created.is_empty() {
            let seen = databases.iter().chain([&self.database]).map(|database| Box::pin(database.missing_table_seen()));
            select_all(seen).await;
            if !self.may_create().await {
                tokio::time::sleep(RETRY_PAUSE).await;
                continue;
            }
            let waited = missing_since.is_some_and(|since| since.elapsed() > APP_GRACE);
            let schema = if waited { self.created.clone() } else { self.created.own() };
            if let Err(error) = self.create(&schema).await {
                tracing::warn!(error = error.chain(), "missing tables could not be created");
            }
            let is_missing = self.database.has_missing_tables(&self.created).await.unwrap_or(true);
            missing_since = is_missing.then(|| missing_since.unwrap_or_else(Instant::now));
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    /// Whether tables may be created now: not before the app has begun to migrate.
    async fn may_create(&self) -> bool {
        match &self.app {
            Some(app) => app.have_begun().await.unwrap_or(false),
            None => true,
        }
    }

    /// Resolves when messages have their tables. Logs how to create them if they are missing.
    pub(super) async fn messages(&self) {
        let Some(schema) = &self.on_demand else { return };
        let mut logged = false;
        loop {
            match self.database.has_missing_tables(schema).await {
                Ok(false) => return,
                Ok(true) if !std::mem::replace(&mut logged, true) => tracing::info!("{MESSAGES_WITHOUT_TABLES}"),
                Ok(true) | Err(_) => {}
            }
            tokio::time::sleep(CHECK_EVERY).await;
        }
    }
}
