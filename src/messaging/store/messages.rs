//! Idempotent writes of messages.

use super::{MessageStore, NewMessage, Recipient, find_by_id};
use crate::messaging::domain::ClientId;
use crate::storage::sql::{Arg, Result, retry_on_conflict};

/// A write of messages that happens at most once.
pub struct IdempotentWrite<'a> {
    /// The idempotency key, unique among all writes: at most 64 characters.
    pub key: &'a str,
    /// The recipients; one that is listed twice gets two messages.
    pub recipients: &'a [ClientId],
    /// The time of the write.
    pub at: &'a str,
}

/// The result of an [`IdempotentWrite`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteResult {
    /// The messages were stored.
    Stored {
        /// Number of stored messages.
        messages: usize,
        /// Number of known recipients for which no message could be sealed.
        unsealed: usize,
    },
    /// The write had happened before.
    AlreadyDone,
    /// There are known recipients, but no message could be sealed for any of them. Nothing was stored, and the write can be
    /// repeated.
    NoKey,
}

impl MessageStore {
    /// Stores what `seal` returns for each known recipient, in the order of the recipients, in one transaction and once.
    /// Skips unknown recipients, and those for which `seal` returns `None` unless it does so for all.
    pub async fn write_messages<S>(&self, write: &IdempotentWrite<'_>, seal: S) -> Result<WriteResult>
    where
        S: Fn(&Recipient) -> Option<NewMessage> + Sync,
    {
        retry_on_conflict(|| self.try_write(write, &seal)).await
    }

    async fn try_write<S>(&self, write: &IdempotentWrite<'_>, seal: &S) -> Result<WriteResult>
    where
        S: Fn(&Recipient) -> Option<NewMessage> + Sync,
    {
        let mut transaction = self.database.begin().await?;
        let statement = self.statements.get("insert_idempotency_keys");
        if transaction.execute(&statement, &[write.key.into(), write.at.into()]).await? == 0 {
            return Ok(WriteResult::AlreadyDone);
        }
        let ids: Vec<Arg<'_>> = write.recipients.iter().map(|id| Arg::from(id.as_str())).collect();
        let rows = transaction.rows(&self.statements.repeated("recipients", ids.len()), &ids).await?;
        let known = rows.iter().map(Recipient::read).collect::<Result<Vec<_>>>()?;
        let seal_for = |id: &ClientId| find_by_id(id, &known, |recipient| &recipient.id).map(seal);
        let sealed: Vec<Option<NewMessage>> = write.recipients.iter().filter_map(seal_for).collect();
        let attempted = sealed.len();
        let messages: Vec<NewMessage> = sealed.into_iter().flatten().collect();
        if messages.is_empty() && attempted > 0 {
            return Ok(WriteResult::NoKey);
        }
        if !messages.is_empty() {
            let statement = self.statements.repeated("insert_messages", messages.len());
            let args: Vec<Arg<'_>> = messages.iter().flat_map(|message| message.args(write.at)).collect();
            transaction.execute(&statement, &args).await?;
        }
        transaction.commit().await?;
        Ok(WriteResult::Stored { messages: messages.len(), unsealed: attempted - messages.len() })
    }
}
