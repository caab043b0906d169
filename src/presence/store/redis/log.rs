//! Reads and trims the change log of a shard. Reads have a connection of their own, so that no commit waits behind a page.

use ::redis::{Cmd, FromRedisValue, Pipeline, Value, cmd, from_redis_value};
use async_trait::async_trait;
use futures_util::future::try_join_all;

use super::RedisStore;
use super::shard::Shard;
use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{Change, Timestamp};
use crate::presence::store::{ChangeCursor, ChangeHistory, LogIdentity, LogPosition, MAX_HISTORY, PageLimit, Result};
use crate::storage::Unavailable;
use crate::storage::redis::unavailable;

/// A page of the log of a shard, and what is needed to check the position that it begins behind.
pub(super) struct ShardPage {
    pub(super) identity: LogIdentity,
    /// The last removed entry.
    pub(super) trimmed: LogPosition,
    /// The last entry; the beginning of the log unless the page is of [`PageLimit::NOTHING`] and has no position.
    pub(super) last: LogPosition,
    /// Whether there is an entry at the position that the page begins behind.
    pub(super) is_entry: bool,
    /// Whether more entries may follow.
    pub(super) full: bool,
    /// The entries; those that cannot be read have no change.
    pub(super) entries: Vec<(LogPosition, Option<Change>)>,
}

