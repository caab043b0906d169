//! The tables that a configuration needs, and who makes them.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::{Config, FanoutQueue, Store};
use crate::database::{self, Database, Names, Part};

/// How long until a database that does not answer is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// The tables of everything that the configuration uses, messages included unless they are switched off.
pub fn used(config: &Config) -> Names {
    Names::new(&config.messaging.tables, &config.database).only(&parts(config, config.messaging.enabled))
}

fn parts(config: &Config, messages: bool) -> Vec<Part> {
    let in_database = config.cache.store == Store::Database;
    let queued = messages && config.messaging.queue == FanoutQueue::Database;
    let wanted = |part: &Part| match part {
        Part::Messages => messages,
        Part::Queue => in_database || queued,
        Part::Presence => in_database,
    };
    Part::ALL.into_iter().filter(wanted).collect()
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
        let served = config.messaging.enabled;
        let makes = config.database.auto_migrate;
        let messages = served && makes && (config.messaging.asked_for || !config.database.is_the_apps);
        let names = Names::new(&config.messaging.tables, &config.database);
        let made = if makes { parts(config, messages) } else { Vec::new() };
        let unasked = (served && !messages).then(|| names.only(&[Part::Messages]));
        let (database, made) = (Database::open(&config.database), names.only(&made));
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
