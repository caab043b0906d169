//! A fan-out: one message to many clients, sealed for each.
//!
//! A fan-out is written in chunks, each an idempotent write of its own: a fan-out that is repeated continues where it
//! stopped. The chunks depend on the fan-out alone, so they are the same each time.

use sha2::{Digest, Sha256};

use crate::messaging::domain::{ClientId, MessageTime};
use crate::messaging::seal::aad;
use crate::messaging::service::context::MessagingContext;
use crate::messaging::store::{GroupedWrite, NewMessage, Recipient, WriteResult};
use crate::php::json::Slashes;
use crate::php::{Value, json};

/// Maximum number of messages in one transaction.
const CHUNK: usize = 100;

/// Maximum size of the plaintexts in one transaction, in bytes: database servers limit the size of a statement.
pub(super) const CHUNK_BYTES: usize = 1 << 20;

/// A message to many clients.
pub struct Fanout {
    /// The id; two fan-outs with the same id are the same.
    pub id: String,
    /// The client that sends it; `None` for the application.
    pub from: Option<ClientId>,
    /// The type of the message.
    pub kind: String,
    /// The payload, as JSON.
    pub payload: String,
    /// The recipients.
    pub recipients: Vec<ClientId>,
}

impl Fanout {
    /// The chunks of recipients that are written together, each with its idempotency key.
    pub(super) fn chunks(&self) -> impl Iterator<Item = (String, &[ClientId])> {
        let size = (CHUNK_BYTES / self.payload.len().max(1)).clamp(1, CHUNK);
        let with_key = |(index, chunk)| (fanout_id(&[&self.id, &usize::to_string(&index)]), chunk);
        self.recipients.chunks(size).enumerate().map(with_key)
    }

    /// The plaintext that is sealed for each recipient.
    pub(super) fn plaintext(&self, now: &MessageTime) -> String {
        let kind = json::encode_lossy(&Value::from(self.kind.as_str()), Slashes::Unescaped);
        format!(r#"{{"type":{kind},"payload":{},"ts":"{}"}}"#, self.payload, now.iso8601)
    }

    /// Seals the plaintext for a recipient; `None` if its key does not decrypt.
    pub(super) fn seal(
        &self,
        context: &MessagingContext,
        recipient: &Recipient,
        (plain, now): (&str, &MessageTime),
    ) -> Option<NewMessage> {
        let Some(key) = context.decrypt_key(&recipient.key_encrypted) else {
            tracing::error!(client = recipient.id.as_str(), "the client's key does not decrypt: another APP_KEY?");
            return None;
        };
        Some(NewMessage {
            from: self.from.clone(),
            to: recipient.id.clone(),
            kind: self.kind.clone(),
            sealed: key.seal(plain.as_bytes(), &aad::of_fan_out(&recipient.id, &now.iso8601)),
        })
    }

    /// A chunk as a write of a group.
    pub(super) fn grouped<'a>(
        &'a self,
        context: &'a MessagingContext,
        (key, recipients): (&'a str, &'a [ClientId]),
        sequence: usize,
        now: &'a MessageTime,
    ) -> GroupedWrite<'a> {
        let plain = self.plaintext(now);
        let seal = move |recipient: &Recipient| self.seal(context, recipient, (&plain, now));
        GroupedWrite { key, recipients, sequence: Some(sequence), seal: Box::new(seal) }
    }
}

/// The recipients of a fan-out for whom nothing was stored.
#[derive(Default)]
pub(super) struct Skipped {
    unknown: usize,
    undecryptable: usize,
}

impl Skipped {
    /// Counts those of a write to `recipients`.
    pub(super) fn count(&mut self, recipients: usize, result: WriteResult) {
        if let WriteResult::Stored { messages, unsealed } = result {
            self.unknown += recipients - messages - unsealed;
            self.undecryptable += unsealed;
        }
    }

    /// Logs their numbers, if there are any.
    pub(super) fn log(&self) {
        if self.unknown > 0 {
            tracing::info!(missing = self.unknown, "unknown recipients were skipped");
        }
        if self.undecryptable > 0 {
            tracing::error!(passed_over = self.undecryptable, "recipients whose keys do not decrypt were skipped");
        }
    }
}

/// Derives an id from `parts`: equal parts give equal ids.
pub fn fanout_id(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}
