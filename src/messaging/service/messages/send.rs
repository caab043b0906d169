//! Messages that clients send: opened, sealed anew, stored for the operators, relayed to other clients.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::Messages;
use super::send_batcher::SentMessage;
use crate::messaging::domain::{ClientId, MessageTime};
use crate::messaging::seal::{SealKey, Sealed};
use crate::messaging::service::clients::Caller;
use crate::messaging::service::error::{MessagingError, Result};
use crate::messaging::service::publisher::{Fanout, LANES, fanout_id};
use crate::messaging::store::IdempotentWrite;
use crate::php::json::Slashes;
use crate::php::{Array, Value, base64, json};

/// The content of a message whose plaintext is not JSON, as in the reference server.
const EMPTY: &str = "[]";

/// A message from a client.
pub struct SendRequest {
    /// The message, sealed with the client's key.
    pub sealed: Sealed,
    /// The AADs that it may have been sealed with.
    pub aads: Vec<String>,
}

/// A message from a client, decrypted, and not stored yet.
pub struct OpenedSend {
    /// The idempotency key.
    id: String,
    client: ClientId,
    key: SealKey,
    message: Decrypted,
}

/// The parts of a decrypted message.
struct Decrypted {
    text: Zeroizing<String>,
    kind: String,
    payload: String,
    recipients: Option<Vec<ClientId>>,
}

/// Larger messages are decrypted and parsed on the pool of blocking threads, a few at a time.
const INLINE_BYTES: usize = 32 * 1024;

/// Maximum number of values in the plaintext: objects, lists and what is in them.
const MAX_VALUES: usize = 100_000;

/// Bytes of a row besides its texts, an estimate.
const ROW_BYTES: usize = 400;

impl OpenedSend {
    /// The number of bytes that the message takes in the database, over all recipients and with the jobs that relay it. An
    /// estimate that is too high rather than too low.
    pub fn stored_bytes(&self) -> usize {
        let Decrypted { text, kind, payload, recipients } = &self.message;
        let row = |plain: usize| plain * 4 / 3 + kind.len() + ROW_BYTES;
        let recipients = recipients.as_ref().map_or(0, Vec::len);
        let job = (payload.len() + kind.len() + recipients * ROW_BYTES / 8) * 16 / 9;
        row(text.len()) + recipients * row(payload.len()) + recipients.min(usize::from(LANES)) * job
    }
}

impl Messages {
    /// Authenticates the caller and decrypts its message.
    ///
    /// # Errors
    /// [`MessagingError::Sealed`], [`MessagingError::NotAnObject`], [`MessagingError::InvalidType`],
    /// [`MessagingError::NulCharacter`], [`MessagingError::TooManyRecipients`], [`MessagingError::TooManyValues`] or
    /// [`MessagingError::TooManyBytes`] if the message is not valid.
    pub async fn open(&self, caller: &Caller, request: SendRequest) -> Result<OpenedSend> {
        let client = self.clients.authenticate(caller).await?;
        let key = self.context.decrypt_key(&client.secrets.key_encrypted).ok_or(MessagingError::UndecryptableSecret)?;
        let [nonce, tag] =
            [&request.sealed.nonce, &request.sealed.tag].map(|text| base64::encode(&base64::decode_lenient(text)));
        let id = fanout_id(&["send", client.id.as_str(), &nonce, &tag]);
        let (key, message) = self.decrypt(key, request).await?;
        self.context.check_storable("ciphertext", &message.kind)?;
        if message.recipients.as_ref().is_some_and(|recipients| recipients.len() > self.limits.recipients) {
            return Err(MessagingError::TooManyRecipients(self.limits.recipients));
        }
        let opened = OpenedSend { id, client: client.id, key, message };
        match opened.stored_bytes() > self.limits.stored_bytes {
            true => Err(MessagingError::TooManyBytes(self.limits.stored_bytes)),
            false => Ok(opened),
        }
    }

