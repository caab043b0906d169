//! A fan-out: one message to many clients, sealed for each.
//!
//! A fan-out is written in chunks, each an idempotent write of its own: a fan-out that is repeated continues where it
//! stopped. The chunks depend on the fan-out alone, so they are the same each time.

use sha2::{Digest, Sha256};

use crate::messaging::domain::{ClientId, MessageTime};
use crate::php::json::Slashes;
use crate::php::{Value, json};

/// Maximum number of messages in one transaction.
const CHUNK: usize = 100;

/// Maximum size of the plaintexts in one transaction, in bytes: database servers limit the size of a statement.
const CHUNK_BYTES: usize = 1 << 20;

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
