//! Deleting what is no longer kept, a few rows at a time.

use super::MessageStore;
use crate::storage::sql::Result;

/// Messages that are no longer needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purge {
    /// Those that their clients have acknowledged.
    Acknowledged,
    /// All of them.
    All,
}

impl MessageStore {
    /// The id of the last one of the next messages behind `after` that was stored before `before`, if one of them was.
    pub async fn last_before(&self, before: &str, after: i64) -> Result<Option<i64>> {
        let rows = self.database.rows(&self.statements.get("last_before"), &[after.into(), before.into()]).await?;
        rows.first().map_or(Ok(None), |row| row.int_or_null(0))
    }

    /// Deletes messages with ids behind `after` up to `last` that were stored before `before`, and says how many.
    pub async fn purge(&self, what: Purge, (after, last): (i64, i64), before: &str) -> Result<u64> {
        let name = match what {
            Purge::Acknowledged => "purge_acknowledged",
            Purge::All => "purge_all",
        };
        self.database.execute(&self.statements.get(name), &[after.into(), last.into(), before.into()]).await
    }

    /// Forgets a batch of the names of steps that happened before `before`, and says how many.
    pub async fn purge_steps(&self, before: &str) -> Result<u64> {
        self.database.execute(&self.statements.get("purge_steps"), &[before.into()]).await
    }
}
