//! The keys of all shards: what is read from them and written to them, in pages.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ::redis::{Cmd, FromRedisValue, Pipeline, Value, cmd, from_redis_value};
use futures_util::future::try_join_all;

use super::keys::Kind;
use super::moved::UnknownKeys;
use super::options::MoveOptions;
use crate::presence::store::redis::keys::own_prefixes;
use crate::presence::store::{LogPosition, Result};
use crate::storage::redis::{RedisConnection, ShardMark, escape_glob, shard_of, unavailable};

/// About how many keys, members or entries are in one round trip.
pub(super) const PAGE: usize = 1_000;

/// The shards of an installation with one number of them.
pub(super) struct ShardSet {
    pub(super) prefixes: Vec<String>,
    connections: Vec<RedisConnection>,
    /// What all keys begin with, as a pattern.
    pattern: String,
    /// Writes need its lease.
    mark: Arc<ShardMark>,
}

/// A key: the number of its shard, and its name behind the prefix of the shard.
pub(super) type ShardKey = (usize, String);

impl ShardSet {
    pub(super) fn new(options: &MoveOptions, shards: usize, mark: Arc<ShardMark>) -> Result<Self> {
        let prefixes = own_prefixes(&options.prefix, shards);
        let connection = |prefix: &String| RedisConnection::new(options.servers.clone(), prefix, options.timeout);
        let connections = prefixes.iter().map(connection).collect::<Result<_>>()?;
        let pattern = format!("{}*", escape_glob(&format!("{}{{presence", options.prefix)));
        Ok(Self { prefixes, connections, pattern, mark })
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
        self.send(commands, false).await
    }

    /// Sends commands whose replies do not matter.
    pub(super) async fn write(&self, commands: Vec<(usize, Cmd)>) -> Result<()> {
        self.write_each::<Value>(commands).await.map(drop)
    }

    /// Sends writes. With `redis.wait_replicas` they fail unless replicas have them.
    async fn write_each<T: FromRedisValue>(&self, commands: Vec<(usize, Cmd)>) -> Result<Vec<T>> {
        self.mark.check_held()?;
        self.send(commands, true).await
    }

    async fn send<T: FromRedisValue>(&self, commands: Vec<(usize, Cmd)>, is_confirmed: bool) -> Result<Vec<T>> {
        let mut replies: Vec<Option<T>> = commands.iter().map(|_| None).collect();
        let mut groups: HashMap<usize, (Vec<usize>, Pipeline)> = HashMap::new();
        for (place, (shard, command)) in commands.into_iter().enumerate() {
            let (places, pipeline) = groups.entry(shard).or_default();
            places.push(place);
            pipeline.add_command(command);
        }
        let calls = groups.into_iter().map(async |(shard, (places, mut pipeline))| {
            let connection = &self.connections[shard];
            if is_confirmed {
                connection.request_confirmation(&mut pipeline);
            }
            let mut values: Vec<Value> = connection.read(&pipeline).await?;
            if is_confirmed {
                connection.check_confirmation(&mut values)?;
            }
            let typed = values.into_iter().map(|value| from_redis_value(value).map_err(|e| unavailable(e.into())));
            Ok::<_, crate::storage::Unavailable>(places.into_iter().zip(typed.collect::<Result<Vec<T>>>()?))
        });
        for (place, reply) in try_join_all(calls).await?.into_iter().flatten() {
            replies[place] = Some(reply);
        }
        Ok(replies.into_iter().flatten().collect())
    }

    /// Calls `visit` with the keys of these shards, page by page; a key may be in several pages.
    pub(super) async fn each_page(&self, mut visit: impl AsyncFnMut(Vec<ShardKey>) -> Result<()>) -> Result<()> {
        self.each_page_of_any(async |keys| {
            let keys: Vec<ShardKey> = keys.iter().filter_map(|key| self.own(key)).collect();
            if keys.is_empty() { Ok(()) } else { visit(keys).await }
        })
        .await
    }

    /// Calls `visit` with the keys of any number of shards, page by page.
    async fn each_page_of_any(&self, mut visit: impl AsyncFnMut(Vec<String>) -> Result<()>) -> Result<()> {
        let first = &self.connections[0];
        for (_, mut server) in first.each_server().await? {
            let mut from = 0_u64;
            loop {
                let mut scan = cmd("SCAN");
                scan.arg(from).arg("MATCH").arg(&self.pattern).arg("COUNT").arg(PAGE);
                let page: ::redis::RedisResult<(u64, Vec<String>)> = scan.query_async(&mut server).await;
                let (next, keys) = page.map_err(|error| first.describe(error))?;
                visit(keys).await?;
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

    /// The keys that are not of these shards, nor of `others`, or have a name that this release does not know.
    pub(super) async fn unknown_keys(&self, others: Option<&Self>) -> Result<UnknownKeys> {
        let mut unknown = HashSet::new();
        self.each_page_of_any(async |keys| {
            let is_known = |key: &String| {
                let own = [Some(self), others].into_iter().flatten().find_map(|set| set.own(key));
                let name = own
                    .as_ref()
                    .map_or_else(|| key.rsplit_once("{presence}:").map(|(_, name)| name), |own| Some(&own.1));
                match name.and_then(Kind::of) {
                    Some(kind) => own.is_some() || kind == Kind::Fixed,
                    None => false,
                }
            };
            unknown.extend(keys.into_iter().filter(|key| !is_known(key)));
            Ok(())
        })
        .await?;
        Ok(UnknownKeys::new(unknown))
    }

    /// Removes all keys of these shards; returns how many there were.
    pub(super) async fn remove_all(&self) -> Result<u64> {
        let mut removed = 0;
        self.each_page(async |keys| {
            let moved = keys.iter().filter(|(_, name)| !matches!(Kind::of(name), None | Some(Kind::Fixed)));
            let removals = moved.map(|(shard, name)| (*shard, one("DEL", self.key(*shard, name)))).collect();
            removed += self.write_each::<u64>(removals).await?.into_iter().sum::<u64>();
            Ok(())
        })
        .await?;
        Ok(removed)
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
        _ => LogPosition { number: position.number.saturating_mul(SHARDS).saturating_add(shard as u64), ..position },
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
