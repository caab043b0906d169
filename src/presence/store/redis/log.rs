//! Reads and trims the change log. Reads have a connection of their own, so that no commit waits behind a page.

use ::redis::{FromRedisValue, Pipeline, Value, from_redis_value};
use async_trait::async_trait;

use super::RedisStore;
use super::decode::cursor;
use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{Change, Timestamp};
use crate::presence::store::changes::CursorCheck;
use crate::presence::store::{ChangeCursor, ChangeHistory, Changes, LogIdentity, MAX_HISTORY, Page, PageLimit, Result};
use crate::storage::Unavailable;
use crate::storage::redis::unavailable;

/// The reply of `page.lua`.
struct PageReply {
    identity: LogIdentity,
    trimmed: ChangeCursor,
    last: ChangeCursor,
    is_entry: bool,
    full: bool,
    entries: Vec<Value>,
}

impl RedisStore {
    pub(super) async fn read_page(&self, after: Option<ChangeCursor>, limit: PageLimit) -> Result<Changes> {
        let reply = self.request_page(after, limit).await?;
        let tag = Some(reply.identity.tag());
        if let Some(after) = after {
            let entry = reply.is_entry.then(|| after.with_tag(tag));
            let check = CursorCheck { trimmed: reply.trimmed.with_tag(tag), entry };
            if let Some(refused) = check.refuse(&after) {
                return Ok(refused);
            }
        }
        let mut page = Page { full: reply.full, ..Page::default() };
        let mut values = reply.entries.into_iter();
        while let (Some(id), Some(json)) = (values.next(), values.next()) {
            let (id, json): (String, Vec<u8>) = (read(id)?, read(json)?);
            let Ok(cursor) = id.parse::<ChangeCursor>() else { continue };
            let cursor = cursor.with_tag(tag);
            page.end = Some(cursor);
            page.entries.extend(self.decode_entry(&id, &json).map(|change| (cursor, change)));
        }
        Ok(Changes::Page(page))
    }

    pub(super) async fn read_end(&self) -> Result<ChangeCursor> {
        let reply = self.request_page(None, PageLimit { entries: 0, bytes: 0 }).await?;
        Ok(reply.last.max(reply.trimmed).with_tag(Some(reply.identity.tag())))
    }

    async fn request_page(&self, after: Option<ChangeCursor>, limit: PageLimit) -> Result<PageReply> {
        let mut pipeline = Pipeline::with_capacity(1);
        let call = pipeline.cmd("EVALSHA").arg(&self.log.page).arg(3);
        call.arg(&self.keys.changes).arg(&self.keys.trimmed).arg(&self.keys.identity);
        call.arg(after.map_or_else(String::new, |after| after.with_tag(None).to_string()));
        call.arg(limit.entries).arg(limit.bytes);
        let (reply,): (Vec<Value>,) = self.log.connection.read(&pipeline).await?;
        let mut values = reply.into_iter();
        let mut text = || values.next().map_or_else(|| Err(short_reply()), read::<String>);
        let [identity, trimmed, last, is_entry, full] = [text()?, text()?, text()?, text()?, text()?];
        let identity = identity.parse().ok().and_then(LogIdentity::from_number);
        let identity = match identity {
            Some(identity) => identity,
            None => self.identify(self.log_time().await?).await?,
        };
        Ok(PageReply {
            identity,
            trimmed: cursor(Some(&trimmed)),
            last: cursor(Some(&last)),
            is_entry: !is_entry.is_empty(),
            full: !full.is_empty(),
            entries: values.collect(),
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
        let call = pipeline.cmd("EVALSHA").arg(&self.log.identify).arg(1).arg(&self.keys.identity);
        call.arg(LogIdentity::new(now).number());
        let (number,): (u64,) = self.log.connection.read(&pipeline).await?;
        LogIdentity::from_number(number).ok_or_else(short_reply)
    }

    pub(super) async fn trim_log(&self, before: Timestamp) -> Result<()> {
        let mut pipeline = Pipeline::with_capacity(2);
        self.select_own_db(&mut pipeline);
        let call =
            pipeline.cmd("EVALSHA").arg(&self.scripts.trim).arg(2).arg(&self.keys.changes).arg(&self.keys.trimmed);
        call.arg(before.millis().max(0));
        self.queues.iter().for_each(|queue| _ = call.arg(queue));
        call.ignore();
        self.connection.read(&pipeline).await
    }

    /// The change of an entry of the change log; `None`, and a line in the log, if it cannot be read.
    fn decode_entry(&self, id: &str, json: &[u8]) -> Option<Change> {
        Change::decode(json, &self.outbox.installation)
            .inspect_err(
                |error| tracing::error!(%error, id, "an entry of the change log is unreadable and is left out"),
            )
            .ok()
    }
}

#[async_trait]
impl ChangeHistory for RedisStore {
    async fn history(&self, key: &UserKey, limit: usize) -> Result<Vec<(ChangeCursor, Change)>> {
        let mut pipeline = Pipeline::with_capacity(1);
        let call = pipeline.cmd("EVALSHA").arg(&self.log.history).arg(3);
        call.arg(self.keys.history(key)).arg(&self.keys.changes).arg(&self.keys.identity);
        call.arg(limit.min(MAX_HISTORY));
        let (reply,): (Vec<Value>,) = self.log.connection.read(&pipeline).await?;
        let mut values = reply.into_iter();
        let identity: String = read(values.next().ok_or_else(short_reply)?)?;
        let tag = identity.parse().ok().and_then(LogIdentity::from_number).map(LogIdentity::tag);
        let mut entries = Vec::new();
        while let (Some(id), Some(json)) = (values.next(), values.next()) {
            let (id, json): (String, Vec<u8>) = (read(id)?, read(json)?);
            let Ok(cursor) = id.parse::<ChangeCursor>() else { continue };
            entries.extend(self.decode_entry(&id, &json).map(|change| (cursor.with_tag(tag), change)));
        }
        Ok(entries)
    }
}

fn read<T: FromRedisValue>(value: Value) -> Result<T> {
    from_redis_value(value).map_err(|error| unavailable(error.into()))
}

fn short_reply() -> Unavailable {
    Unavailable::new("the reply of Redis is too short")
}
