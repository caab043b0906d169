//! Response bodies of the messaging API, as far as the client uses them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::messaging::seal::Sealed;

/// The response to a registration.
#[derive(Deserialize)]
pub(super) struct RegisteredClient {
    pub client_id: String,
    pub personal_token: String,
    pub api_token: String,
}

/// The response to a poll.
#[derive(Default, Deserialize)]
pub(super) struct PolledMessages {
    pub messages: Vec<SealedMessage>,
}

/// A sealed message in the response to a poll.
#[derive(Deserialize)]
pub(super) struct SealedMessage {
    pub id: i64,
    pub r#type: String,
    pub ciphertext: String,
    pub nonce: String,
    pub tag: String,
    pub created_at: String,
    /// Sidecars of older versions do not send it.
    #[serde(default)]
    pub from_client_id: Option<String>,
}

/// The response of `operators/clients`.
#[derive(Deserialize)]
pub(super) struct ClientList {
    pub clients: Vec<ClientRow>,
    pub next_cursor: Option<String>,
}

/// A client as operators see it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct ClientRow {
    /// The id.
    pub id: String,
    /// The display name.
    pub name: Option<String>,
    /// The time of registration.
    pub created_at: Option<String>,
    /// The time of the last request.
    pub last_seen_at: Option<String>,
    /// `online` or `offline`.
    pub status: String,
}

/// The response of `operators/clients/{client}/messages`.
#[derive(Default, Deserialize)]
pub(super) struct MessageList {
    pub messages: Vec<OpenedMessage>,
}

/// A message as operators see it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub struct OpenedMessage {
    /// The id.
    pub id: i64,
    /// The type of the message.
    pub r#type: String,
    /// The client that sent it; `None` for the application.
    pub from_client_id: Option<String>,
    /// The recipient.
    pub to_client_id: String,
    /// The time at which it was stored.
    pub created_at: String,
    /// The decrypted content: `{"type", "payload", …}`, or `{"error"}` if it does not decrypt.
    pub payload: Value,
}

/// The response to a publication.
#[derive(Deserialize)]
pub(super) struct PublishResult {
    pub queued: usize,
}

impl SealedMessage {
    pub(super) fn sealed(&self) -> Sealed {
        Sealed { ciphertext: self.ciphertext.clone(), nonce: self.nonce.clone(), tag: self.tag.clone() }
    }
}

impl ClientRow {
    /// Whether the client made a request lately.
    pub fn is_online(&self) -> bool {
        self.status == "online"
    }

    /// The name, or the id if it has none.
    pub fn title(&self) -> &str {
        self.name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(&self.id)
    }
}
