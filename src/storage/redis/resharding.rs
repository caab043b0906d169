//! The mark that keys are being moved into another number of shards. While it is there, no sidecar serves.

use std::time::Duration;

use redis::Pipeline;

use super::connection::RedisConnection;
use super::servers::RedisServers;
use crate::storage::{Result, Unavailable};

/// How far the keys have been moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveStep {
    /// They are being copied; those of before count.
    Copy,
    /// All are copied, and the copies count; those of before are being removed.
    Remove,
}

/// A move of keys that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardMove {
    /// The number of shards before.
    pub from: usize,
    /// The number of shards after it.
    pub to: usize,
    /// How far it is.
    pub step: MoveStep,
}

/// The number of shards of an installation, and the mark.
pub struct ShardMark {
    connection: RedisConnection,
    prefix: String,
    begin: String,
}

impl ShardMark {
    /// The mark of an installation whose keys have `prefix` if there is one shard.
    ///
    /// # Errors
    /// The address is invalid.
    pub fn new(servers: RedisServers, timeout: Duration, prefix: String) -> Result<Self> {
        let mut connection = RedisConnection::new(servers, &prefix, timeout)?;
        let begin = connection.register_script(include_str!("begin_move.lua"));
        Ok(Self { connection, prefix, begin })
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The number of shards that the keys are in, and the move that has begun.
    ///
    /// # Errors
    /// Redis does not reply.
    pub async fn read(&self) -> Result<(usize, Option<ShardMove>)> {
        let mut pipeline = Pipeline::with_capacity(2);
        pipeline.cmd("GET").arg(self.key("shards")).cmd("GET").arg(self.key("moving"));
        let (shards, mark): (Option<usize>, Option<String>) = self.connection.read(&pipeline).await?;
        let mark = mark.map(|text| parse(&text).ok_or_else(|| unknown_mark(&self.key("moving"), &text))).transpose()?;
        Ok((shards.unwrap_or(1), mark))
    }

    /// Sets the mark, unless a sidecar runs. Returns the number of those that do.
    ///
    /// # Errors
    /// Redis does not reply.
    pub async fn begin(&self, from: usize, to: usize) -> Result<usize> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.cmd("EVALSHA").arg(&self.begin).arg(2).arg(self.key("running")).arg(self.key("moving"));
        pipeline.arg(format(ShardMove { from, to, step: MoveStep::Copy }));
        let (running,): (usize,) = self.connection.read(&pipeline).await?;
        Ok(running)
    }

    /// Records that the copies count.
    ///
    /// # Errors
    /// Redis does not reply.
    pub async fn switch(&self, from: usize, to: usize) -> Result<()> {
        let mut pipeline = Pipeline::with_capacity(2);
        pipeline
            .cmd("SET")
            .arg(self.key("moving"))
            .arg(format(ShardMove { from, to, step: MoveStep::Remove }))
            .ignore();
        // Releases without shards have no such key.
        match to {
            1 => pipeline.cmd("DEL").arg(self.key("shards")),
            _ => pipeline.cmd("SET").arg(self.key("shards")).arg(to),
        }
        .ignore();
        self.connection.read(&pipeline).await
    }

    /// Removes the mark.
    ///
    /// # Errors
    /// Redis does not reply.
    pub async fn end(&self) -> Result<()> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.cmd("DEL").arg(self.key("moving")).ignore();
        self.connection.read(&pipeline).await
    }
}

fn format(ShardMove { from, to, step }: ShardMove) -> String {
    let step = match step {
        MoveStep::Copy => "copy",
        MoveStep::Remove => "remove",
    };
    format!("{step} {from} {to}")
}

fn parse(text: &str) -> Option<ShardMove> {
    let mut words = text.split(' ');
    let step = match words.next()? {
        "copy" => MoveStep::Copy,
        "remove" => MoveStep::Remove,
        _ => return None,
    };
    let mut number = || words.next()?.parse().ok();
    Some(ShardMove { from: number()?, to: number()?, step })
}

fn unknown_mark(key: &str, text: &str) -> Unavailable {
    Unavailable::new(format!("{key} is {text:?}, which a later release has written: use that release"))
}
