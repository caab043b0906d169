//! Groups of writes: writes that wait at the same time share one commit.
//!
//! A group never waits for the row of a recipient: a write whose recipients are locked by another transaction is left out,
//! and so is one that the group cannot decide on. The caller does those alone, with
//! [`write_messages`](MessageStore::write_messages): one write delays or fails no other.

use std::collections::{HashMap, HashSet};

use super::statements::{of_size, padded_texts, powers};
use super::{MessageStore, NewMessage, Recipient, WriteResult};
use crate::messaging::domain::ClientId;
use crate::storage::sql::{Arg, Engine, Result, Transaction, retry_on_conflict};

/// Seals the message of a write for one recipient.
pub type Seal<'a> = Box<dyn Fn(&Recipient) -> Option<NewMessage> + Send + Sync + 'a>;

/// An [`IdempotentWrite`](super::IdempotentWrite) of a group.
pub struct GroupedWrite<'a> {
    /// The idempotency key, unique among all writes: at most 64 characters.
    pub key: &'a str,
    /// The recipients; one that is listed twice gets two messages.
    pub recipients: &'a [ClientId],
    /// The sequence that the write belongs to: of a sequence, all writes behind one that is left out are left out.
    pub sequence: Option<usize>,
    /// Returns the message for a recipient; `None` if its key does not decrypt.
    pub seal: Seal<'a>,
}

/// The messages of a write of a group.
struct SealedWrite<'a> {
    position: usize,
    key: &'a str,
    messages: Vec<NewMessage>,
    unsealed: usize,
}

/// The recipients of a group.
struct Recipients {
    engine: Engine,
    /// Those whose rows are locked by the group, by their ids.
    held: HashMap<String, Recipient>,
    /// The ids of those that another transaction has locked.
    busy: HashSet<String>,
}

