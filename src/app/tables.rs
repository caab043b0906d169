//! The tables that a configuration needs, and who makes them.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::{Config, Store};
use crate::database::{self, Database, Names, Part};

/// How long until a database that does not answer is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// The tables of everything that the configuration uses, messages included unless they are switched off.
pub fn used(config: &Config) -> Names {
    let mut parts = Vec::new();
    if config.messaging.enabled {
        parts.push(Part::Messages);
    }
    if config.cache.store == Store::Database {
        parts.extend([Part::Queue, Part::Presence]);
    }
    Names::new(&config.messaging.tables, &config.database).only(&parts)
}

/// Tables to be there when the first request comes.
pub(super) struct Tables {
    database: Database,
    /// To be made.
    made: Names,
    /// Not to be made unless somebody asks for them.
    unasked: Option<Names>,
}

impl Tables {
    /// Those that the start makes: in the app's own database none that nobody has asked for.
    pub(super) fn of(config: &Config) -> Self {
        let messages = config.messaging.asked_for || !config.database.is_the_apps;
        let used = used(config);
        let (database, wanted) = (Database::open(&config.database), config.database.auto_migrate);
        let unasked = (config.messaging.enabled && !(messages && wanted)).then(|| used.only(&[Part::Messages]));
        let made = match (wanted, messages) {
            (true, true) => used,
            (true, false) => used.without(Part::Messages),
            (false, _) => used.only(&[]),
        };
        Self { database, made, unasked }
    }

    /// Makes what is missing, now, or as soon as the database answers.
    pub(super) async fn ensure(self, stop: &CancellationToken) {
        if let Err(error) = self.try_to_ensure().await {
            tracing::warn!(error = error.chain(), "the tables are not ready yet; trying again until they are");
            let again = async move {
                while self.try_to_ensure().await.is_err() {
                    tokio::time::sleep(AGAIN).await;
                }
            };
            tokio::spawn(stop.clone().run_until_cancelled_owned(again));
        }
    }

    async fn try_to_ensure(&self) -> database::Result<()> {
        if !self.made.is_empty() {
            let made = self.database.migrate(&self.made).await?.made;
            if !made.is_empty() {
                tracing::info!(tables = made.join(", "), "tables were made");
            }
        }
        if let Some(unasked) = &self.unasked
            && self.database.lacks(unasked).await?
        {
            tracing::info!(
                "messages have no tables in this database, so they are answered with 503: run `presence-sidecar migrate`, \
                 set messaging.enabled = true or a token of messages; messaging.enabled = false switches them off"
            );
        }
        self.database.close().await;
        Ok(())
    }
}
