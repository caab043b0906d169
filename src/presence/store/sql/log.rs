//! Reads the change log. Few reads run at the same time, so that commits find a free connection.

use async_trait::async_trait;

use super::SqlStore;
use super::cache_table::hash;
use super::rows::{change, cursor};
use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{Change, Timestamp};
use crate::presence::store::changes::CursorCheck;
use crate::presence::store::{ChangeCursor, ChangeHistory, Changes, LogIdentity, MAX_HISTORY, Page, PageLimit, Result};
use crate::storage::Unavailable;
use crate::storage::sql;
use crate::storage::sql::Arg;

impl SqlStore {
    pub(super) async fn read_page(&self, after: Option<ChangeCursor>, limit: PageLimit) -> Result<Changes> {
        let _permit = self.log_reads.acquire().await.map_err(Unavailable::new)?;
        let from = after.as_ref().map_or(0, |after| i64::try_from(after.first().number).unwrap_or(i64::MAX));
        let args = [from.into(), from.into(), limit.entries.into(), limit.bytes.into()];
        let rows = self.database.rows(&self.statements.get("changes"), &args).await?;
        let Some(first) = rows.first() else {
            return Ok(match after {
                Some(after) if after != ChangeCursor::START => Changes::Foreign(ChangeCursor::START),
                _ => Changes::Page(Page::default()),
            });
        };
        let identity = match first.int_or_null(1)?.and_then(identity) {
            Some(known) => known,
            None => self.identify(self.read_time().await?).await?,
        };
        let at = |number: i64, at: i64| cursor(number).with_tag(Some(identity.tag_at(at)));
        if let Some(after) = after {
            let check =
                CursorCheck { trimmed: cursor(first.int(0)?), entry: first.int_or_null(2)?.map(|time| at(from, time)) };
            if let Some(refused) = check.refuse(&after) {
                return Ok(refused);
            }
        }
        let (mut page, mut count, mut bytes) = (Page::default(), 0, 0);
        for row in &rows {
            let (Some(number), Some(json)) = (row.int_or_null(3)?, row.bytes_or_null(5)?) else { continue };
            let cursor = at(number, row.int(4)?);
            (count, bytes) = (count + 1, bytes + json.len());
            page.end = Some(cursor.clone());
            let change = change(number, &json, &self.outbox.outbox().installation);
            page.entries.extend(change.map(|change| (cursor, change)));
        }
        page.full = count >= limit.entries || bytes >= limit.bytes;
        Ok(Changes::Page(page))
    }

    pub(super) async fn read_end(&self) -> Result<ChangeCursor> {
        let rows = self.database.rows(&self.statements.get("end_of_changes"), &[]).await?;
        let Some(row) = rows.first() else { return Ok(ChangeCursor::START) };
        let identity = row.int_or_null(1)?.and_then(identity);
        let tag = identity.zip(row.int_or_null(2)?).map(|(identity, at)| identity.tag_at(at));
        Ok(cursor(row.int(0)?).with_tag(tag))
    }

    /// The identity of the log; one that begins at `now` if it has none.
    pub(super) async fn identify(&self, now: Timestamp) -> Result<LogIdentity> {
        if let Some(known) = self.read_identity().await? {
            return Ok(known);
        }
        self.database.execute(&self.statements.get("init_log"), &[]).await?;
        let new = Arg::from(i64::try_from(LogIdentity::new(now).number()).unwrap_or(i64::MAX));
        self.database.execute(&self.statements.get("identify_log"), &[new]).await?;
        self.read_identity().await?.ok_or_else(|| Unavailable::new("the change log has no identity"))
    }

    async fn read_identity(&self) -> sql::Result<Option<LogIdentity>> {
        let rows = self.database.rows(&self.statements.get("identity"), &[]).await?;
        Ok(rows.first().map(|row| row.int_or_null(0)).transpose()?.flatten().and_then(identity))
    }
}

#[async_trait]
impl ChangeHistory for SqlStore {
    async fn history(&self, key: &UserKey, limit: usize) -> Result<Vec<(ChangeCursor, Change)>> {
        let name = hash(key.as_str());
        let args = [name.as_str().into(), limit.min(MAX_HISTORY).into()];
        let rows = self.database.rows(&self.statements.get("history"), &args).await?;
        let identity = if rows.is_empty() { None } else { self.read_identity().await? };
        let mut entries = Vec::with_capacity(rows.len());
        for row in &rows {
            let (number, at) = (row.int(0)?, row.int(1)?);
            let tag = identity.map(|identity| identity.tag_at(at));
            let change = change(number, &row.bytes(2)?, &self.outbox.outbox().installation);
            entries.extend(change.map(|change| (cursor(number).with_tag(tag), change)));
        }
        Ok(entries)
    }

    /// Entries are emptied, not removed: positions stay valid.
    async fn erase_changes(&self, member: &str) -> Result<Vec<Change>> {
        let (mut after, mut erased) = (None, Vec::new());
        loop {
            let Changes::Page(page) = self.read_page(after.take(), PageLimit::OF_SEARCH).await? else {
                // Trimmed meanwhile: begin with what is kept.
                continue;
            };
            let of_member = |(_, change): &&(ChangeCursor, Change)| change.member() == member;
            let found: Vec<&(ChangeCursor, Change)> = page.entries.iter().filter(of_member).collect();
            if !found.is_empty() {
                let number = |(cursor, _): &&(ChangeCursor, Change)| {
                    Arg::from(i64::try_from(cursor.first().number).unwrap_or(i64::MAX))
                };
                let args: Vec<Arg<'_>> = found.iter().map(number).collect();
                self.database.execute(&self.statements.repeated("erase", args.len()), &args).await?;
                erased.extend(found.into_iter().map(|(_, change)| change.clone()));
            }
            match page.end.filter(|_| page.full) {
                Some(end) => after = Some(end),
                None => return Ok(erased),
            }
        }
    }
}

fn identity(number: i64) -> Option<LogIdentity> {
    LogIdentity::from_number(u64::try_from(number).unwrap_or(0))
}
