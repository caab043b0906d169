//! What all parts of the messaging service share.

use std::time::Instant;

use chrono_tz::Tz;

use super::error::{MessagingError, Result};
use super::last_seen::LastSeen;
use super::metrics::Metrics;
use crate::laravel::crypt::Crypt;
use crate::messaging::domain::{ClientId, MessageTime};
use crate::messaging::seal::SealKey;
use crate::messaging::store::{
    GroupedWrite, IdempotentWrite, MessageRecord, MessageStore, NewMessage, Recipient, WriteResult,
};
use crate::php::date;
use crate::storage::sql;
use crate::storage::sql::Engine;

/// Store, encryption, time zone, times of last requests and metrics.
///
/// Times of messages come from the sidecar's own clock, as with Laravel: they are displayed and not compared, since ids
/// determine the order.
pub struct MessagingContext {
    /// Clients and messages.
    pub store: MessageStore,
    /// Encryption with `APP_KEY`.
    pub crypt: Crypt,
    /// The application's time zone, which the tables use.
    pub zone: Tz,
    /// Times of last requests that are not stored yet.
    pub last_seen: LastSeen,
    /// Counters and histograms.
    pub metrics: Metrics,
}

impl MessagingContext {
    /// The current time.
    pub fn now(&self) -> MessageTime {
        MessageTime::at(chrono::Utc::now().timestamp_micros(), self.zone)
    }

    /// Runs a write with the current time. In the hour that the summer time of the database server skips, MySQL cannot store
    /// that time if the application's zone has another offset: the write is run again with the end of that hour.
    ///
    /// # Errors
    /// Those of the write.
    pub async fn at_now<T, F>(&self, write: impl Fn(MessageTime) -> F) -> sql::Result<T>
    where
        F: Future<Output = sql::Result<T>>,
    {
        let now = self.now();
        let stored = now.stored.clone();
        match write(now).await {
            Err(error) if error.is_invalid_time() => {
                let next = self.store.next_time(&stored).await?;
                match next.and_then(|next| MessageTime::from_stored(&next, self.zone)) {
                    Some(time) => write(time).await,
                    None => Err(error),
                }
            }
            outcome => outcome,
        }
    }

    /// Writes messages to the store, and records the time it took.
    ///
    /// # Errors
    /// As [`MessageStore::write_messages`].
    pub async fn write<S>(&self, write: &IdempotentWrite<'_>, seal: S) -> sql::Result<WriteResult>
    where
        S: Fn(&Recipient) -> Option<NewMessage> + Sync,
    {
        let started = Instant::now();
        let result = self.store.write_messages(write, seal).await?;
        self.metrics.record_write(started, &[Some(result)]);
        Ok(result)
    }

    /// Writes a group to the store, and records the time it took.
    ///
    /// # Errors
    /// As [`MessageStore::write_group`].
    pub async fn write_group(&self, writes: &[GroupedWrite<'_>], at: &str) -> sql::Result<Vec<Option<WriteResult>>> {
        let started = Instant::now();
        let results = self.store.write_group(writes, at).await?;
        self.metrics.record_write(started, &results);
        Ok(results)
    }

    /// Records that a client has just made a request.
    pub fn mark_seen(&self, id: &ClientId) {
        self.last_seen.record(id, chrono::Utc::now().timestamp_micros());
    }

    /// Writes the recorded times of last requests to the store. Times that cannot be written are kept for the next call.
    pub async fn write_last_seen(&self) {
        if let Err(error) = self.last_seen.write(&self.store, self.zone).await {
            tracing::debug!(error = error.chain(), "last-seen times could not be written; retrying later");
        }
    }

    /// Decrypts a client's key; `None` if it was encrypted with another `APP_KEY`.
    pub fn decrypt_key(&self, encrypted: &str) -> Option<SealKey> {
        let token = self.crypt.decrypt(encrypted).ok()?;
        SealKey::parse(std::str::from_utf8(&token).ok()?)
    }

    /// Returns a message with its time as clients read it.
    pub fn with_client_time(&self, mut message: MessageRecord) -> MessageRecord {
        if let Some(at) = date::from_database(&message.created_at, self.zone) {
            message.created_at = date::iso8601(at, self.zone);
        }
        message
    }

    /// Checks that the database can store the text of `field`: Postgres stores no NUL characters.
    ///
    /// # Errors
    /// [`MessagingError::NulCharacter`] if it cannot.
    pub fn check_storable(&self, field: &'static str, text: &str) -> Result<()> {
        let refused = self.store.engine() == Engine::Postgres && text.contains('\0');
        if refused { Err(MessagingError::NulCharacter(field)) } else { Ok(()) }
    }
}
