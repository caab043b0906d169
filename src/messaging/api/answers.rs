//! CommitReply of the messaging API.

use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;
use serde_json::value::RawValue;

use super::bodies::AnyJson;
use crate::http::Json;
use crate::messaging::service::{ClientView, Credentials, MessageView};
use crate::messaging::store::MessageRecord;
use crate::php::date;

/// What a client needs to know. Whoever has it is the client.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Credentials")]
pub struct CredentialsResponse {
    /// The id, for `X-Client-Id`.
    client_id: String,
    /// The key that its messages are sealed with: 32 bytes in base64.
    personal_token: String,
    /// The token, for `Authorization: Bearer`.
    api_token: String,
}

/// For how many clients a message was taken.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Queued")]
pub struct QueuedResponse {
    /// So many ids were given.
    pub queued: usize,
}

/// What became of it.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Done")]
pub struct StatusWordResponse {
    /// One word.
    status: String,
}

/// Messages for a client, by rising id.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Messages")]
pub struct MessagesResponse {
    /// At most 50. More may follow behind the last.
    messages: Vec<SealedMessageResponse>,
}

/// A sealed message. The AAD is `{"to":"…","ts":"…"}`, or `{"from":"…","ts":"…"}` for one that the client sent itself.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Message")]
pub struct SealedMessageResponse {
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
pub struct ClientsResponse {
    /// All of them, or a page.
    clients: Vec<ClientResponse>,
    /// With `limit`: where the next page begins; left out at the end.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A client.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Client")]
pub struct ClientResponse {
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
pub struct OpenedMessagesResponse {
    /// At most 100. More may follow behind the last.
    messages: Vec<OpenedMessageResponse>,
}

/// An opened message.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OpenedMessage")]
pub struct OpenedMessageResponse {
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
    payload: AnyJson,
}

impl From<&str> for StatusWordResponse {
    fn from(status: &str) -> Self {
        Self { status: status.to_owned() }
    }
}

impl From<&Credentials> for CredentialsResponse {
    fn from(credentials: &Credentials) -> Self {
        Self {
            client_id: credentials.id.as_str().to_owned(),
            personal_token: credentials.personal_token.to_string(),
            api_token: credentials.api_token.to_string(),
        }
    }
}

impl From<Vec<MessageRecord>> for MessagesResponse {
    fn from(messages: Vec<MessageRecord>) -> Self {
        let answer = |message: MessageRecord| SealedMessageResponse {
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

impl ClientsResponse {
    pub(super) fn new(clients: Vec<ClientView>, next_cursor: Option<String>) -> Self {
        Self { clients: clients.into_iter().map(ClientResponse::from).collect(), next_cursor }
    }
}

impl From<ClientView> for ClientResponse {
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

impl OpenedMessagesResponse {
    pub(super) fn new(to: &str, messages: Vec<MessageView>) -> Self {
        let answer = |MessageView { message, payload }| OpenedMessageResponse {
            id: message.id,
            r#type: message.kind,
            from_client_id: message.from,
            to_client_id: to.to_owned(),
            created_at: message.created_at,
            payload: AnyJson(payload.unwrap_or_else(unreadable)),
        };
        Self { messages: messages.into_iter().map(answer).collect() }
    }
}

fn unreadable() -> Box<RawValue> {
    RawValue::from_string(r#"{"error":"Unable to decrypt message"}"#.to_owned()).unwrap_or_default()
}

/// An answer of 200, or of 204 if there is nothing to say.
#[derive(Debug)]
pub struct OkOrNoContent<T>(pub Option<Json<T>>);

impl<T: Serialize + Send> poem::IntoResponse for OkOrNoContent<T> {
    fn into_response(self) -> poem::Response {
        match self.0 {
            Some(json) => json.into_response(),
            None => poem::http::StatusCode::NO_CONTENT.into_response(),
        }
    }
}

impl<T: Type + Serialize> ApiResponse for OkOrNoContent<T> {
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
pub enum RegisterResponse {
    /// A new client
    #[oai(status = 201)]
    Created(Json<CredentialsResponse>),
    /// A client that was known
    #[oai(status = 200)]
    Found(Json<CredentialsResponse>),
}
