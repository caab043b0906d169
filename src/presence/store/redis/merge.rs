//! The change log of all shards: pages of several logs, merged by time. The entries of a user are in one log, in their order.

use futures_util::future::try_join_all;

use super::RedisStore;
use super::log::ShardPage;
use super::spread::Channel;
use crate::presence::domain::Change;
use crate::presence::store::{ChangeCursor, Changes, LogPosition, LogTag, Page, PageLimit, Result, tag_of_shards};

/// Entries of several logs, and how far each was read.
struct Merged {
    /// The shards, positions and changes of entries.
    entries: Vec<(usize, LogPosition, Option<Change>)>,
    /// The end of what was read of each log; `None` if nothing was.
    ends: Vec<Option<LogPosition>>,
    /// Shards that may have more.
    full: Vec<usize>,
    /// Whether entries that were read are left out.
    has_more: bool,
}

impl RedisStore {
    pub(super) async fn read_changes(&self, after: Option<ChangeCursor>, limit: PageLimit) -> Result<Changes> {
        let count = self.shards.len();
        let start = after.as_ref().map(|after| self.positions(after));
        let from = |shard: usize| start.as_ref().and_then(|start| start.get(shard).copied());
        let share = PageLimit { entries: limit.entries.div_ceil(count), bytes: limit.bytes.div_ceil(count) };
        let pages = self.pages((0..count).map(|shard| (shard, from(shard))).collect(), share).await?;
        let tag = tag_of_shards(&pages.iter().map(|page| page.identity).collect::<Vec<_>>());
        if let Some((after, start)) = after.as_ref().zip(start.as_ref())
            && let Some(refused) = refuse(after, start, &pages, tag)
        {
            return Ok(refused);
        }
        let begin = pages.iter().enumerate().map(|(shard, page)| from(shard).unwrap_or(page.trimmed)).collect();
        let mut merged = Merged { entries: Vec::new(), ends: vec![None; count], full: Vec::new(), has_more: false };
        pages.into_iter().enumerate().for_each(|(shard, page)| merged.add(shard, page));
        if count > 1 {
            self.read_rest(&mut merged, limit).await?;
            merged.entries.sort_by_key(|(shard, position, _)| (position.millis, *shard, position.number));
            if merged.entries.len() > limit.entries {
                merged.entries.truncate(limit.entries);
                merged.has_more = true;
            }
        }
        Ok(Changes::Page(merged.into_page(begin, tag)))
    }

    /// A page of each of these shards, behind a position in it.
    async fn pages(&self, shards: Vec<(usize, Option<LogPosition>)>, limit: PageLimit) -> Result<Vec<ShardPage>> {
        let calls = shards.iter().map(|(shard, after)| (*shard, self.shards[*shard].page_call(*after, limit)));
        let replies = self.call_scripts(Channel::Log, calls.collect()).await?;
        try_join_all(shards.iter().zip(replies).map(|((shard, _), reply)| self.shards[*shard].page_of(reply))).await
    }

    /// Reads more of the logs that have more, until there are `limit` entries.
    async fn read_rest(&self, merged: &mut Merged, limit: PageLimit) -> Result<()> {
        loop {
            let left = limit.entries.saturating_sub(merged.entries.len());
            if left == 0 || merged.full.is_empty() {
                return Ok(());
            }
            let full = std::mem::take(&mut merged.full);
            let entries = left.div_ceil(full.len());
            let share = PageLimit { entries, bytes: limit.bytes.div_ceil(self.shards.len()) };
            let pages = self.pages(full.iter().map(|shard| (*shard, merged.ends[*shard])).collect(), share).await?;
            full.into_iter().zip(pages).for_each(|(shard, page)| merged.add(shard, page));
        }
    }

    pub(super) async fn read_end(&self) -> Result<ChangeCursor> {
        let shards = (0..self.shards.len()).map(|shard| (shard, None)).collect();
        let pages = self.pages(shards, PageLimit::NOTHING).await?;
        let ends: Vec<LogPosition> = pages.iter().map(|page| page.last.max(page.trimmed)).collect();
        let tag = tag_of_shards(&pages.iter().map(|page| page.identity).collect::<Vec<_>>());
        Ok(ChangeCursor::of_shards(&ends, tag))
    }

    /// The positions of a cursor in each shard. The beginning of a log of one shard is that of all shards.
    fn positions(&self, after: &ChangeCursor) -> Vec<LogPosition> {
        match after.positions() {
            [LogPosition::START] => vec![LogPosition::START; self.shards.len()],
            positions => positions.to_vec(),
        }
    }
}

impl Merged {
    fn add(&mut self, shard: usize, page: ShardPage) {
        if page.full {
            self.full.push(shard);
        }
        if let Some((last, _)) = page.entries.last() {
            self.ends[shard] = Some(*last);
        }
        self.entries.extend(page.entries.into_iter().map(|(position, change)| (shard, position, change)));
    }

    /// The page behind `begin`, whose entries are in the order in which they follow each other.
    fn into_page(self, begin: Vec<LogPosition>, tag: Option<LogTag>) -> Page {
        let mut positions = begin;
        let mut page = Page { full: self.has_more || !self.full.is_empty(), ..Page::default() };
        let are_some = !self.entries.is_empty();
        for (shard, position, change) in self.entries {
            positions[shard] = position;
            if let Some(change) = change {
                page.entries.push((ChangeCursor::of_shards(&positions, tag), change));
            }
        }
        page.end = are_some.then(|| ChangeCursor::of_shards(&positions, tag));
        page
    }
}

/// The reason why no page follows `after`, whose positions in the shards are `start`; `None` if one does.
///
/// A position names an entry that the log has, or the last one that it removed.
fn refuse(after: &ChangeCursor, start: &[LogPosition], pages: &[ShardPage], tag: Option<LogTag>) -> Option<Changes> {
    let has_tag = after.has_tag_of(tag);
    let is_known = |position: &LogPosition, page: &ShardPage| has_tag && (page.is_entry || *position == page.trimmed);
    if start.len() == pages.len() && start.iter().zip(pages).all(|(position, page)| is_known(position, page)) {
        return None;
    }
    let begin: Vec<LogPosition> = pages
        .iter()
        .enumerate()
        .map(|(shard, page)| match start.get(shard) {
            Some(position) if start.len() == pages.len() && is_known(position, page) => *position,
            _ => page.trimmed,
        })
        .collect();
    let is_foreign =
        |(position, page): (&LogPosition, &ShardPage)| !is_known(position, page) && *position >= page.trimmed;
    let is_foreign = start.len() != pages.len() || start.iter().zip(pages).any(is_foreign);
    let begin = ChangeCursor::of_shards(&begin, tag);
    Some(if is_foreign { Changes::Foreign(begin) } else { Changes::Trimmed(begin) })
}