impl MessageStore {
    /// Stores several writes in one transaction, each of them once, with messages in the order of the writes. Returns `None`
    /// for each write that was left out: nothing of it was stored. At most [`MAX_GROUP_RECIPIENTS`](super::MAX_GROUP_RECIPIENTS) recipients
    /// and writes.
    ///
    /// # Errors
    /// The group was not stored, or it is not known whether it was.
    pub async fn write_group(&self, writes: &[GroupedWrite<'_>], at: &str) -> Result<Vec<Option<WriteResult>>> {
        match retry_on_conflict(|| self.try_write_group(writes, at, false)).await? {
            Some(results) => Ok(results),
            None => {
                let checked = retry_on_conflict(|| self.try_write_group(writes, at, true)).await?;
                Ok(checked.unwrap_or_else(|| vec![None; writes.len()]))
            }
        }
    }

    /// Returns `None`, and stores nothing, if some writes have happened before. With `check`, those are looked up first.
    async fn try_write_group(
        &self,
        writes: &[GroupedWrite<'_>],
        at: &str,
        check: bool,
    ) -> Result<Option<Vec<Option<WriteResult>>>> {
        let mut transaction = self.database.begin().await?;
        let recipients = self.hold_recipients(&mut transaction, writes).await?;
        let mut sealed = recipients.seal(writes);
        let mut results = vec![None; writes.len()];
        if check {
            let done = self.done(&mut transaction, &sealed).await?;
            sealed.retain(|write| {
                let is_new = !done.contains(write.key);
                if !is_new {
                    results[write.position] = Some(WriteResult::AlreadyDone);
                }
                is_new
            });
        }
        if !self.insert_keys(&mut transaction, &sealed, at).await? {
            transaction.rollback().await?;
            return Ok(None);
        }
        let messages: Vec<&NewMessage> = sealed.iter().flat_map(|write| &write.messages).collect();
        for rows in powers(&messages) {
            let args: Vec<Arg<'_>> = rows.iter().flat_map(|message| message.args(at)).collect();
            transaction.execute(of_size(&self.groups.insert_messages, rows.len()), &args).await?;
        }
        transaction.commit().await?;
        for SealedWrite { position, messages, unsealed, .. } in sealed {
            results[position] = Some(WriteResult::Stored { messages: messages.len(), unsealed });
        }
        Ok(Some(results))
    }

    /// Locks the rows of the recipients that are not locked.
    async fn hold_recipients(&self, transaction: &mut Transaction, writes: &[GroupedWrite<'_>]) -> Result<Recipients> {
        let engine = self.engine();
        let mut recipients = Recipients { engine, held: HashMap::new(), busy: HashSet::new() };
        let mut ids: Vec<&str> = writes.iter().flat_map(|write| write.recipients).map(ClientId::as_str).collect();
        ids.sort_unstable();
        ids.dedup();
        let Some(args) = padded_texts(&ids) else { return Ok(recipients) };
        for row in transaction.rows(of_size(&self.groups.free_recipients, args.len()), &args).await? {
            let recipient = Recipient::read(&row)?;
            recipients.held.insert(id_in(engine, &recipient.id), recipient);
        }
        ids.retain(|id| !recipients.held.contains_key(&text_in(engine, id)));
        if engine == Engine::Sqlite {
            return Ok(recipients);
        }
        if let Some(args) = padded_texts(&ids) {
            for row in transaction.rows(of_size(&self.groups.known_clients, args.len()), &args).await? {
                recipients.busy.insert(row.text(0)?.to_ascii_lowercase());
            }
        }
        Ok(recipients)
    }

    /// Returns the keys of the writes that have happened.
    async fn done(&self, transaction: &mut Transaction, sealed: &[SealedWrite<'_>]) -> Result<HashSet<String>> {
        let keys: Vec<&str> = sealed.iter().map(|write| write.key).collect();
        let Some(args) = padded_texts(&keys) else { return Ok(HashSet::new()) };
        let rows = transaction.rows(of_size(&self.groups.done_keys, args.len()), &args).await?;
        rows.iter().map(|row| row.text(0)).collect()
    }

    /// Inserts the keys of the writes. Returns false if some exist.
    async fn insert_keys(&self, transaction: &mut Transaction, sealed: &[SealedWrite<'_>], at: &str) -> Result<bool> {
        let mut keys: Vec<&str> = sealed.iter().map(|write| write.key).collect();
        // In one order in all transactions, since each waits for others with the same key.
        keys.sort_unstable();
        for rows in powers(&keys) {
            let args: Vec<Arg<'_>> = rows.iter().flat_map(|key| [Arg::from(*key), at.into()]).collect();
            let inserted = transaction.execute(of_size(&self.groups.insert_keys, rows.len()), &args).await?;
            if inserted < rows.len() as u64 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Recipients {
    /// Seals the messages of the writes that can be decided on.
    fn seal<'a>(&self, writes: &[GroupedWrite<'a>]) -> Vec<SealedWrite<'a>> {
        let (mut keys, mut ended) = (HashSet::new(), HashSet::new());
        let seal = |(position, write): (usize, &GroupedWrite<'a>)| {
            let is_open = write.sequence.is_none_or(|sequence| !ended.contains(&sequence)) && keys.insert(write.key);
            let sealed = if is_open { self.seal_one(position, write) } else { None };
            if sealed.is_none() {
                ended.extend(write.sequence);
            }
            sealed
        };
        writes.iter().enumerate().filter_map(seal).collect()
    }

    fn seal_one<'a>(&self, position: usize, write: &GroupedWrite<'a>) -> Option<SealedWrite<'a>> {
        let (mut messages, mut unsealed) = (Vec::with_capacity(write.recipients.len()), 0);
        for id in write.recipients {
            let id = id_in(self.engine, id);
            if self.busy.contains(&id) {
                return None;
            }
            match self.held.get(&id).map(&write.seal) {
                Some(Some(message)) => messages.push(message),
                Some(None) => unsealed += 1,
                None => {}
            }
        }
        let is_decided = !messages.is_empty() || unsealed == 0;
        is_decided.then_some(SealedWrite { position, key: write.key, messages, unsealed })
    }
}

/// An id in the form in which the database compares it.
fn id_in(engine: Engine, id: &ClientId) -> String {
    text_in(engine, id.as_str())
}

fn text_in(engine: Engine, id: &str) -> String {
    if engine == Engine::Sqlite { id.to_owned() } else { id.to_ascii_lowercase() }
}
