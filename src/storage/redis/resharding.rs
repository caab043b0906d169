//! The mark that keys are being moved into another number of shards, and the lease of the command that moves them.
//!
//! While one of them is there, no sidecar serves. One command at a time has the lease. It renews it while it runs; the lease
//! of one that was killed ends by itself. Writes need the lease: a command that was suspended for longer than that does not
//! write beside the one that took its place.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::{Pipeline, Value, from_redis_value};

use super::connection::RedisConnection;
use super::error::unavailable;
use super::servers::RedisServers;
use crate::storage::{Result, Unavailable};

/// How long the lease lasts after it was last renewed.
const LEASE: Duration = Duration::from_secs(30);

/// How long this process counts on it: what it has sent before then takes effect before the lease ends.
const TRUST: Duration = Duration::from_secs(15);

/// The pause between two renewals.
const RENEWAL: Duration = Duration::from_secs(4);

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

/// The number of shards of an installation, the mark, and the lease.
pub struct ShardMark {
    connection: RedisConnection,
    prefix: String,
    script: String,
    /// The name of this command.
    name: String,
    held_until: Mutex<Option<Instant>>,
}

impl ShardMark {
    /// The mark of an installation whose keys have `prefix` if there is one shard.
    ///
    /// # Errors
    /// The address is invalid.
    pub fn new(servers: RedisServers, timeout: Duration, prefix: String) -> Result<Self> {
        let mut connection = RedisConnection::new(servers, &prefix, timeout)?;
        let script = connection.register_script(include_str!("move_step.lua"));
        let name = format!("{:016x}", rand::random::<u64>());
        Ok(Self { connection, prefix, script, name, held_until: Mutex::new(None) })
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

    /// Takes the lease.
    ///
    /// # Errors
    /// A sidecar runs, another command has the lease, or Redis does not reply.
    pub async fn take(&self) -> Result<()> {
        self.step("take", None).await
    }

    /// Renews the lease until it is lost; then returns the reason. A renewal without a reply is made again.
    pub async fn keep(&self) -> Unavailable {
        loop {
            tokio::time::sleep(RENEWAL).await;
            let renewed = self.step("renew", None).await;
            if let Err(lost) = self.check_held() {
                return renewed.err().unwrap_or(lost);
            }
        }
    }

    /// Whether this process may write.
    ///
    /// # Errors
    /// It does not have the lease, or has not renewed it for too long.
    pub fn check_held(&self) -> Result<()> {
        let held_until = *self.held_until.lock().unwrap_or_else(PoisonError::into_inner);
        match held_until.is_some_and(|until| Instant::now() < until) {
            true => Ok(()),
            false => Err(Unavailable::new(
                "this command does not have the lease of the move any more: use presence-sidecar reshard again",
            )),
        }
    }

    /// Sets the mark that keys are being copied. With `redis.wait_replicas` replicas have it.
    ///
    /// # Errors
    /// A sidecar runs, another command has the lease, Redis does not reply, or too few replicas do.
    pub async fn begin(&self, from: usize, to: usize) -> Result<()> {
        self.step("begin", Some(ShardMove { from, to, step: MoveStep::Copy })).await
    }

    /// Records that the copies count. With `redis.wait_replicas` replicas know it: what is removed then is not needed by any
    /// of them.
    ///
    /// # Errors
    /// Another command has the lease, Redis does not reply, or too few replicas do.
    pub async fn switch(&self, from: usize, to: usize) -> Result<()> {
        self.step("switch", Some(ShardMove { from, to, step: MoveStep::Remove })).await
    }

    /// Removes the mark.
    ///
    /// # Errors
    /// Another command has the lease, or Redis does not reply.
    pub async fn end(&self) -> Result<()> {
        self.step("end", None).await
    }

    /// Gives the lease back.
    ///
    /// # Errors
    /// Redis does not reply; the lease ends by itself.
    pub async fn release(&self) -> Result<()> {
        let released = self.step("release", None).await;
        self.set_held(None);
        released
    }

    async fn step(&self, step: &str, mark: Option<ShardMove>) -> Result<()> {
        let mut pipeline = Pipeline::with_capacity(2);
        let call = pipeline.cmd("EVALSHA").arg(&self.script).arg(4);
        ["mover", "running", "moving", "shards"].iter().for_each(|name| _ = call.arg(self.key(name)));
        call.arg(step).arg(&self.name).arg(LEASE.as_millis().to_string());
        call.arg(mark.map_or_else(String::new, format)).arg(mark.map_or(0, |mark| mark.to));
        let is_confirmed = mark.is_some();
        if is_confirmed {
            self.connection.request_confirmation(&mut pipeline);
        }
        let sent = Instant::now();
        let mut replies: Vec<Value> = self.connection.read(&pipeline).await?;
        if is_confirmed {
            self.connection.check_confirmation(&mut replies)?;
        }
        let reply = replies.pop().unwrap_or(Value::Nil);
        match from_redis_value(reply).map_err(|error| unavailable(error.into()))? {
            0_i64 => {
                self.set_held(Some(sent + TRUST));
                Ok(())
            }
            -1 => {
                self.set_held(None);
                Err(Unavailable::new(
                    "another presence-sidecar reshard runs on these keys, or was killed less than half a minute ago: wait \
                     for it",
                ))
            }
            running => Err(Unavailable::new(format!(
                "{running} sidecars run on these keys: stop them; one that was killed counts for half a minute"
            ))),
        }
    }

    fn set_held(&self, until: Option<Instant>) {
        *self.held_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
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