impl Shard {
    pub(super) async fn page(&self, after: Option<LogPosition>, limit: PageLimit) -> Result<ShardPage> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.add_command(self.page_call(after, limit));
        let (reply,): (Vec<Value>,) = self.log.connection.read(&pipeline).await?;
        self.page_of(reply).await
    }

    /// Reads a page.
    pub(super) fn page_call(&self, after: Option<LogPosition>, limit: PageLimit) -> Cmd {
        let mut call = cmd("EVALSHA");
        call.arg(&self.log.page).arg(self.declared(3));
        call.arg(&self.keys.changes).arg(&self.keys.trimmed).arg(&self.keys.identity).arg(self.guard());
        call.arg(after.map_or_else(String::new, |after| after.to_string()));
        call.arg(limit.entries).arg(limit.bytes);
        call
    }

    /// The page in the reply to [`page_call`](Self::page_call).
    pub(super) async fn page_of(&self, reply: Vec<Value>) -> Result<ShardPage> {
        let mut values = reply.into_iter();
        let mut text = || values.next().map_or_else(|| Err(short_reply()), read::<String>);
        let [identity, trimmed, last, is_entry, full] = [text()?, text()?, text()?, text()?, text()?];
        let identity = identity.parse().ok().and_then(LogIdentity::from_number);
        let identity = match identity {
            Some(identity) => identity,
            None => self.identify(self.log_time().await?).await?,
        };
        let mut entries = Vec::with_capacity(values.len() / 2);
        while let (Some(id), Some(json)) = (values.next(), values.next()) {
            let (id, json): (String, Vec<u8>) = (read(id)?, read(json)?);
            let Ok(position) = id.parse::<LogPosition>() else { continue };
            entries.push((position, self.decode_entry(&id, &json)));
        }
        Ok(ShardPage {
            identity,
            trimmed: position(&trimmed),
            last: position(&last),
            is_entry: !is_entry.is_empty(),
            full: !full.is_empty(),
            entries,
        })
    }

    /// The time of the server, over the connection of the log.
    pub(super) async fn log_time(&self) -> Result<Timestamp> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.cmd("TIME");
        let ((seconds, micros),): ((i64, i64),) = self.log.connection.read(&pipeline).await?;
        Ok(Timestamp::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros)))
    }

    /// The identity of the log; one that begins at `now` if it has none.
    pub(super) async fn identify(&self, now: Timestamp) -> Result<LogIdentity> {
        let mut pipeline = Pipeline::with_capacity(1);
        let call = pipeline.cmd("EVALSHA").arg(&self.log.identify).arg(self.declared(1));
        call.arg(&self.keys.identity).arg(self.guard()).arg(LogIdentity::new(now).number());
        let (number,): (u64,) = self.log.connection.read(&pipeline).await?;
        LogIdentity::from_number(number).ok_or_else(short_reply)
    }

    pub(super) async fn trim_log(&self, before: Timestamp) -> Result<()> {
        let mut pipeline = Pipeline::with_capacity(2);
        self.select_own_db(&mut pipeline);
        let call = pipeline.cmd("EVALSHA").arg(&self.scripts.trim).arg(self.declared(2));
        call.arg(&self.keys.changes).arg(&self.keys.trimmed).arg(self.guard());
        call.arg(before.millis().max(0));
        self.queues.iter().for_each(|queue| _ = call.arg(queue));
        call.ignore();
        self.connection.read(&pipeline).await
    }

    /// The newest entries of a user, newest first, with their positions in the log of this shard.
    async fn history(&self, key: &UserKey, limit: usize) -> Result<Vec<(ChangeCursor, Change)>> {
        let mut pipeline = Pipeline::with_capacity(1);
        let call = pipeline.cmd("EVALSHA").arg(&self.log.history).arg(self.declared(3));
        call.arg(self.keys.state(key)).arg(&self.keys.changes).arg(&self.keys.identity).arg(self.guard());
        call.arg(limit.min(MAX_HISTORY));
        let (reply,): (Vec<Value>,) = self.log.connection.read(&pipeline).await?;
        let mut values = reply.into_iter();
        let identity: String = read(values.next().ok_or_else(short_reply)?)?;
        let tag = identity.parse().ok().and_then(LogIdentity::from_number).map(LogIdentity::tag);
        let mut entries = Vec::new();
        while let (Some(id), Some(json)) = (values.next(), values.next()) {
            let (id, json): (String, Vec<u8>) = (read(id)?, read(json)?);
            let Ok(position) = id.parse::<LogPosition>() else { continue };
            entries.extend(self.decode_entry(&id, &json).map(|change| (ChangeCursor::new(position, tag), change)));
        }
        Ok(entries)
    }

    /// Erases the entries of a member of any scope, page by page. The log keeps an end that readers can name.
    async fn erase(&self, member: &str) -> Result<Vec<Change>> {
        let (mut after, mut erased) = (None, Vec::new());
        loop {
            let page = self.page(after, PageLimit::OF_SEARCH).await?;
            after = page.entries.last().map(|(position, _)| *position);
            let mut found = Vec::new();
            for (position, change) in page.entries {
                if let Some(change) = change.filter(|change| change.member() == member) {
                    found.push(position);
                    erased.push(change);
                }
            }
            if !found.is_empty() {
                self.remove(&found).await?;
            }
            if !page.full {
                return Ok(erased);
            }
        }
    }

    /// Removes these entries. An empty one takes the place of the last entry of the log.
    async fn remove(&self, entries: &[LogPosition]) -> Result<()> {
        let last = self.page(None, PageLimit::NOTHING).await?.last;
        let mut pipeline = Pipeline::with_capacity(2);
        let call = pipeline.cmd("XDEL").arg(&self.keys.changes);
        entries.iter().for_each(|position| _ = call.arg(position.to_string()));
        call.ignore();
        if entries.contains(&last) {
            pipeline.cmd("XADD").arg(&self.keys.changes).arg("*").arg("change").arg("").ignore();
        }
        self.log.connection.read(&pipeline).await
    }

    /// The change of an entry of the change log; `None`, and a line in the log, if it cannot be read.
    fn decode_entry(&self, id: &str, json: &[u8]) -> Option<Change> {
        // It takes the place of an erased one.
        if json.is_empty() {
            return None;
        }
        Change::decode(json, &self.outbox.installation)
            .inspect_err(
                |error| tracing::error!(%error, id, "an entry of the change log is unreadable and is left out"),
            )
            .ok()
    }
}

/// The position of an id; the beginning of the log for none.
fn position(id: &str) -> LogPosition {
    id.parse().unwrap_or(LogPosition::START)
}

#[async_trait]
impl ChangeHistory for RedisStore {
    async fn history(&self, key: &UserKey, limit: usize) -> Result<Vec<(ChangeCursor, Change)>> {
        self.shard(key).history(key, limit).await
    }

    async fn erase_changes(&self, member: &str) -> Result<Vec<Change>> {
        let erased = try_join_all(self.shards.iter().map(|shard| shard.erase(member))).await?;
        Ok(erased.into_iter().flatten().collect())
    }
}

fn read<T: FromRedisValue>(value: Value) -> Result<T> {
    from_redis_value(value).map_err(|error| unavailable(error.into()))
}

fn short_reply() -> Unavailable {
    Unavailable::new("the reply of Redis is too short")
}
