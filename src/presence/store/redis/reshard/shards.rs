//! The keys of all shards: what is read from them and written to them, in pages.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use ::redis::{Cmd, FromRedisValue, Pipeline, Value, cmd, from_redis_value};
use foldhash::fast::RandomState;
use futures_util::future::try_join_all;

use super::keys::Kind;
use super::moved::MovedKeys;
use super::options::MoveOptions;
use crate::presence::store::redis::keys::own_prefixes;
use crate::presence::store::{LogPosition, Result};
use crate::storage::redis::{RedisConnection, escape_glob, shard_of, unavailable};

/// About how many keys, members or entries are in one round trip.
pub(super) const PAGE: usize = 1_000;

/// The shards of an installation with one number of them.
pub(super) struct ShardSet {
    pub(super) prefixes: Vec<String>,
    connections: Vec<RedisConnection>,
    /// What all keys begin with, as a pattern.
    pattern: String,
}

/// A key: the number of its shard, and its name behind the prefix of the shard.
pub(super) type ShardKey = (usize, String);

impl ShardSet {
    pub(super) fn new(options: &MoveOptions, shards: usize) -> Result<Self> {
        let prefixes = own_prefixes(&options.prefix, shards);
        let connection = |prefix: &String| RedisConnection::new(options.servers.clone(), prefix, options.timeout);
        let connections = prefixes.iter().map(connection).collect::<Result<_>>()?;
        let pattern = format!("{}*", escape_glob(&format!("{}{{presence", options.prefix)));
        Ok(Self { prefixes, connections, pattern })
    }

    pub(super) fn count_of_shards(&self) -> usize {
        self.prefixes.len()
    }

    /// The shard of a user or a lane.
    pub(super) fn shard_of(&self, key: &str) -> usize {
        shard_of(key, self.prefixes.len())
    }

    /// The whole name of a key.
    pub(super) fn key(&self, shard: usize, name: &str) -> String {
        format!("{}{name}", self.prefixes[shard])
    }

    /// Sends commands to their shards; the replies are in the order of the commands.
    pub(super) async fn call<T: FromRedisValue>(&self, commands: Vec<(usize, Cmd)>) -> Result<Vec<T>> {
        let mut replies: Vec<Option<T>> = commands.iter().map(|_| None).collect();
        let mut groups: HashMap<usize, (Vec<usize>, Pipeline)> = HashMap::new();
        for (place, (shard, command)) in commands.into_iter().enumerate() {
            let (places, pipeline) = groups.entry(shard).or_default();
            places.push(place);
            pipeline.add_command(command);
        }
        let calls = groups.into_iter().map(async |(shard, (places, pipeline))| {
            let values: Vec<Value> = self.connections[shard].read(&pipeline).await?;
            let typed = values.into_iter().map(|value| from_redis_value(value).map_err(|e| unavailable(e.into())));
            Ok::<_, crate::storage::Unavailable>(places.into_iter().zip(typed.collect::<Result<Vec<T>>>()?))
        });
        for (place, reply) in try_join_all(calls).await?.into_iter().flatten() {
            replies[place] = Some(reply);
        }
        Ok(replies.into_iter().flatten().collect())
    }

    /// Sends commands whose replies do not matter.
    pub(super) async fn write(&self, commands: Vec<(usize, Cmd)>) -> Result<()> {
        self.call::<Value>(commands).await.map(drop)
    }

    /// Calls `visit` with the keys of these shards, page by page; a key may be in several pages.
    pub(super) async fn each_page(&self, mut visit: impl AsyncFnMut(Vec<ShardKey>) -> Result<()>) -> Result<()> {
        let first = &self.connections[0];
        for (_, mut server) in first.each_server().await? {
            let mut from = 0_u64;
            loop {
                let mut scan = cmd("SCAN");
                scan.arg(from).arg("MATCH").arg(&self.pattern).arg("COUNT").arg(PAGE);
                let page: ::redis::RedisResult<(u64, Vec<String>)> = scan.query_async(&mut server).await;
                let (next, keys) = page.map_err(|error| first.describe(error))?;
                let keys: Vec<ShardKey> = keys.iter().filter_map(|key| self.own(key)).collect();
                if !keys.is_empty() {
                    visit(keys).await?;
                }
                if next == 0 {
                    break;
                }
                from = next;
            }
        }
        Ok(())
    }

