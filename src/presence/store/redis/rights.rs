//! The rights of the Redis user. A script that lacks one stops in the middle, and Redis undoes nothing; so the rights are
//! checked before the first commit, and again after a command was refused. The check runs each command on keys of its own.

use ::redis::{Cmd, Pipeline, RedisError, Value, cmd};
use futures_util::future::try_join_all;

use super::RedisStore;
use super::shard::Shard;
use crate::presence::store::{Result, Unavailable};
use crate::storage::redis::{SlotPipeline, meaning, slot_of};

/// A right that the user lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRight {
    /// The rule that grants it, such as `+hsetnx`.
    pub rule: String,
    /// The reply of the server.
    pub reply: String,
}

/// The commands of the sidecar's own database, with arguments behind the key; each has a key of its type.
const OWN: [(&str, char, &[&str]); 29] = [
    ("SET", 's', &[""]),
    ("GET", 's', &[]),
    ("MGET", 's', &[]),
    ("GETRANGE", 's', &["0", "1"]),
    ("EXISTS", 's', &[]),
    ("ZADD", 'z', &["0", "a"]),
    ("ZRANGE", 'z', &["0", "0"]),
    ("ZSCORE", 'z', &["a"]),
    ("ZMSCORE", 'z', &["a"]),
    ("ZCARD", 'z', &[]),
    ("ZCOUNT", 'z', &["0", "0"]),
    ("ZRANK", 'z', &["a"]),
    ("ZSCAN", 'z', &["0"]),
    ("ZREM", 'z', &["a"]),
    ("XADD", 'x', &["*", "a", "a"]),
    ("XRANGE", 'x', &["-", "+", "COUNT", "1"]),
    ("XREVRANGE", 'x', &["+", "-", "COUNT", "1"]),
    ("XTRIM", 'x', &["MINID", "0"]),
    ("HSETNX", 'h', &["a", "a"]),
    ("HSET", 'h', &["a", "a"]),
    ("HGET", 'h', &["a"]),
    ("HMGET", 'h', &["a"]),
    ("HDEL", 'h', &["a"]),
    ("RPUSH", 'l', &["a", "b"]),
    ("LPUSH", 'l', &["a", "b"]),
    ("LINDEX", 'l', &["0"]),
    ("LPOP", 'l', &[]),
    ("RPOP", 'l', &[]),
    ("DEL", 's', &[]),
];

impl Shard {
    /// Checks the rights, unless they are known to be sufficient.
    pub(super) async fn check_rights_once(&self) -> Result<()> {
        if self.rights.are_granted() {
            return Ok(());
        }
        let missing = self.missing_rights().await?;
        match missing.first() {
            None => {
                self.rights.grant();
                Ok(())
            }
            Some(first) => Err(Unavailable::new(format!("{}: {}", first.reply, self.grant(&missing)))),
        }
    }

    /// The command that grants the missing rights.
    pub(super) fn grant(&self, missing: &[MissingRight]) -> String {
        let rules: Vec<&str> = missing.iter().map(|right| right.rule.as_str()).collect();
        format!("ACL SETUSER {} {}", self.connection.user(), rules.join(" "))
    }

    async fn missing_rights(&self) -> Result<Vec<MissingRight>> {
        let mut commands = self.rights_commands();
        let mut replies = self.connection.send_each(&pipeline_of(&commands), is_harmless).await?.replies;
        if let Some(records) = &self.records {
            let record = self.keys.ready_record();
            let (slot, mut pipeline) = (slot_of(record.as_bytes()), SlotPipeline::with_capacity(5));
            for (name, command) in record_commands(&record).into_iter().chain(record_commands_in_cluster(&record)) {
                pipeline.add(slot, command.clone());
                commands.push((name, command));
            }
            replies.extend(records.send_to_slots(&pipeline, is_harmless).await?);
        }
        let mut missing: Vec<MissingRight> = Vec::new();
        for ((name, _), reply) in commands.iter().zip(replies) {
            let Value::ServerError(error) = reply else { continue };
            let Err(error) = Value::ServerError(error).extract_error() else { continue };
            if meaning(&error).code != "NOPERM" {
                continue;
            }
            let reply = error.to_string();
            let rule = self.rule(name, &reply);
            if missing.iter().all(|known| known.rule != rule) {
                missing.push(MissingRight { rule, reply });
            }
        }
        Ok(missing)
    }

