//! The number of shards that the keys of an installation are divided into, and the sidecars that run on them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::Pipeline;

use super::connection::RedisConnection;
use super::servers::RedisServers;
use crate::storage::{Result, Unavailable};

/// How long a sidecar counts as running after it was last [registered](ShardLayout::register).
const REGISTRATION: Duration = Duration::from_secs(30);

/// After this time without a registration the number is checked again: a process that was suspended may have missed that
/// its keys were moved. Shorter than the registration.
const TRUST: Duration = Duration::from_secs(20);

/// The number of shards of one installation, which is checked before the first commit: keys in other shards would not be
/// found. The check registers the sidecar: keys are not moved into another number of shards while one runs.
///
/// A server that cannot be reached does not undo the check: its shards fail alone.
pub struct ShardLayout {
    connection: RedisConnection,
    script: String,
    /// The prefix of the sidecar's own keys if there is one shard.
    prefix: String,
    shards: usize,
    /// The name of this sidecar among those that run.
    name: String,
    is_checked: AtomicBool,
    started: Instant,
    /// When a registration was last tried, in ms since `started`.
    tried_at: AtomicU64,
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
        let (is_checked, started, tried_at) = (AtomicBool::new(false), Instant::now(), AtomicU64::new(0));
        Ok(Self { connection, script, prefix, shards, name, is_checked, started, tried_at })
    }

    /// Whether the number is known to be right.
    pub fn is_checked(&self) -> bool {
        let trusted_until = u128::from(self.tried_at.load(Ordering::Relaxed)) + TRUST.as_millis();
        self.is_checked.load(Ordering::Relaxed) && self.started.elapsed().as_millis() < trusted_until
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
        let sent_at = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let stored = self.stored().await;
        self.tried_at.store(sent_at, Ordering::Relaxed);
        let stored = stored?;
        self.is_checked.store(stored == self.shards, Ordering::Relaxed);
        let Self { prefix, shards, .. } = self;
        match stored {
            stored if stored == *shards => Ok(()),
            0 => Err(Unavailable::new(format!(
                "the keys with the prefix {prefix} are being moved into another number of shards: wait for \
                 presence-sidecar reshard, or complete it"
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
        let call = pipeline.cmd("EVALSHA").arg(&self.script).arg(5);
        ["shards", "log", "running", "moving", "mover"]
            .iter()
            .for_each(|name| _ = call.arg(format!("{}{name}", self.prefix)));
        call.arg(self.shards).arg(&self.name).arg(REGISTRATION.as_millis().to_string());
        let (stored,): (usize,) = self.connection.read(&pipeline).await?;
        Ok(stored)
    }
}