    fn own(&self, key: &str) -> Option<ShardKey> {
        let (shard, prefix) = self.prefixes.iter().enumerate().find(|(_, prefix)| key.starts_with(*prefix))?;
        Some((shard, key[prefix.len()..].to_owned()))
    }

    /// Calls `visit` with the members and scores of a sorted set, page by page.
    pub(super) async fn each_member(
        &self,
        (shard, name): &ShardKey,
        mut visit: impl AsyncFnMut(Vec<(String, String)>) -> Result<()>,
    ) -> Result<()> {
        let mut from = 0_u64;
        loop {
            let mut scan = cmd("ZSCAN");
            scan.arg(self.key(*shard, name)).arg(from).arg("COUNT").arg(PAGE);
            let page: Vec<(u64, Vec<(String, String)>)> = self.call(vec![(*shard, scan)]).await?;
            let Some((next, members)) = page.into_iter().next() else { return Ok(()) };
            if !members.is_empty() {
                visit(members).await?;
            }
            if next == 0 {
                return Ok(());
            }
            from = next;
        }
    }

    /// The numbers of users with a due time and of entries of the change log.
    pub(super) async fn sizes(&self) -> Result<(u64, u64)> {
        let commands = (0..self.count_of_shards()).flat_map(|shard| {
            [("ZCARD", "due"), ("XLEN", "changes")].map(|(name, key)| (shard, one(name, self.key(shard, key))))
        });
        let sizes: Vec<u64> = self.call(commands.collect()).await?;
        let sum = |first: usize| sizes.iter().skip(first).step_by(2).sum();
        Ok((sum(0), sum(1)))
    }

    /// Counts what is there.
    pub(super) async fn count(&self) -> Result<MovedKeys> {
        // Hashes alone, since there are many keys; a page may repeat keys of another one.
        let (hasher, mut seen) = (RandomState::default(), HashSet::new());
        let mut counted = MovedKeys::default();
        self.each_page(async |keys| {
            let keys: Vec<ShardKey> = keys.into_iter().filter(|key| seen.insert(hasher.hash_one(key))).collect();
            let sized = keys.iter().filter_map(|(shard, name)| {
                let command = match Kind::of(name)? {
                    Kind::State(_) => "EXISTS",
                    Kind::Due | Kind::Roster(_) | Kind::Dead(_) => "ZCARD",
                    Kind::Changes => "XLEN",
                    Kind::Lane(..) => "LLEN",
                    Kind::History(_) | Kind::Part | Kind::Fixed => return None,
                };
                Some((name, (*shard, one(command, self.key(*shard, name)))))
            });
            let (names, commands): (Vec<&String>, Vec<(usize, Cmd)>) = sized.unzip();
            let sizes: Vec<u64> = self.call(commands).await?;
            names.into_iter().zip(sizes).for_each(|(name, size)| counted.add(Kind::of(name), size));
            Ok(())
        })
        .await?;
        Ok(counted)
    }

    /// Removes all keys of these shards.
    pub(super) async fn remove_all(&self) -> Result<()> {
        self.each_page(async |keys| {
            let moved = keys.iter().filter(|(_, name)| !matches!(Kind::of(name), None | Some(Kind::Fixed)));
            self.write(moved.map(|(shard, name)| (*shard, one("DEL", self.key(*shard, name)))).collect()).await
        })
        .await
    }
}

/// A command with one argument.
pub(super) fn one(name: &str, argument: impl ::redis::ToRedisArgs) -> Cmd {
    let mut command = cmd(name);
    command.arg(argument);
    command
}

/// The id that an entry of a shard's log gets.
pub(super) fn moved_id(source: &ShardSet, shard: usize, position: LogPosition) -> LogPosition {
    /// The largest number of shards.
    const SHARDS: u64 = 64;
    match source.count_of_shards() {
        1 => position,
        _ => LogPosition { number: position.number.saturating_mul(SHARDS) + shard as u64, ..position },
    }
}

/// Parts of a long list, each of which fits into one command.
pub(super) fn pages<T>(items: &[T]) -> std::slice::Chunks<'_, T> {
    items.chunks(PAGE)
}

/// A command with a key of the target and further arguments.
pub(super) fn command(name: &str, key: String, arguments: &[&[u8]]) -> Cmd {
    let mut command = cmd(name);
    command.arg(key).arg(arguments);
    command
}
