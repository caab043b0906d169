//! Bodies of the messaging API, as they are documented. Requests are read by [`super::fields`], which is more lenient.

use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::http::Json;
use crate::laravel::date;
use crate::messaging::service::{ClientView, Credentials, MessageView};
use crate::messaging::store::Message;
use crate::openapi_by_serde;

/// Any JSON, as it is.
#[derive(Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Anything(Box<RawValue>);

openapi_by_serde!(
    Anything,
    "Anything",
    MetaSchema { example: Some(serde_json::json!({"text": "hello"})), ..MetaSchema::ANY }
);

/// What a client registers with.
#[derive(Object)]
#[oai(rename = "Registration", example)]
pub struct RegistrationBody {
    /// What the client calls itself; with the same fingerprint it gets the same credentials again. At most 255 characters.
    #[oai(validator(max_length = 255))]
    fingerprint: String,
    /// What people call it.
    #[oai(validator(max_length = 255))]
    name: Option<String>,
}

/// What a client needs to know. Whoever has it is the client.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Credentials")]
pub struct CredentialsAnswer {
    /// The id, for `X-Client-Id`.
    client_id: String,
    /// The key that its messages are sealed with: 32 bytes in base64.
    personal_token: String,
    /// The token, for `Authorization: Bearer`.
    api_token: String,
}

/// A message for many clients.
#[derive(Object)]
#[oai(rename = "Publication", example)]
pub struct PublicationBody {
    /// Whom it is for. Ids that nobody has are passed over.
    to_client_ids: Vec<String>,
    /// What it is about. At most 255 characters.
    #[oai(validator(max_length = 255))]
    r#type: String,
    /// What it says: a JSON object or array with something in it.
    payload: Anything,
}

/// For how many clients a message was taken.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Queued")]
pub struct QueuedAnswer {
    /// So many ids were given.
    pub queued: usize,
}

/// A message that a client sealed: a JSON object with `type`, `payload` and, to relay it, `to_client_ids`.
#[derive(Object)]
#[oai(rename = "SealedMessage", example)]
pub struct SealedBody {
    /// AES-256-GCM under the personal token, in base64.
    ciphertext: String,
    /// 12 bytes in base64.
    nonce: String,
    /// 16 bytes in base64.
    tag: String,
    /// What was sealed along with it (the AAD, as compact JSON), such as `{"from": client_id, "ts": time}`.
    aad: Option<Anything>,
}

/// How far a client has read.
#[derive(Object)]
#[oai(rename = "Acknowledgement", example)]
pub struct AcknowledgementBody {
    /// The greatest id it has seen.
    #[oai(validator(minimum(value = "1")))]
    last_received_id: i64,
}

/// What became of it.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Done")]
pub struct DoneAnswer {
    /// One word.
    status: String,
}

/// Messages for a client, by rising id.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Messages")]
pub struct MessagesAnswer {
    /// At most 50. More may follow behind the last.
    messages: Vec<SealedAnswer>,
}

/// A sealed message. The AAD is `{"to":"…","ts":"…"}`, or `{"from":"…","ts":"…"}` for one that the client sent itself.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Message")]
pub struct SealedAnswer {
    /// Its id, which rises.
    id: i64,
    /// What it is about.
    r#type: String,
    /// AES-256-GCM under the client's personal token, in base64.
    ciphertext: String,
    /// 12 bytes in base64.
    nonce: String,
    /// 16 bytes in base64.
    tag: String,
    /// When it was stored; the `ts` of its AAD.
    created_at: String,
}

