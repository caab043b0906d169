//! Fan-out: one message to many clients, sealed for each.
//!
//! It is done in chunks, each a step of its own that happens once, whatever is interrupted: a fan-out that runs twice goes
//! on where it stopped. The chunks follow from the fan-out alone, so that both times they are the same.

use std::time::Instant;

use sha2::{Digest, Sha256};

use super::{MessageTime, Messaging, MessagingError, Outcome};
use crate::messaging::domain::ClientId;
use crate::messaging::seal::aad;
use crate::messaging::store::{IdempotentWrite, NewMessage, Recipient, WriteResult};
use crate::php::json::Slashes;
use crate::php::{Value, json};

/// Most messages in one transaction.
const CHUNK: usize = 100;

/// Most bytes in one transaction, before they are sealed: servers limit what they take at once.
const CHUNK_BYTES: usize = 1 << 20;

/// A message for many clients.
pub struct Fanout {
    /// Its name: two with the same name are the same.
    pub id: String,
    /// Who sends it; the application if nobody.
    pub from: Option<ClientId>,
    /// What it is about.
    pub kind: String,
    /// What it says, as JSON.
    pub payload: String,
    /// To whom.
    pub recipients: Vec<ClientId>,
}

impl Fanout {
    /// The name for what is said of these parts: the same for the same ones.
    pub fn name(parts: &[&str]) -> String {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hex::encode(hash.finalize())
    }

    fn chunks(&self) -> impl Iterator<Item = (String, &[ClientId])> {
        let size = (CHUNK_BYTES / self.payload.len().max(1)).clamp(1, CHUNK);
        let named = |(place, chunk)| (Self::name(&[&self.id, &usize::to_string(&place)]), chunk);
        self.recipients.chunks(size).enumerate().map(named)
    }

    /// What is sealed.
    fn plain(&self, now: &MessageTime) -> String {
        let kind = json::encode_lossy(&Value::from(self.kind.as_str()), Slashes::Unescaped);
        format!(r#"{{"type":{kind},"payload":{},"ts":"{}"}}"#, self.payload, now.told)
    }
}

impl Messaging {
    /// Stores the message for every recipient there is, once. Recipients there are not are passed over, and so are single
    /// ones whose key does not decrypt.
    ///
    /// # Errors
    /// [`MessagingError::Secret`] if nobody's key of a chunk decrypts: that is `APP_KEY`'s fault, and to be done again with the
    /// right one. What can be stored is, before.
    pub async fn fan_out(&self, fanout: &Fanout) -> Outcome<()> {
        let (mut missing, mut passed_over, mut outcome) = (0, 0, Ok(()));
        for (name, recipients) in fanout.chunks() {
            let now = self.now();
            let plain = fanout.plain(&now);
            let seal = |recipient: &Recipient| self.letter(fanout, recipient, plain.as_bytes(), &now);
            let step = IdempotentWrite { name: &name, recipients, at: &now.stored };
            match self.deliver(&step, seal).await? {
                WriteResult::Stored { messages, unsealed } => {
                    missing += recipients.len() - messages - unsealed;
                    passed_over += unsealed;
                }
                WriteResult::AlreadyDone => {}
                WriteResult::NoKey => outcome = Err(MessagingError::Secret),
            }
        }
        if missing > 0 {
            tracing::info!(missing, "recipients that there are not were passed over");
        }
        if passed_over > 0 {
            tracing::error!(passed_over, "recipients whose keys do not decrypt were passed over");
        }
        outcome
    }

    /// Stores a step's messages, once.
    pub(super) async fn deliver<S>(&self, step: &IdempotentWrite<'_>, seal: S) -> Outcome<WriteResult>
    where
        S: Fn(&Recipient) -> Option<NewMessage> + Sync,
    {
        let started = Instant::now();
        let delivered = self.store.deliver(step, seal).await?;
        self.metrics.deliver_seconds.record(started.elapsed());
        if let WriteResult::Stored { messages, .. } = delivered {
            self.metrics.stored.increment(messages as u64);
        }
        Ok(delivered)
    }

    fn letter(&self, fanout: &Fanout, recipient: &Recipient, plain: &[u8], now: &MessageTime) -> Option<NewMessage> {
        let Some(key) = self.key(&recipient.key_encrypted) else {
            tracing::error!(client = recipient.id.as_str(), "the client's key does not decrypt: another APP_KEY?");
            return None;
        };
        Some(NewMessage {
            from: fanout.from.clone(),
            to: recipient.id.clone(),
            kind: fanout.kind.clone(),
            sealed: key.seal(plain, &aad::of_fan_out(&recipient.id, &now.told)),
        })
    }
}
