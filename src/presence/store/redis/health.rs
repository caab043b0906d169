//! Checks of the Redis server: version, eviction, durability. Each problem is one line in the log.

use std::time::Duration;

use ::redis::{RedisResult, cmd};

use super::RedisStore;
use crate::presence::store::Result;
use crate::storage::redis::{Remedy, meaning};

/// The pause before the next attempt to reach a server that does not reply.
const RETRY: Duration = Duration::from_secs(1);
/// The pause between two looks at the number of evicted keys.
const WATCH_INTERVAL: Duration = Duration::from_secs(10);
/// The oldest version whose commands are used.
const MIN_VERSION: (u32, u32) = (6, 2);

/// The settings of a Redis server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// The product and its version, such as `Redis 7.0.15` or `Valkey 9.1.2`.
    pub product: String,
    /// `redis_version`: of Valkey the version of Redis whose commands it has.
    pub version: String,
    /// `maxmemory-policy`, if the server reveals it.
    pub eviction: Option<String>,
    /// `appendonly`, if the server reveals it.
    pub append_only: Option<String>,
}

impl Inspection {
    /// The problems of the server, each in one sentence, with the remedy.
    pub fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut numbers = self.version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if version < MIN_VERSION {
            found.push(format!("{} is too old: presence needs Redis 6.2 or later", self.product));
        }
        if let Some(policy) = self.eviction.as_deref().filter(|policy| *policy != "noeviction") {
            let what = if policy.starts_with("allkeys") { "presence and its change log" } else { "presence records" };
            found.push(format!("Redis may evict {what} (maxmemory-policy {policy}): set noeviction"));
        }
        if self.append_only.as_deref() == Some("no") {
            found.push(
                "Redis forgets the transitions since its last snapshot when it is killed (appendonly no): set appendonly yes"
                    .to_owned(),
            );
        }
        found
    }
}

impl RedisStore {
    /// Logs the problems of the server's settings and of the user's rights once it replies; then watches for evictions,
    /// and never returns.
    pub async fn report_settings(&self) {
        while self.report_server().await.is_err() {
            tokio::time::sleep(RETRY).await;
        }
        let mut before = match self.evicted_keys().await {
            Err(error) if meaning(&error).remedy == Remedy::Refused => return std::future::pending().await,
            evicted => evicted.ok(),
        };
        loop {
            tokio::time::sleep(WATCH_INTERVAL).await;
            let Ok(evicted) = self.evicted_keys().await else { continue };
            if let Some(known) = before
                && evicted > known
            {
                tracing::warn!(
                    evicted = evicted - known,
                    "Redis is full and evicts keys: users read offline, and false webhooks may follow; set \
                     maxmemory-policy noeviction, and raise maxmemory"
                );
                return std::future::pending().await;
            }
            before = Some(evicted);
        }
    }

    async fn report_server(&self) -> Result<()> {
        match self.inspect().await {
            Ok(inspection) => {
                let server = self.connection.address();
                tracing::info!(
                    server,
                    product = inspection.product,
                    version = inspection.version,
                    "connected to Redis"
                );
                for problem in inspection.problems() {
                    tracing::warn!("{problem}");
                }
            }
            Err(error) if meaning(&error).remedy == Remedy::Refused => {
                let server = self.connection.address();
                tracing::warn!(server, %error, "the settings of Redis are unknown: grant +info to the user");
            }
            Err(error) => return Err(self.connection.describe(error)),
        }
        let missing = self.missing_rights().await?;
        if !missing.is_empty() {
            tracing::warn!(
                remedy = self.grant(&missing),
                "the Redis user lacks rights: heartbeats are answered with 503"
            );
        }
        Ok(())
    }

    /// Reads the settings of the server.
    ///
    /// # Errors
    /// Redis does not reply, or refuses `INFO`.
    pub async fn inspect(&self) -> RedisResult<Inspection> {
        let mut connection = self.connection.connection();
        let info: String = cmd("INFO").arg("server").query_async(&mut connection).await?;
        let version = field(&info, "redis_version").unwrap_or_default().to_owned();
        let product = match field(&info, "valkey_version") {
            Some(version) => format!("Valkey {version}"),
            None => format!("Redis {version}"),
        };
        let mut settings = [None, None];
        for (setting, name) in settings.iter_mut().zip(["maxmemory-policy", "appendonly"]) {
            let pair: RedisResult<Vec<String>> = cmd("CONFIG").arg("GET").arg(name).query_async(&mut connection).await;
            *setting = pair.ok().and_then(|pair| pair.into_iter().nth(1));
        }
        let [eviction, append_only] = settings;
        Ok(Inspection { product, version, eviction, append_only })
    }

    /// How many keys the server has evicted since it started.
    async fn evicted_keys(&self) -> RedisResult<u64> {
        let info: String = cmd("INFO").arg("stats").query_async(&mut self.connection.connection()).await?;
        Ok(field(&info, "evicted_keys").and_then(|count| count.parse().ok()).unwrap_or(0))
    }
}

/// A field of the reply to `INFO`.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
