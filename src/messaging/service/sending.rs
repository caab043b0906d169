//! What clients send: opened, sealed anew, kept for the operators, relayed to others.

use std::collections::HashMap;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{Caller, Fanout, Messaging, MessagingError, Outcome};
use crate::messaging::domain::ClientId;
use crate::messaging::seal::{Sealed, aad};
use crate::messaging::store::{IdempotentWrite, NewMessage, Recipient};
use crate::php::json::Slashes;
use crate::php::{Array, Value, base64, json};

/// What stands for a plaintext that is no JSON, as in the reference.
const EMPTY: &str = "[]";

/// What a client sends.
pub struct SendRequest {
    /// A message sealed with the client's key.
    pub sealed: Sealed,
    /// What it may have sealed along with it.
    pub aads: Vec<String>,
}

/// A message as it was opened.
struct Decrypted {
    text: Zeroizing<String>,
    fields: Array,
}

impl Messaging {
    /// Keeps what the caller sent, and relays it if it names others. A body that is sent again changes nothing.
    ///
    /// # Errors
    /// [`MessagingError::Sealed`], [`MessagingError::NoObject`], [`MessagingError::NoType`], [`MessagingError::Nul`] and [`MessagingError::TooMany`] for what
    /// cannot be taken.
    pub async fn send(&self, caller: &Caller, sending: &SendRequest) -> Outcome<()> {
        let client = self.authenticate(caller).await?;
        let key = self.key(&client.secrets.key_encrypted).ok_or(MessagingError::Secret)?;
        let opened = Decrypted::read(&key.open(&sending.sealed, &sending.aads)?)?;
        let kind = opened.kind()?;
        self.holds("ciphertext", &kind)?;
        let recipients = opened.relayed_to();
        if recipients.as_ref().is_some_and(|recipients| recipients.len() > self.max_recipients) {
            return Err(MessagingError::TooMany(self.max_recipients));
        }
        let [nonce, tag] =
            [&sending.sealed.nonce, &sending.sealed.tag].map(|text| base64::encode(&base64::decode_lenient(text)));
        let name = Fanout::name(&["send", client.id.as_str(), &nonce, &tag]);
        let now = self.now();
        let letter = |recipient: &Recipient| {
            let sealed = key.seal(opened.text.as_bytes(), &aad::of_sent(&recipient.id, &now.told));
            Some(NewMessage { from: Some(recipient.id.clone()), to: recipient.id.clone(), kind: kind.clone(), sealed })
        };
        let step = IdempotentWrite { name: &name, recipients: std::slice::from_ref(&client.id), at: &now.stored };
        self.deliver(&step, letter).await?;
        match recipients {
            Some(recipients) => {
                let payload = opened.payload();
                self.publish(&Fanout { id: name, from: Some(client.id), kind, payload, recipients }).await
            }
            None => Ok(()),
        }
    }
}

impl Decrypted {
    fn read(plain: &Zeroizing<Vec<u8>>) -> Outcome<Self> {
        let text = std::str::from_utf8(plain).unwrap_or(EMPTY);
        match json::decode(text) {
            Ok(Value::Array(fields)) => Ok(Self { text: Zeroizing::new(text.to_owned()), fields }),
            Ok(Value::Null) | Err(_) => Ok(Self { text: Zeroizing::new(EMPTY.to_owned()), fields: Array::new() }),
            Ok(_) => Err(MessagingError::NoObject),
        }
    }

    /// Its `type` as PHP makes it a text, `client` if it has none.
    fn kind(&self) -> Outcome<String> {
        match self.fields.get("type") {
            None | Some(Value::Null) => Ok("client".to_owned()),
            Some(Value::Bool(flag)) => Ok(if *flag { "1" } else { "0" }.to_owned()),
            Some(Value::Array(_) | Value::Object(_)) => Err(MessagingError::NoType),
            Some(number @ (Value::Int(_) | Value::Float(_))) => Ok(json::encode_lossy(number, Slashes::Unescaped)),
            Some(text @ Value::String(_)) => text.as_str().map(str::to_owned).ok_or(MessagingError::NoType),
        }
    }

    /// Whom it is to be relayed to. What is no id is nobody's.
    fn relayed_to(&self) -> Option<Vec<ClientId>> {
        let ids = self.fields.get("to_client_ids")?.as_array()?;
        Some(ids.iter().filter_map(|(_, id)| ClientId::parse(id.as_str()?)).collect())
    }

    /// Its `payload` as it was sent.
    fn payload(&self) -> String {
        let fields: Option<HashMap<String, &RawValue>> = serde_json::from_str(&self.text).ok();
        let payload = fields.and_then(|fields| fields.get("payload").map(|payload| payload.get().to_owned()));
        payload.filter(|payload| payload != "null").unwrap_or_else(|| EMPTY.to_owned())
    }
}