    fn rule(&self, command: &str, reply: &str) -> String {
        let reply = reply.to_ascii_lowercase();
        if reply.contains("key") {
            format!("~{}*", self.keys.prefix())
        } else if reply.contains("database") {
            "alldbs".to_owned()
        } else {
            format!("+{}", command.to_ascii_lowercase())
        }
    }

    /// All commands that the product uses, with their names. What they write is removed by the last ones.
    fn rights_commands(&self) -> Vec<(&'static str, Cmd)> {
        let key = |kind: char| format!("{}rights:{kind}", self.keys.own);
        let (own, cache) = self.databases.unzip();
        let select = |database: i64| ("SELECT", command("SELECT", &database.to_string(), &[]));
        let record = self.keys.ready_record();
        let mut commands = vec![("TIME", cmd("TIME"))];
        commands.extend(cache.map(select));
        if self.records.is_none() {
            commands.extend(record_commands(&record));
        }
        commands.extend(own.map(select));
        commands.extend(OWN.map(|(name, kind, arguments)| (name, command(name, &key(kind), arguments))));
        // For `redis.wait_replicas`. It waits for none here.
        commands.extend(self.connection.confirmation().map(|_| ("WAIT", command("WAIT", "0", &["1"]))));
        commands.push(("SCAN", command("SCAN", "0", &["COUNT", "1"])));
        commands.push(("EVALSHA", command("EVALSHA", "0", &["0"])));
        commands.push(("SCRIPT|LOAD", command("SCRIPT", "LOAD", &["return 1"])));
        commands.extend(['z', 'x', 'h', 'l'].map(|kind| ("DEL", command("DEL", &key(kind), &[]))));
        commands
    }
}

impl RedisStore {
    /// The rights that the user lacks, on any of the servers.
    ///
    /// # Errors
    /// Redis does not reply, or does not accept the user.
    pub async fn missing_rights(&self) -> Result<Vec<MissingRight>> {
        let is_cluster = self.shards[0].connection.is_cluster();
        let shards = if is_cluster { self.shards.as_slice() } else { &self.shards[..1] };
        let mut missing: Vec<MissingRight> = Vec::new();
        for right in try_join_all(shards.iter().map(Shard::missing_rights)).await?.into_iter().flatten() {
            if missing.iter().all(|known| known.rule != right.rule) {
                missing.push(right);
            }
        }
        Ok(missing)
    }

    /// The command that grants the missing rights.
    pub fn grant(&self, missing: &[MissingRight]) -> String {
        self.shards[0].grant(missing)
    }
}

fn pipeline_of(commands: &[(&'static str, Cmd)]) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(commands.len());
    commands.iter().for_each(|(_, command)| _ = pipeline.add_command(command.clone()));
    pipeline.ignore_errors();
    pipeline
}

/// Whether an error says nothing about the connection as a whole.
fn is_harmless(error: &RedisError) -> bool {
    !matches!(meaning(error).code, "NOAUTH" | "WRONGPASS" | "LOADING")
}

/// The commands on Laravel's records in a cluster alone.
fn record_commands_in_cluster(record: &str) -> [(&'static str, Cmd); 2] {
    [("SET", command("SET", record, &["", "EX", "1", "GET"])), ("GET", command("GET", record, &[]))]
}

/// The commands on Laravel's records.
fn record_commands(record: &str) -> [(&'static str, Cmd); 3] {
    [
        ("SETEX", command("SETEX", record, &["1", ""])),
        ("MGET", command("MGET", record, &[])),
        ("DEL", command("DEL", record, &[])),
    ]
}

fn command(name: &str, first: &str, arguments: &[&str]) -> Cmd {
    let mut command = cmd(name);
    command.arg(first).arg(arguments);
    command
}
