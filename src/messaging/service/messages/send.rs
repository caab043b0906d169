//! Messages that clients send: opened, sealed anew, stored for the operators, relayed to other clients.

use std::collections::HashMap;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::Messages;
use crate::messaging::domain::{ClientId, MessageTime};
use crate::messaging::seal::{SealKey, Sealed, aad};
use crate::messaging::service::clients::Caller;
use crate::messaging::service::error::{MessagingError, Result};
use crate::messaging::service::publisher::{Fanout, fanout_id};
use crate::messaging::store::{IdempotentWrite, NewMessage, Recipient};
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

/// A decrypted message.
struct Decrypted {
    text: Zeroizing<String>,
    fields: Array,
}

impl Messages {
    /// Stores a message of the caller, and relays it to the recipients that it names. Sending the same body again changes
    /// nothing.
    ///
    /// # Errors
    /// [`MessagingError::Sealed`], [`MessagingError::NotAnObject`], [`MessagingError::InvalidType`],
    /// [`MessagingError::NulCharacter`] or [`MessagingError::TooManyRecipients`] if the message is not valid.
    pub async fn send(&self, caller: &Caller, request: &SendRequest) -> Result<()> {
        let client = self.clients.authenticate(caller).await?;
        let key = self.context.decrypt_key(&client.secrets.key_encrypted).ok_or(MessagingError::UndecryptableSecret)?;
        let decrypted = Decrypted::parse(&key.open(&request.sealed, &request.aads)?)?;
        let kind = decrypted.kind()?;
        self.context.check_storable("ciphertext", &kind)?;
        let recipients = decrypted.recipients();
        if recipients.as_ref().is_some_and(|recipients| recipients.len() > self.max_recipients) {
            return Err(MessagingError::TooManyRecipients(self.max_recipients));
        }
        let [nonce, tag] =
            [&request.sealed.nonce, &request.sealed.tag].map(|text| base64::encode(&base64::decode_lenient(text)));
        let id = fanout_id(&["send", client.id.as_str(), &nonce, &tag]);
        self.store_sent(&id, &client.id, &key, (&kind, &decrypted.text)).await?;
        match recipients {
            Some(recipients) => {
                let payload = decrypted.payload();
                self.publisher.publish(&Fanout { id, from: Some(client.id), kind, payload, recipients }).await
            }
            None => Ok(()),
        }
    }

    /// Stores a message as one from the client to itself, where operators read it.
    async fn store_sent(&self, id: &str, client: &ClientId, key: &SealKey, (kind, text): (&str, &str)) -> Result<()> {
        let write = |now: MessageTime| async move {
            let seal = |recipient: &Recipient| {
                let sealed = key.seal(text.as_bytes(), &aad::of_sent(&recipient.id, &now.iso8601));
                let (from, to) = (Some(recipient.id.clone()), recipient.id.clone());
                Some(NewMessage { from, to, kind: kind.to_owned(), sealed })
            };
            let write = IdempotentWrite { key: id, recipients: std::slice::from_ref(client), at: &now.stored };
            self.publisher.write(&write, seal).await
        };
        self.context.at_now(write).await?;
        Ok(())
    }
}

impl Decrypted {
    fn parse(plain: &Zeroizing<Vec<u8>>) -> Result<Self> {
        let text = std::str::from_utf8(plain).unwrap_or(EMPTY);
        match json::decode(text) {
            Ok(Value::Array(fields)) => Ok(Self { text: Zeroizing::new(text.to_owned()), fields }),
            Ok(Value::Null) | Err(_) => Ok(Self { text: Zeroizing::new(EMPTY.to_owned()), fields: Array::new() }),
            Ok(_) => Err(MessagingError::NotAnObject),
        }
    }

    /// The `type`, converted to a string as PHP does; `client` if there is none.
    fn kind(&self) -> Result<String> {
        match self.fields.get("type") {
            None | Some(Value::Null) => Ok("client".to_owned()),
            Some(Value::Bool(flag)) => Ok(if *flag { "1" } else { "0" }.to_owned()),
            Some(Value::Array(_) | Value::Object(_)) => Err(MessagingError::InvalidType),
            Some(number @ (Value::Int(_) | Value::Float(_))) => Ok(json::encode_lossy(number, Slashes::Unescaped)),
            Some(text @ Value::String(_)) => text.as_str().map(str::to_owned).ok_or(MessagingError::InvalidType),
        }
    }

    /// The clients to relay to. Skips values that are not client ids.
    fn recipients(&self) -> Option<Vec<ClientId>> {
        let ids = self.fields.get("to_client_ids")?.as_array()?;
        Some(ids.iter().filter_map(|(_, id)| ClientId::parse(id.as_str()?)).collect())
    }

    /// The `payload`, byte for byte as it was sent.
    fn payload(&self) -> String {
        let fields: Option<HashMap<String, &RawValue>> = serde_json::from_str(&self.text).ok();
        let payload = fields.and_then(|fields| fields.get("payload").map(|payload| payload.get().to_owned()));
        payload.filter(|payload| payload != "null").unwrap_or_else(|| EMPTY.to_owned())
    }
}
