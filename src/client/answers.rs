//! What a sidecar answers, as far as it is used here.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::messaging::seal::Sealed;

/// What a registration gives.
#[derive(Deserialize)]
pub(super) struct Registered {
    pub client_id: String,
    pub personal_token: String,
    pub api_token: String,
}

/// What a poll gives.
#[derive(Default, Deserialize)]
pub(super) struct Polled {
    pub messages: Vec<SealedMessage>,
}

/// A message as it is polled.
#[derive(Deserialize)]
pub(super) struct SealedMessage {
    pub id: i64,
    pub r#type: String,
    pub ciphertext: String,
    pub nonce: String,
    pub tag: String,
    pub created_at: String,
}

/// What `operators/clients` gives.
#[derive(Deserialize)]
pub(super) struct Clients {
    pub clients: Vec<ClientRow>,
    pub next_cursor: Option<String>,
}

/// A client as operators see it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct ClientRow {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// When it registered.
    pub created_at: Option<String>,
    /// When it was last heard of.
    pub last_seen_at: Option<String>,
    /// `online` or `offline`.
    pub status: String,
}

/// What `operators/clients/{client}/messages` gives.
#[derive(Default, Deserialize)]
pub(super) struct Opened {
    pub messages: Vec<OpenedMessage>,
}

/// A message as operators see it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub struct OpenedMessage {
    /// Its id.
    pub id: i64,
    /// What it is about.
    pub r#type: String,
    /// Who sent it; `None` is the application.
    pub from_client_id: Option<String>,
    /// Whom it is for.
    pub to_client_id: String,
    /// When it was stored.
    pub created_at: String,
    /// What was sealed: `{"type", "payload", …}`, or `{"error"}` if it does not open.
    pub payload: Value,
}

/// What a publication gives.
#[derive(Deserialize)]
pub(super) struct Queued {
    pub queued: usize,
}

impl SealedMessage {
    pub(super) fn sealed(&self) -> Sealed {
        Sealed { ciphertext: self.ciphertext.clone(), nonce: self.nonce.clone(), tag: self.tag.clone() }
    }
}

impl ClientRow {
    /// Whether it was heard of lately.
    pub fn is_online(&self) -> bool {
        self.status == "online"
    }

    /// Its name, or its id if it has none.
    pub fn title(&self) -> &str {
        self.name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(&self.id)
    }
}
