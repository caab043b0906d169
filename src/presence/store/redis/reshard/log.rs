//! Copies the change log: the entries of all logs in the order of their new ids.

use std::collections::VecDeque;

use ::redis::Cmd;

use super::shards::{PAGE, ShardSet, command, moved_id, one};
use crate::presence::domain::{Change, Timestamp};
use crate::presence::store::{LogIdentity, LogPosition, Result};

/// An entry of a log.
#[derive(Hash)]
pub(super) struct Entry {
    pub(super) id: LogPosition,
    /// The id of the entry before of the same user.
    pub(super) before: Option<LogPosition>,
    pub(super) json: Vec<u8>,
}

/// The entries of one log, page by page.
pub(super) struct Reader {
    shard: usize,
    entries: VecDeque<Entry>,
    /// Behind which position more follow; `None` at the end.
    after: Option<LogPosition>,
}

/// Copies all entries, and what is known of the logs.
pub(super) async fn copy_log(source: &ShardSet, target: &ShardSet, include_guard: bool) -> Result<()> {
    target.write((0..target.count_of_shards()).map(|to| (to, one("DEL", target.key(to, "changes")))).collect()).await?;
    let mut readers: Vec<Reader> = (0..source.count_of_shards()).map(Reader::new).collect();
    loop {
        let page = next_page(source, &mut readers).await?;
        if page.is_empty() {
            break;
        }
        let adds = page.into_iter().map(|Entry { id, before, json }| {
            let to = shard_of_entry(target, &json, include_guard);
            let (id, field) = (id.to_string(), before.map_or_else(|| "change".to_owned(), |before| before.to_string()));
            (to, command("XADD", target.key(to, "changes"), &[id.as_bytes(), field.as_bytes(), &json]))
        });
        target.write(adds.collect()).await?;
    }
    copy_bounds(source, target).await
}

/// The next entries of all logs, in their new order.
async fn next_page(source: &ShardSet, readers: &mut [Reader]) -> Result<Vec<Entry>> {
    let mut page = Vec::with_capacity(PAGE);
    while page.len() < PAGE {
        for reader in readers.iter_mut() {
            reader.fill(source).await?;
        }
        let moved = |reader: &Reader| Some(moved_id(source, reader.shard, reader.entries.front()?.id));
        let first = readers.iter_mut().filter_map(|reader| Some((moved(reader)?, reader)));
        let Some((_, reader)) = first.min_by_key(|(id, _)| *id) else { break };
        page.extend(reader.entries.pop_front().map(|entry| entry.moved(source, reader.shard)));
    }
    Ok(page)
}

impl Entry {
    /// The entry as it is after the move, of a shard of the source.
    pub(super) fn moved(self, source: &ShardSet, shard: usize) -> Self {
        let moved = |id| moved_id(source, shard, id);
        Self { id: moved(self.id), before: self.before.map(moved), ..self }
    }
}

impl Reader {
    /// The log of a shard, from its beginning.
    pub(super) fn new(shard: usize) -> Self {
        Self { shard, entries: VecDeque::new(), after: Some(LogPosition::START) }
    }

    /// The next entry; `None` at the end.
    pub(super) async fn next(&mut self, source: &ShardSet) -> Result<Option<Entry>> {
        self.fill(source).await?;
        Ok(self.entries.pop_front())
    }

    /// Reads more if nothing is left.
    async fn fill(&mut self, source: &ShardSet) -> Result<()> {
        let Some(after) = self.after.filter(|_| self.entries.is_empty()) else { return Ok(()) };
        let mut range = one("XRANGE", source.key(self.shard, "changes"));
        range.arg(format!("({after}")).arg("+").arg("COUNT").arg(PAGE);
        let read: Vec<Vec<(String, Vec<Vec<u8>>)>> = source.call(vec![(self.shard, range)]).await?;
        let read = read.concat();
        self.after = None;
        for (id, fields) in read {
            let Ok(position) = id.parse::<LogPosition>() else { continue };
            self.after = Some(position);
            let mut fields = fields.into_iter();
            let [field, json] = [fields.next().unwrap_or_default(), fields.next().unwrap_or_default()];
            let before = std::str::from_utf8(&field).ok().and_then(|field| field.parse().ok());
            self.entries.push_back(Entry { id: position, before, json });
        }
        Ok(())
    }
}

/// The shard of the user of an entry; the first one if the entry cannot be read.
fn shard_of_entry(target: &ShardSet, json: &[u8], include_guard: bool) -> usize {
    let change: Option<Change> = serde_json::from_slice(json).ok();
    change.map_or(0, |change| target.shard_of(change.scope.key(include_guard).user(&change.user_id).as_str()))
}

/// Gives each log its identity, as old as the one of before, and the last removed entry.
async fn copy_bounds(source: &ShardSet, target: &ShardSet) -> Result<()> {
    let reads = (0..source.count_of_shards())
        .flat_map(|shard| ["trimmed", "log"].map(|name| (shard, one("GET", source.key(shard, name)))));
    let values: Vec<Option<String>> = source.call(reads.collect()).await?;
    let now: Vec<(i64, i64)> = source.call(vec![(0, ::redis::cmd("TIME"))]).await?;
    let now = now.first().map_or(0, |(seconds, _)| *seconds);
    let began = values.iter().skip(1).step_by(2).flatten();
    let began = began.filter_map(|number| LogIdentity::from_number(number.parse().ok()?)).map(LogIdentity::began);
    let began = began.min().unwrap_or(Timestamp::from_secs(now));
    let trimmed = values.iter().step_by(2).enumerate().map(|(shard, trimmed)| {
        let position = trimmed.as_ref()?.parse::<LogPosition>().ok()?;
        Some(moved_id(source, shard, position))
    });
    // Of several logs nothing is known to be removed up to the earliest of these.
    let trimmed = trimmed.collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().min());
    let mut writes: Vec<(usize, Cmd)> = Vec::new();
    for to in 0..target.count_of_shards() {
        let identity = LogIdentity::new(began).number().to_string();
        writes.push((to, command("SET", target.key(to, "log"), &[identity.as_bytes()])));
        let trimmed = trimmed.map(|trimmed| trimmed.to_string());
        writes.extend(trimmed.map(|id| (to, command("SET", target.key(to, "trimmed"), &[id.as_bytes()]))));
    }
    target.write(writes).await
}
