//! The number of shards that the keys of an installation are divided into.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::Pipeline;

use super::connection::RedisConnection;
use super::servers::RedisServers;
use crate::storage::{Result, Unavailable};

/// The number of shards of one installation, which is checked once: keys in other shards would not be found.
pub struct ShardLayout {
    servers: RedisServers,
    timeout: Duration,
    /// The prefix of the sidecar's own keys if there is one shard.
    prefix: String,
    shards: usize,
    is_checked: AtomicBool,
}

impl ShardLayout {
    /// The layout of keys that have `prefix` if there is one shard.
    pub fn new(servers: RedisServers, timeout: Duration, prefix: String, shards: usize) -> Self {
        Self { servers, timeout, prefix, shards, is_checked: AtomicBool::new(false) }
    }

    /// Whether the number is known to be right.
    pub fn is_checked(&self) -> bool {
        self.is_checked.load(Ordering::Relaxed)
    }

    /// Checks that Redis has its keys in this number of shards, unless that is known. If there are none yet, the number is
    /// recorded.
    ///
    /// # Errors
    /// The number is another one, or Redis does not reply.
    pub async fn check(&self) -> Result<()> {
        if self.is_checked() {
            return Ok(());
        }
        let stored = self.stored().await?;
        if stored != self.shards {
            let shards = self.shards;
            return Err(Unavailable::new(format!(
                "redis.shards = {shards}, but the keys with the prefix {} are in {stored}: set redis.shards = {stored}",
                self.prefix
            )));
        }
        self.is_checked.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn stored(&self) -> Result<usize> {
        let mut connection = RedisConnection::new(self.servers.clone(), &self.prefix, self.timeout)?;
        let script = connection.register_script(include_str!("layout.lua"));
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.cmd("EVALSHA").arg(script).arg(2);
        pipeline.arg(format!("{}shards", self.prefix)).arg(format!("{}log", self.prefix)).arg(self.shards);
        let (stored,): (usize,) = connection.read(&pipeline).await?;
        Ok(stored)
    }
}
