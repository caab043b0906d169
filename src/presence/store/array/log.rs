//! The change log within the process.

use std::collections::{HashMap, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{Change, Timestamp};
use crate::presence::store::changes::CursorCheck;
use crate::presence::store::{ChangeCursor, Changes, LogIdentity, LogPosition, MAX_HISTORY, Page, PageLimit};

/// The change log of one process, with an identity of its own.
#[derive(Debug)]
pub(super) struct ArrayLog {
    entries: VecDeque<(ChangeCursor, Change)>,
    /// The positions of the newest entries of each user, oldest first.
    users: HashMap<UserKey, VecDeque<LogPosition>>,
    end: ChangeCursor,
    trimmed: ChangeCursor,
    identity: LogIdentity,
}

impl Default for ArrayLog {
    fn default() -> Self {
        let identity = LogIdentity::new(host_time());
        let start = ChangeCursor::START.with_tag(Some(identity.tag()));
        Self { entries: VecDeque::new(), users: HashMap::new(), end: start.clone(), trimmed: start, identity }
    }
}

impl ArrayLog {
    pub(super) fn identity(&self) -> LogIdentity {
        self.identity
    }

    /// The position of the last entry.
    pub(super) fn end(&self) -> ChangeCursor {
        self.end.clone()
    }

    pub(super) fn append(&mut self, key: &UserKey, change: Change, now: Timestamp) {
        let LogPosition { millis, number } = self.end.first();
        let millis = u64::try_from(now.millis()).unwrap_or(0).max(millis);
        let position = LogPosition { millis, number: number + 1 };
        self.end = ChangeCursor::new(position, self.end.tag);
        self.entries.push_back((self.end.clone(), change));
        let positions = self.users.entry(key.clone()).or_default();
        positions.push_back(position);
        if positions.len() > MAX_HISTORY {
            positions.pop_front();
        }
    }

    /// Forgets the index of a user; the entries stay.
    pub(super) fn forget(&mut self, key: &UserKey) {
        self.users.remove(key);
    }

    /// The newest entries of a user, newest first.
    pub(super) fn history(&self, key: &UserKey, limit: usize) -> Vec<(ChangeCursor, Change)> {
        let positions = self.users.get(key).into_iter().flatten().rev().take(limit);
        let entry = |position: &LogPosition| {
            let place = self.entries.binary_search_by_key(position, |(cursor, _)| cursor.first()).ok()?;
            self.entries.get(place).cloned()
        };
        positions.filter_map(entry).collect()
    }

    /// Removes the entries of a member of any scope.
    pub(super) fn erase(&mut self, member: &str) -> Vec<Change> {
        let (erased, kept) =
            std::mem::take(&mut self.entries).into_iter().partition(|(_, change)| change.member() == member);
        self.entries = kept;
        self.users.retain(|key, _| key.member() != member);
        let erased: VecDeque<(ChangeCursor, Change)> = erased;
        erased.into_iter().map(|(_, change)| change).collect()
    }

    pub(super) fn page(&self, after: Option<ChangeCursor>, limit: PageLimit) -> Changes {
        let from = match after {
            Some(after) => {
                let found = self.entries.binary_search_by_key(&after.first(), |(cursor, _)| cursor.first());
                let entry = found.ok().map(|place| self.entries[place].0.clone());
                if let Some(refused) = (CursorCheck { trimmed: self.trimmed.clone(), entry }).refuse(&after) {
                    return refused;
                }
                found.map_or_else(|place| place, |place| place + 1)
            }
            None => 0,
        };
        let mut page = Page::default();
        let mut bytes = 0;
        for (cursor, change) in self.entries.range(from..) {
            if page.entries.len() >= limit.entries || bytes >= limit.bytes {
                page.full = true;
                break;
            }
            bytes += change.meta.json().len();
            page.entries.push((cursor.clone(), change.clone()));
        }
        page.end = page.entries.last().map(|(cursor, _)| cursor.clone());
        Changes::Page(page)
    }

    /// Removes entries that were appended before `before`, in ms.
    pub(super) fn trim(&mut self, before: i64) {
        let millis = u64::try_from(before).unwrap_or(0);
        let expired = self.entries.partition_point(|(cursor, _)| cursor.first().millis < millis);
        if let Some((cursor, _)) = self.entries.drain(..expired).next_back() {
            self.trimmed = cursor;
        }
    }
}

/// The clock of this store: that of the host.
#[expect(clippy::disallowed_methods, reason = "this store's clock is the host's")]
pub(super) fn host_time() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
