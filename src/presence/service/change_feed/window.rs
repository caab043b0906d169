//! The pages that are kept in memory: those at the end of the log, without gaps, and recent ones from before.

use std::collections::VecDeque;
use std::sync::Arc;

use super::page::LogPage;
use crate::presence::store::ChangeCursor;

/// Most memory of the pages at the end of the log, and of those from before, each.
const MAX_BYTES: usize = 8 << 20;
/// Most pages of each.
const MAX_PAGES: usize = 4_096;
/// Larger pages are taken in turns, also at the end of the log.
const SMALL_PAGE: usize = 16 << 10;

/// Pages, oldest first, of bounded size.
#[derive(Debug, Default)]
struct BoundedPages {
    pages: VecDeque<Arc<LogPage>>,
    bytes: usize,
}

/// The pages in memory.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The end of the log, as far as it was read; `None` while nothing reads.
    end: Option<ChangeCursor>,
    newest: BoundedPages,
    recent: BoundedPages,
    /// Counts how often reading began, and how often the log was replaced or trimmed: positions from before must be checked
    /// again.
    generation: u64,
}

/// What follows a position.
pub(super) enum Following {
    /// A page that contains it, or begins with it; and whether it is a small one at the end of the log.
    Page(Arc<LogPage>, bool),
    /// Nothing yet: the position is the end of the log.
    Nothing,
    /// It is not known here.
    Unknown,
}

impl BoundedPages {
    fn push(&mut self, page: Arc<LogPage>) {
        self.bytes += page.bytes();
        self.pages.push_back(page);
        while self.pages.len() > 1 && (self.bytes > MAX_BYTES || self.pages.len() > MAX_PAGES) {
            let removed = self.pages.pop_front();
            self.bytes -= removed.map_or(0, |page| page.bytes());
        }
    }
}

impl Window {
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// The end of the log, as far as it was read.
    pub(super) fn end(&self) -> Option<ChangeCursor> {
        self.end.clone()
    }

    /// Begins at the end of the log.
    pub(super) fn open(&mut self, end: ChangeCursor) {
        self.newest = BoundedPages::default();
        self.end = Some(end);
        self.generation += 1;
    }

    /// Forgets all pages, as nothing reads any more.
    pub(super) fn close(&mut self) {
        *self = Self { generation: self.generation, ..Self::default() };
    }

    /// Forgets all pages, as the log was replaced or trimmed.
    pub(super) fn reset(&mut self) {
        *self = Self { generation: self.generation + 1, ..Self::default() };
    }

    /// Adds the page behind the end.
    pub(super) fn append(&mut self, page: Arc<LogPage>) {
        self.end = Some(page.end.clone());
        self.newest.push(page);
    }

    /// Keeps a page from before.
    pub(super) fn keep(&mut self, page: Arc<LogPage>) {
        if page.end > page.start {
            self.recent.push(page);
        }
    }

    /// What follows `after`. A position that is not verified must be that of an entry of a page.
    pub(super) fn following(&self, after: &ChangeCursor, is_verified: bool) -> Following {
        let trusted = |page: &&Arc<LogPage>| is_verified || page.has(after);
        if let Some(end) = &self.end {
            let start = self.newest.pages.front().map_or(end, |page| &page.start);
            let place = self.newest.pages.partition_point(|page| page.end <= *after);
            match self.newest.pages.get(place).filter(|_| start <= after).filter(trusted) {
                Some(page) => {
                    let is_last = place + 1 == self.newest.pages.len();
                    return Following::Page(page.clone(), is_last && page.bytes() <= SMALL_PAGE);
                }
                None if after >= end && (is_verified || after.names(end)) => return Following::Nothing,
                None => {}
            }
        }
        // A position may be ahead of the end in one shard and behind it in another.
        let ends_before = |page: &LogPage| page.end <= *after;
        let contains = |page: &&Arc<LogPage>| page.start <= *after && !ends_before(page);
        match self.recent.pages.iter().rev().filter(contains).find(trusted) {
            Some(page) => Following::Page(page.clone(), false),
            None => Following::Unknown,
        }
    }
}
