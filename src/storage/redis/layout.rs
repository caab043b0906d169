//! The number of shards that the keys of an installation are divided into, and the sidecars that run on them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::Pipeline;

use super::connection::RedisConnection;
use super::servers::RedisServers;
use crate::storage::{Result, Unavailable};

/// How long a sidecar counts as running after it was last [registered](ShardLayout::register).
const REGISTRATION: Duration = Duration::from_secs(30);

/// The number of shards of one installation, which is checked before the first commit: keys in other shards would not be
/// found. The check registers the sidecar: keys are not moved into another number of shards while one runs.
pub struct ShardLayout {
    connection: RedisConnection,
    script: String,
    /// The prefix of the sidecar's own keys if there is one shard.
    prefix: String,
    shards: usize,
    /// The name of this sidecar among those that run.
    name: String,
    is_checked: AtomicBool,
}

impl ShardLayout {
    /// The layout of keys that have `prefix` if there is one shard.
    ///
    /// # Errors
    /// The address is invalid.
    pub fn new(servers: RedisServers, timeout: Duration, prefix: String, shards: usize) -> Result<Self> {
        let mut connection = RedisConnection::new(servers, &prefix, timeout)?;
        let script = connection.register_script(include_str!("layout.lua"));
        let name = format!("{:016x}", rand::random::<u64>());
        Ok(Self { connection, script, prefix, shards, name, is_checked: AtomicBool::new(false) })
    }

    /// Whether the number is known to be right.
    pub fn is_checked(&self) -> bool {
        self.is_checked.load(Ordering::Relaxed)
    }

    /// Checks that Redis has its keys in this number of shards, unless that is known. If there are none yet, the number is
    /// recorded.
    ///
    /// # Errors
    /// The number is another one, keys are being moved, or Redis does not reply.
    pub async fn check(&self) -> Result<()> {
        if self.is_checked() { Ok(()) } else { self.register().await }
    }

    /// Checks the number, and registers the sidecar as running for half a minute.
    ///
    /// # Errors
    /// The number is another one, keys are being moved, or Redis does not reply. Only the first two undo the check.
    pub async fn register(&self) -> Result<()> {
        let stored = self.stored().await?;
        self.is_checked.store(stored == self.shards, Ordering::Relaxed);
        let Self { prefix, shards, .. } = self;
        match stored {
            stored if stored == *shards => Ok(()),
            0 => Err(Unavailable::new(format!(
                "the keys with the prefix {prefix} are being moved into another number of shards: complete \
                 presence-sidecar reshard"
            ))),
            stored => Err(Unavailable::new(format!(
                "redis.shards = {shards}, but the keys with the prefix {prefix} are in {stored}: set redis.shards = \
                 {stored}, or stop all sidecars and use presence-sidecar reshard"
            ))),
        }
    }

    /// Ends the registration, if there is one.
    ///
    /// # Errors
    /// Redis does not reply.
    pub async fn leave(&self) -> Result<()> {
        if !self.is_checked.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.cmd("ZREM").arg(format!("{}running", self.prefix)).arg(&self.name).ignore();
        self.connection.read(&pipeline).await
    }

    async fn stored(&self) -> Result<usize> {
        let mut pipeline = Pipeline::with_capacity(1);
        let call = pipeline.cmd("EVALSHA").arg(&self.script).arg(4);
        ["shards", "log", "running", "moving"].iter().for_each(|name| _ = call.arg(format!("{}{name}", self.prefix)));
        call.arg(self.shards).arg(&self.name).arg(REGISTRATION.as_millis().to_string());
        let (stored,): (usize,) = self.connection.read(&pipeline).await?;
        Ok(stored)
    }
}
