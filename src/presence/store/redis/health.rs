//! Checks of the Redis server: version, eviction, durability. Each problem is one line in the log.

use std::time::Duration;

use ::redis::{RedisResult, cmd};

use super::RedisStore;

/// The pause before the next attempt to reach a server that does not reply.
const RETRY: Duration = Duration::from_secs(1);
/// The oldest version whose commands are used.
const MIN_VERSION: (u32, u32) = (6, 2);

/// The settings of a Redis server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// `redis_version`.
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
            found.push(format!("Redis {} is too old: presence needs 6.2 or later", self.version));
        }
        if let Some(policy) = self.eviction.as_deref().filter(|policy| policy.starts_with("allkeys")) {
            found.push(format!(
                "Redis may evict presence and its change log (maxmemory-policy {policy}): set noeviction or volatile-lru"
            ));
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
    /// Waits until the server replies, then logs the problems of its settings.
    pub async fn report_settings(&self) {
        loop {
            match self.inspect().await {
                Ok(inspection) => {
                    tracing::info!(version = inspection.version, "connected to Redis");
                    for problem in inspection.problems() {
                        tracing::warn!("{problem}");
                    }
                    return;
                }
                Err(_) => tokio::time::sleep(RETRY).await,
            }
        }
    }

    /// Reads the settings of the server.
    pub async fn inspect(&self) -> RedisResult<Inspection> {
        let mut connection = self.connection.connection();
        let info: String = cmd("INFO").arg("server").query_async(&mut connection).await?;
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or_default();
        let mut settings = [None, None];
        for (setting, name) in settings.iter_mut().zip(["maxmemory-policy", "appendonly"]) {
            let pair: RedisResult<Vec<String>> = cmd("CONFIG").arg("GET").arg(name).query_async(&mut connection).await;
            *setting = pair.ok().and_then(|pair| pair.into_iter().nth(1));
        }
        let [eviction, append_only] = settings;
        Ok(Inspection { version: version.trim().to_owned(), eviction, append_only })
    }
}
