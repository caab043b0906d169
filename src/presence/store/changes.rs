//! Pages of the change log, and the check of the cursor that a page begins behind.

use super::cursor::ChangeCursor;
use crate::presence::domain::Change;

/// The part of the change log behind a position.
#[derive(Clone, Debug, PartialEq)]
pub enum Changes {
    /// Entries, oldest first.
    Page(Page),
    /// Entries behind the position have been removed. The remaining ones are behind this position.
    Trimmed(ChangeCursor),
    /// The position is not one of this log: it is ahead of its end, or names an entry that the log does not have. The
    /// entries of this log are behind this position.
    Foreign(ChangeCursor),
}

/// Entries of the change log. An entry that cannot be read is left out, but counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Entries with their cursors, oldest first.
    pub entries: Vec<(ChangeCursor, Change)>,
    /// The position of the last one; `None` if there is none.
    pub end: Option<ChangeCursor>,
    /// Whether the page is as large as it may be, so that more may follow.
    pub full: bool,
}

/// The most that a page may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit {
    /// Entries.
    pub entries: usize,
    /// Bytes of stored entries; a page has one entry all the same.
    pub bytes: usize,
}

impl PageLimit {
    /// The size of a page of the API, in bytes.
    pub const API_BYTES: usize = 1_048_576;

    /// A page of entries that are searched for those of a user.
    pub const OF_SEARCH: Self = Self { entries: 500, bytes: 4 * 1024 * 1024 };

    /// No entries: what is known of the log alone.
    pub const NOTHING: Self = Self { entries: 0, bytes: 0 };

    /// A page of at most `entries` entries and [`API_BYTES`](Self::API_BYTES).
    pub const fn of_entries(entries: usize) -> Self {
        Self { entries, bytes: Self::API_BYTES }
    }
}

/// What a store knows about a cursor that a caller sent, read in the same step as the page behind it.
#[derive(Clone, Debug)]
pub(super) struct CursorCheck {
    /// The position of the last removed entry; [`ChangeCursor::START`] if none was removed.
    pub(super) trimmed: ChangeCursor,
    /// The entry at the position of the cursor, if the log has it.
    pub(super) entry: Option<ChangeCursor>,
}

impl CursorCheck {
    /// The reason why no page follows `after`; `None` if one does.
    ///
    /// A cursor names an entry that the log has, or the last one that it removed. Any other one was given out by a log
    /// that is gone, or by this log before it lost its last entries.
    pub(super) fn refuse(&self, after: &ChangeCursor) -> Option<Changes> {
        let is_known = after.names(&self.trimmed) || self.entry.as_ref().is_some_and(|entry| after.names(entry));
        if is_known {
            return None;
        }
        let trimmed = self.trimmed.clone();
        Some(if *after < trimmed { Changes::Trimmed(trimmed) } else { Changes::Foreign(trimmed) })
    }
}
