//! Response bodies.

use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;
use serde_json::value::RawValue;

use super::requests::AnyJson;
use crate::http::Json;
use crate::messaging::service::{ClientView, Credentials, MessageView};
use crate::messaging::store::MessageRecord;
use crate::php::date;

/// The credentials of a client. They grant full access to its messages.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Credentials")]
pub struct CredentialsResponse {
    /// The id, for `X-Client-Id`.
    client_id: String,
    /// The key that seals its messages: 32 bytes in base64.
    personal_token: String,
    /// The token, for `Authorization: Bearer`.
    api_token: String,
}

/// An accepted publication.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Queued")]
pub struct QueuedResponse {
    /// Number of recipient ids.
    pub queued: usize,
}

/// Acknowledgement.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Done")]
pub struct AcknowledgementResponse {
    /// `acked`, `accepted` or `revoked`.
    status: String,
}

/// Messages to a client, by ascending id.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Messages")]
pub struct MessagesResponse {
    /// At most 50 messages, and at most 1 MiB or one larger message. More may follow after the last one.
    messages: Vec<SealedMessageResponse>,
}

/// A sealed message. The AAD is `{"to":"…","ts":"…"}`, or `{"from":"…","ts":"…"}` for one that the client sent itself. The
/// sidecar seals what it relays, so `from_client_id` alone tells the messages of other clients from those of the application.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Message")]
pub struct SealedMessageResponse {
    /// The id. Ids ascend.
    id: i64,
    /// The type of the message.
    r#type: String,
    /// AES-256-GCM under the client's personal token, in base64.
    ciphertext: String,
    /// 12 bytes in base64.
    nonce: String,
    /// 16 bytes in base64.
    tag: String,
    /// The time at which it was stored; the `ts` of its AAD.
    created_at: String,
    /// The client that sent it, as authenticated by the sidecar; null for the application.
    from_client_id: Option<String>,
}

/// Clients, oldest first; a page is by ascending id.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Clients")]
pub struct ClientsResponse {
    /// All clients, or a page of them.
    clients: Vec<ClientResponse>,
    /// With `limit`: the cursor of the next page; absent on the last page.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A client.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Client")]
pub struct ClientResponse {
    /// The id.
    id: String,
    /// The display name.
    name: Option<String>,
    /// The time of registration.
    created_at: Option<String>,
    /// The time of the last request.
    last_seen_at: Option<String>,
    /// `online` if the last request was within the last two minutes, else `offline`.
    status: String,
}

/// Decrypted messages to a client, by ascending id.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OpenedMessages")]
pub struct OpenedMessagesResponse {
    /// At most 100 messages, and at most 1 MiB or one larger message. More may follow after the last one.
    messages: Vec<OpenedMessageResponse>,
}

/// A decrypted message.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OpenedMessage")]
pub struct OpenedMessageResponse {
    /// The id.
    id: i64,
    /// The type of the message.
    r#type: String,
    /// The client that sent it; null for the application.
    from_client_id: Option<String>,
    /// The recipient.
    to_client_id: String,
    /// The time at which it was stored.
    created_at: String,
    /// The decrypted content, or `{"error": …}` if it does not decrypt.
    payload: AnyJson,
}

impl From<&str> for AcknowledgementResponse {
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
        let response = |message: MessageRecord| SealedMessageResponse {
            id: message.id,
            r#type: message.kind,
            ciphertext: message.sealed.ciphertext,
            nonce: message.sealed.nonce,
            tag: message.sealed.tag,
            created_at: message.created_at,
            from_client_id: message.from,
        };
        Self { messages: messages.into_iter().map(response).collect() }
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
        let response = |MessageView { message, payload }| OpenedMessageResponse {
            id: message.id,
            r#type: message.kind,
            from_client_id: message.from,
            to_client_id: to.to_owned(),
            created_at: message.created_at,
            payload: AnyJson(payload.unwrap_or_else(undecryptable)),
        };
        Self { messages: messages.into_iter().map(response).collect() }
    }
}

fn undecryptable() -> Box<RawValue> {
    RawValue::from_string(r#"{"error":"Unable to decrypt message"}"#.to_owned()).unwrap_or_default()
}

/// A response with status 200, or 204 without a body.
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
        MetaResponses { responses: vec![response(200, "Messages", content), response(204, "No messages", Vec::new())] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// Credentials, with status 201 for a new client and 200 for an existing one.
#[derive(ApiResponse)]
pub enum RegisterResponse {
    /// A new client
    #[oai(status = 201)]
    Created(Json<CredentialsResponse>),
    /// An existing client
    #[oai(status = 200)]
    Found(Json<CredentialsResponse>),
}