    async fn decrypt(&self, key: SealKey, request: SendRequest) -> Result<(SealKey, Decrypted)> {
        let is_large = request.sealed.ciphertext.len() > INLINE_BYTES;
        let decrypt = move || {
            let message = Decrypted::parse(&key.open(&request.sealed, &request.aads)?)?;
            Ok((key, message))
        };
        if !is_large {
            return decrypt();
        }
        let _permit = self.parsers.acquire().await.map_err(|_| MessagingError::NotAnObject)?;
        tokio::task::spawn_blocking(decrypt).await.unwrap_or(Err(MessagingError::NotAnObject))
    }

    /// Stores a message of a client, and relays it to the recipients that it names. Storing the same message again changes
    /// nothing.
    ///
    /// # Errors
    /// The database or the queue does not answer. The message may have been stored or not.
    pub async fn store(&self, OpenedSend { id, client, key, message }: OpenedSend) -> Result<()> {
        let Decrypted { text, kind, payload, recipients } = message;
        let sent = Arc::new(SentMessage { id: id.clone(), client: client.clone(), key, kind: kind.clone(), text });
        if !self.sends.call(sent.clone()).await? {
            self.store_alone(&sent).await?;
        }
        match recipients {
            Some(recipients) => {
                self.publisher.publish(&Fanout { id, from: Some(client), kind, payload, recipients }).await
            }
            None => Ok(()),
        }
    }

    async fn store_alone(&self, sent: &SentMessage) -> Result<()> {
        let write = |now: MessageTime| async move {
            let recipients = std::slice::from_ref(&sent.client);
            let write = IdempotentWrite { key: &sent.id, recipients, at: &now.stored };
            self.context.write(&write, |recipient| Some(sent.seal(recipient, &now))).await
        };
        self.context.at_now(write).await?;
        Ok(())
    }
}

impl Decrypted {
    fn parse(plain: &Zeroizing<Vec<u8>>) -> Result<Self> {
        let text = std::str::from_utf8(plain).unwrap_or(EMPTY);
        if json::count_values(text.as_bytes()) > MAX_VALUES {
            return Err(MessagingError::TooManyValues(MAX_VALUES));
        }
        let (text, fields) = match json::decode(text) {
            Ok(Value::Array(fields)) => (text, fields),
            Ok(Value::Null) | Err(_) => (EMPTY, Array::new()),
            Ok(_) => return Err(MessagingError::NotAnObject),
        };
        Ok(Self {
            text: Zeroizing::new(text.to_owned()),
            kind: kind_of(&fields)?,
            payload: payload_of(text),
            recipients: recipients_of(&fields),
        })
    }
}

/// The `type`, converted to a string as PHP does; `client` if there is none.
fn kind_of(fields: &Array) -> Result<String> {
    match fields.get("type") {
        None | Some(Value::Null) => Ok("client".to_owned()),
        Some(Value::Bool(flag)) => Ok(if *flag { "1" } else { "0" }.to_owned()),
        Some(Value::Array(_) | Value::Object(_) | Value::Opaque(_)) => Err(MessagingError::InvalidType),
        Some(number @ (Value::Int(_) | Value::Float(_))) => Ok(json::encode_lossy(number, Slashes::Unescaped)),
        Some(text @ Value::String(_)) => text.as_str().map(str::to_owned).ok_or(MessagingError::InvalidType),
    }
}

/// The clients to relay to, each once. Skips values that are not client ids.
fn recipients_of(fields: &Array) -> Option<Vec<ClientId>> {
    let ids = fields.get("to_client_ids")?.as_array()?;
    let mut seen = HashSet::new();
    let ids = ids.iter().filter_map(|(_, id)| ClientId::parse(id.as_str()?));
    // Some databases ignore the case of an id.
    Some(ids.filter(|id| seen.insert(id.as_str().to_ascii_lowercase())).collect())
}

/// The `payload`, byte for byte as it was sent.
fn payload_of(text: &str) -> String {
    let fields: Option<HashMap<String, &RawValue>> = serde_json::from_str(text).ok();
    let payload = fields.and_then(|fields| fields.get("payload").map(|payload| payload.get().to_owned()));
    payload.filter(|payload| payload != "null").unwrap_or_else(|| EMPTY.to_owned())
}
