//! Checks of the Redis server: version, eviction, durability. Each problem is one line in the log.

use std::time::Duration;

use ::redis::aio::ConnectionManager;
use ::redis::{RedisResult, cmd};
use futures_util::future::try_join_all;

use super::RedisStore;
use crate::presence::store::Result;

/// The pause before the next attempt to reach a server that does not reply.
const RETRY: Duration = Duration::from_secs(1);
/// The pause between two looks at the number of evicted keys.
const WATCH_INTERVAL: Duration = Duration::from_secs(10);
/// The oldest version whose commands are used.
const MIN_VERSION: (u32, u32) = (6, 2);

/// The settings of a Redis server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// The address of the server.
    pub server: String,
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
    /// Logs the problems of the servers' settings and of the user's rights once all of them reply; then watches for
    /// evictions, and never returns.
    pub async fn report_settings(&self) {
        while self.report_servers().await.is_err() {
            tokio::time::sleep(RETRY).await;
        }
        let mut before = match self.evicted_keys().await {
            Err(error) if error.is_refused() => return std::future::pending().await,
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

    async fn report_servers(&self) -> Result<()> {
        match self.inspect().await {
            Ok(servers) => {
                for inspection in servers {
                    let Inspection { server, product, version, .. } = &inspection;
                    tracing::info!(server, product, version, "connected to Redis");
                    inspection.problems().iter().for_each(|problem| tracing::warn!(server, "{problem}"));
                }
            }
            Err(error) if error.is_refused() => {
                tracing::warn!(error = error.reason(), "the settings of Redis are unknown: grant +info to the user");
            }
            Err(error) => return Err(error),
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

    /// Reads the settings of all servers.
    ///
    /// # Errors
    /// One does not reply, or refuses `INFO`.
    pub async fn inspect(&self) -> Result<Vec<Inspection>> {
        let servers = self.shards[0].connection.each_server().await?;
        let inspections = servers.into_iter().map(|(server, connection)| inspect(server, connection));
        try_join_all(inspections).await.map_err(|error| self.shards[0].connection.describe(error))
    }

    /// How many keys the servers have evicted since they started.
    async fn evicted_keys(&self) -> Result<u64> {
        let mut sum = 0;
        for (_, mut connection) in self.shards[0].connection.each_server().await? {
            let info: RedisResult<String> = cmd("INFO").arg("stats").query_async(&mut connection).await;
            let info = info.map_err(|error| self.shards[0].connection.describe(error))?;
            sum += field(&info, "evicted_keys").and_then(|count| count.parse().ok()).unwrap_or(0);
        }
        Ok(sum)
    }
}

async fn inspect(server: String, mut connection: ConnectionManager) -> RedisResult<Inspection> {
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
    Ok(Inspection { server, product, version, eviction, append_only })
}

/// A field of the reply to `INFO`.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
