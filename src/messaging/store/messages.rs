//! Rows of messages: idempotent writes, and reads in the order of ids.

use super::records::ListedMessage;
use super::{MessageRecord, MessageStore, NewMessage, Recipient, find_by_id};
use crate::messaging::domain::ClientId;
use crate::storage::sql::{Arg, Result, retry_on_conflict};

/// Maximum number of bytes of the messages on a page.
const PAGE_BYTES: i64 = 1024 * 1024;

/// Bytes of a message beside its ciphertext and its type.
const MEMBERS_BYTES: i64 = 200;

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
        let statement = self.statements.get("insert_idempotency_key");
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

    /// Returns up to `limit` messages to a client after an id, by ascending id: of [`PAGE_BYTES`] at most, or a larger one
    /// alone.
    pub async fn messages_of(&self, id: &ClientId, after: i64, limit: i64) -> Result<Vec<MessageRecord>> {
        let small = PAGE_BYTES / limit.max(1);
        let args = [small.into(), id.as_str().into(), after.into(), limit.into()];
        let rows = self.database.rows(&self.messages_of, &args).await?;
        let mut page = page(rows.iter().map(ListedMessage::read).collect::<Result<_>>()?);
        if page.iter().any(|listed| listed.ciphertext.is_none()) {
            self.read_ciphertexts(&mut page).await?;
        }
        // One that was deleted meanwhile is left out.
        Ok(page.into_iter().filter_map(ListedMessage::complete).collect())
    }

    /// Reads the ciphertexts that the page does not have yet.
    async fn read_ciphertexts(&self, page: &mut [ListedMessage]) -> Result<()> {
        let missing = page.iter().filter(|listed| listed.ciphertext.is_none());
        let ids: Vec<Arg<'_>> = missing.map(|listed| listed.record.id.into()).collect();
        let rows = self.database.rows(&self.statements.repeated("ciphertexts", ids.len()), &ids).await?;
        for row in &rows {
            let id = row.int(0)?;
            if let Some(listed) = page.iter_mut().find(|listed| listed.record.id == id) {
                listed.ciphertext = Some(row.text(1)?);
            }
        }
        Ok(())
    }
}

/// The first messages that together have at most [`PAGE_BYTES`], or the first one alone.
fn page(mut listed: Vec<ListedMessage>) -> Vec<ListedMessage> {
    let mut total = 0;
    let fits = |listed: &ListedMessage| {
        total += listed.bytes + MEMBERS_BYTES;
        total <= PAGE_BYTES
    };
    let fitting = listed.iter().map(fits).take_while(|fits| *fits).count();
    listed.truncate(fitting.max(1));
    listed
}
