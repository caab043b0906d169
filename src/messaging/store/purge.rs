//! Deletes expired rows in small batches.

use super::MessageStore;
use crate::messaging::domain::ClientId;
use crate::storage::sql::{Result, retry_on_conflict};

/// The messages to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purge {
    /// Messages that their recipients have acknowledged.
    Acknowledged,
    /// All messages.
    All,
}

impl MessageStore {
    /// Returns the id of the last message stored before `before` in the next batch of messages after `after`; `None` if the
    /// batch has none.
    pub async fn last_before(&self, before: &str, after: i64) -> Result<Option<i64>> {
        let rows = self.database.rows(&self.statements.get("last_before"), &[after.into(), before.into()]).await?;
        rows.first().map_or(Ok(None), |row| row.int_or_null(0))
    }

    /// Deletes messages with ids after `after` up to `last` that were stored before `before`; returns their number.
    pub async fn purge(&self, what: Purge, (after, last): (i64, i64), before: &str) -> Result<u64> {
        let name = match what {
            Purge::Acknowledged => "purge_acknowledged",
            Purge::All => "purge_all",
        };
        self.database.execute(&self.statements.get(name), &[after.into(), last.into(), before.into()]).await
    }

    /// Deletes a client, its receipt, and all messages to it and from it; returns the number of messages, or `None` if there is
    /// no such client. Messages that are queued for it are skipped later, as for any unknown client.
    pub async fn erase_client(&self, id: &ClientId) -> Result<Option<u64>> {
        retry_on_conflict(|| self.try_erase_client(id.as_str())).await
    }

    async fn try_erase_client(&self, id: &str) -> Result<Option<u64>> {
        let mut transaction = self.database.begin().await?;
        // First the row that writers of messages lock.
        let clients = transaction.execute(&self.statements.get("erase_client"), &[id.into()]).await?;
        let messages = transaction.execute(&self.statements.get("erase_messages"), &[id.into(), id.into()]).await?;
        transaction.execute(&self.statements.get("erase_receipt"), &[id.into()]).await?;
        transaction.commit().await?;
        Ok((clients > 0).then_some(messages))
    }

    /// Deletes a batch of idempotency keys of writes before `before`; returns their number.
    pub async fn purge_idempotency_keys(&self, before: &str) -> Result<u64> {
        self.database.execute(&self.statements.get("purge_idempotency_keys"), &[before.into()]).await
    }
}
