//! A page of the log, read and encoded once for all subscribers.

use std::ops::Range;

use bytes::Bytes;

use crate::presence::domain::Change;
use crate::presence::domain::identity::Scope;
use crate::presence::store::{ChangeCursor, Page};

/// Appends the text of an entry, as subscribers receive it.
pub type EncodeEntry = fn(&ChangeCursor, &Change, &mut Vec<u8>);

/// The memory of an entry beside its text, about.
const ENTRY_BYTES: usize = 200;

/// Entries that follow one another, and their text.
#[derive(Debug)]
pub struct LogPage {
    /// The position before the first entry.
    pub start: ChangeCursor,
    /// The position of the last entry, also if that one cannot be read.
    pub end: ChangeCursor,
    /// The entries that can be read, oldest first.
    pub entries: Vec<Entry>,
    text: Bytes,
}

/// An entry of a page.
#[derive(Debug)]
pub struct Entry {
    /// Its position.
    pub cursor: ChangeCursor,
    /// The id of its user, as text.
    pub user: Box<str>,
    /// The scope of its user.
    pub scope: Scope,
    text: Range<usize>,
}

impl LogPage {
    /// The page behind `start`.
    pub(super) fn new(start: ChangeCursor, page: Page, encode: EncodeEntry) -> Self {
        let mut text = Vec::with_capacity(400 * page.entries.len());
        let entry = |(cursor, change): (ChangeCursor, Change)| {
            let from = text.len();
            encode(&cursor, &change, &mut text);
            Entry { cursor, user: change.user_id.to_string().into(), scope: change.scope, text: from..text.len() }
        };
        let entries = page.entries.into_iter().map(entry).collect();
        Self { end: page.end.unwrap_or_else(|| start.clone()), start, entries, text: text.into() }
    }

    /// The text of an entry.
    pub fn text_of(&self, entry: &Entry) -> &[u8] {
        &self.text[entry.text.clone()]
    }

    /// The text of all entries from number `first` on.
    pub fn text_from(&self, first: usize) -> Bytes {
        let from = self.entries.get(first).map_or(self.text.len(), |entry| entry.text.start);
        self.text.slice(from..)
    }

    /// The number of the first entry behind `after`. In a log of several shards, entries that follow it may be at or before
    /// `after`, too, if that is ahead in some shards.
    pub(super) fn first_after(&self, after: &ChangeCursor) -> usize {
        self.entries.partition_point(|entry| entry.cursor <= *after)
    }

    /// Whether `cursor`, which a caller sent, is one that this page begins with or contains.
    pub(super) fn has(&self, cursor: &ChangeCursor) -> bool {
        let found = self.entries.get(self.first_after(cursor).wrapping_sub(1));
        cursor.names(&self.start) || found.is_some_and(|entry| cursor.names(&entry.cursor))
    }

    /// The memory that the page takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + ENTRY_BYTES * (1 + self.entries.len())
    }
}