/// Clients, the oldest first.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Clients")]
pub struct ClientsAnswer {
    /// All of them, or a page.
    clients: Vec<ClientAnswer>,
    /// With `limit`: where the next page begins; left out at the end.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A client.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Client")]
pub struct ClientAnswer {
    /// Its id.
    id: String,
    /// What people call it.
    name: Option<String>,
    /// When it registered.
    created_at: Option<String>,
    /// When it was last heard of.
    last_seen_at: Option<String>,
    /// `online` if it was heard of within two minutes, else `offline`.
    status: String,
}

/// Messages of a client, opened, by rising id.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OpenedMessages")]
pub struct OpenedMessagesAnswer {
    /// At most 100. More may follow behind the last.
    messages: Vec<OpenedAnswer>,
}

/// An opened message.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OpenedMessage")]
pub struct OpenedAnswer {
    /// Its id.
    id: i64,
    /// What it is about.
    r#type: String,
    /// Who sent it; null for the application.
    from_client_id: Option<String>,
    /// Whom it is for.
    to_client_id: String,
    /// When it was stored.
    created_at: String,
    /// What was sealed, or `{"error": …}` if it does not open.
    payload: Anything,
}

impl From<&str> for DoneAnswer {
    fn from(status: &str) -> Self {
        Self { status: status.to_owned() }
    }
}

impl poem_openapi::types::Example for RegistrationBody {
    fn example() -> Self {
        Self { fingerprint: "till-1".to_owned(), name: Some("Till 1".to_owned()) }
    }
}

const CLIENT: &str = "0b2c8a6e-5a3f-4a51-9d57-2f6f4c1f7a10";

impl poem_openapi::types::Example for PublicationBody {
    fn example() -> Self {
        let payload = Anything(RawValue::from_string(r#"{"text": "hello"}"#.to_owned()).unwrap_or_default());
        Self { to_client_ids: vec![CLIENT.to_owned()], r#type: "note".to_owned(), payload }
    }
}

impl poem_openapi::types::Example for SealedBody {
    fn example() -> Self {
        let aad = RawValue::from_string(format!(r#"{{"from":"{CLIENT}","ts":"2026-03-04T05:06:07+00:00"}}"#));
        Self {
            ciphertext: "T8hxiHWItw+uhfHpGVGkwSQv2baYhD/SUJCtH5tYqmg/".to_owned(),
            nonce: "zA7m/dLnV1iWzFZ/".to_owned(),
            tag: "VGm+DvnZCEo6ZUVErQeI2w==".to_owned(),
            aad: aad.ok().map(Anything),
        }
    }
}

impl poem_openapi::types::Example for AcknowledgementBody {
    fn example() -> Self {
        Self { last_received_id: 7 }
    }
}

impl From<&Credentials> for CredentialsAnswer {
    fn from(credentials: &Credentials) -> Self {
        Self {
            client_id: credentials.id.as_str().to_owned(),
            personal_token: credentials.personal_token.to_string(),
            api_token: credentials.api_token.to_string(),
        }
    }
}

impl From<Vec<Message>> for MessagesAnswer {
    fn from(messages: Vec<Message>) -> Self {
        let answer = |message: Message| SealedAnswer {
            id: message.id,
            r#type: message.kind,
            ciphertext: message.sealed.ciphertext,
            nonce: message.sealed.nonce,
            tag: message.sealed.tag,
            created_at: message.created_at,
        };
        Self { messages: messages.into_iter().map(answer).collect() }
    }
}

impl ClientsAnswer {
    pub(super) fn new(clients: Vec<ClientView>, next_cursor: Option<String>) -> Self {
        Self { clients: clients.into_iter().map(ClientAnswer::from).collect(), next_cursor }
    }
}

impl From<ClientView> for ClientAnswer {
    fn from(client: ClientView) -> Self {
        Self {
            id: client.id.as_str().to_owned(),
            name: client.name,
            created_at: client.created_at.map(date::to_json),
            last_seen_at: client.last_seen_at.map(date::to_json),
            status: if client.online { "online" } else { "offline" }.to_owned(),
        }
    }
}

impl OpenedMessagesAnswer {
    pub(super) fn new(to: &str, messages: Vec<MessageView>) -> Self {
        let answer = |MessageView { message, payload }| OpenedAnswer {
            id: message.id,
            r#type: message.kind,
            from_client_id: message.from,
            to_client_id: to.to_owned(),
            created_at: message.created_at,
            payload: Anything(payload.unwrap_or_else(unreadable)),
        };
        Self { messages: messages.into_iter().map(answer).collect() }
    }
}

fn unreadable() -> Box<RawValue> {
    RawValue::from_string(r#"{"error":"Unable to decrypt message"}"#.to_owned()).unwrap_or_default()
}

/// An answer of 200, or of 204 if there is nothing to say.
#[derive(Debug)]
pub struct OrNothing<T>(pub Option<Json<T>>);

impl<T: Serialize + Send> poem::IntoResponse for OrNothing<T> {
    fn into_response(self) -> poem::Response {
        match self.0 {
            Some(json) => json.into_response(),
            None => poem::http::StatusCode::NO_CONTENT.into_response(),
        }
    }
}

impl<T: Type + Serialize> ApiResponse for OrNothing<T> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: "application/json", schema: T::schema_ref() }];
        let response = |status, description, content| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content,
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![response(200, "Done", content), response(204, "There are none", Vec::new())] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// Credentials: 201 for a new client, 200 for one that was known.
#[derive(ApiResponse)]
pub enum RegisteredAnswer {
    /// A new client
    #[oai(status = 201)]
    Created(Json<CredentialsAnswer>),
    /// A client that was known
    #[oai(status = 200)]
    Found(Json<CredentialsAnswer>),
}
