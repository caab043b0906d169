//! A messaging client: registers, polls, opens, acknowledges, seals, sends.

use chrono::{SecondsFormat, Utc};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::connection::{ClientError, SidecarConnection};
use super::credentials::SavedCredentials;
use super::responses::{PolledMessages, RegisteredClient, SealedMessage};
use crate::messaging::domain::ClientId;
use crate::messaging::seal::{SealKey, aad};

/// A client with its credentials.
#[derive(Debug)]
pub struct MessagingClient {
    connection: SidecarConnection,
    id: ClientId,
    api_token: SecretString,
    key: SealKey,
}

/// A registration.
#[derive(Debug, Serialize)]
pub struct Registration<'a> {
    /// The name under which the client registers; the same fingerprint returns the same credentials.
    pub fingerprint: &'a str,
    /// The display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// The registration token, if the sidecar requires one.
    #[serde(skip)]
    pub token: Option<&'a str>,
}

/// A message from a poll.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct ReceivedMessage {
    /// The id.
    pub id: i64,
    /// The type of the message.
    pub r#type: String,
    /// The time at which it was stored.
    pub created_at: String,
    /// Whether the client sent it itself.
    pub own: bool,
    /// The client that sent it; `None` for the application.
    pub from_client_id: Option<String>,
    /// The payload; `None` if the message does not open.
    pub payload: Option<Value>,
}

/// A message to send.
#[derive(Clone, Debug)]
pub struct OutgoingMessage {
    /// The type of the message.
    pub kind: String,
    /// The payload.
    pub payload: Value,
    /// The clients to relay to; without any, only operators read the message.
    pub to: Vec<String>,
}

impl MessagingClient {
    /// Replaces the API token of `credentials`; returns those with the new one. The old token is invalid then.
    ///
    /// # Errors
    /// The sidecar does not answer, or refuses the request.
    pub async fn rotate(
        connection: &SidecarConnection,
        credentials: &SavedCredentials,
    ) -> Result<SavedCredentials, ClientError> {
        let request = connection.request(Method::POST, "/api/v1/clients/rotate");
        let request = request.bearer_auth(&credentials.api_token).header("X-Client-Id", &credentials.client_id);
        let RegisteredClient { client_id, personal_token, api_token } = connection.expect(request).await?;
        Ok(SavedCredentials { url: credentials.url.clone(), client_id, personal_token, api_token })
    }

    /// Registers and returns the credentials: new ones, or those of the existing client with this fingerprint.
    ///
    /// # Errors
    /// The sidecar does not answer, or refuses the request.
    pub async fn register(
        connection: &SidecarConnection,
        registration: &Registration<'_>,
    ) -> Result<SavedCredentials, ClientError> {
        let mut request = connection.request(Method::POST, "/api/v1/clients/register").json(registration);
        if let Some(token) = registration.token {
            request = request.header("X-Registration-Token", token);
        }
        let RegisteredClient { client_id, personal_token, api_token } = connection.expect(request).await?;
        Ok(SavedCredentials { url: connection.address().to_owned(), client_id, personal_token, api_token })
    }

    /// Creates a client with these credentials. Sends no request yet.
    ///
    /// # Errors
    /// [`ClientError::InvalidKey`] or [`ClientError::Refused`] if the credentials are malformed.
    pub fn new(connection: SidecarConnection, credentials: &SavedCredentials) -> Result<Self, ClientError> {
        let key = SealKey::parse(&credentials.personal_token).ok_or(ClientError::InvalidKey)?;
        let id = ClientId::parse(&credentials.client_id);
        let id = id.ok_or_else(|| ClientError::Refused {
            status: 401,
            message: "the client id is not a UUID".to_owned(),
            retry_after: None,
        })?;
        Ok(Self { connection, id, api_token: credentials.api_token.clone().into(), key })
    }

    /// Polls for messages after the acknowledged id, or after `after`, by ascending id.
    ///
    /// # Errors
    /// The sidecar does not answer, or refuses the request.
    pub async fn poll(&self, after: Option<i64>) -> Result<Vec<ReceivedMessage>, ClientError> {
        let cursor = after.map(|id| format!("?cursor={id}")).unwrap_or_default();
        let request = self.request(Method::GET, &format!("/messages/poll{cursor}"));
        let PolledMessages { messages } = self.connection.fetch(request).await?.unwrap_or_default();
        Ok(messages.iter().map(|message| self.open(message)).collect())
    }

    /// Acknowledges all messages up to `id`.
    ///
    /// # Errors
    /// The sidecar does not answer, or refuses the request.
    pub async fn acknowledge(&self, id: i64) -> Result<(), ClientError> {
        let request = self.request(Method::POST, "/messages/ack").json(&json!({"last_received_id": id}));
        self.connection.expect::<Value>(request).await.map(drop)
    }

    /// Seals a message into a body for [`send`](Self::send). The same body sent again is the same message, and stored once.
    pub fn seal(&self, outgoing: &OutgoingMessage) -> Value {
        let ts = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, false);
        let mut plain = Map::new();
        plain.insert("type".to_owned(), outgoing.kind.as_str().into());
        plain.insert("payload".to_owned(), outgoing.payload.clone());
        if !outgoing.to.is_empty() {
            plain.insert("to_client_ids".to_owned(), outgoing.to.clone().into());
        }
        plain.insert("ts".to_owned(), ts.as_str().into());
        let sealed = self.key.seal(Value::from(plain).to_string().as_bytes(), &aad::of_sent(&self.id, &ts));
        json!({
            "ciphertext": sealed.ciphertext,
            "nonce": sealed.nonce,
            "tag": sealed.tag,
            "aad": {"from": self.id.as_str(), "ts": ts},
        })
    }

    /// Sends a sealed body.
    ///
    /// # Errors
    /// The sidecar does not answer, or refuses the request.
    pub async fn send(&self, sealed: &Value) -> Result<(), ClientError> {
        let request = self.request(Method::POST, "/messages/send").json(sealed);
        self.connection.expect::<Value>(request).await.map(drop)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.connection.request(method, &format!("/api/v1{path}"));
        request.bearer_auth(self.api_token.expose_secret()).header("X-Client-Id", self.id.as_str())
    }

    fn open(&self, message: &SealedMessage) -> ReceivedMessage {
        let open = |aad: String| self.key.open(&message.sealed(), &[aad]).ok();
        let received = open(aad::of_fan_out(&self.id, &message.created_at));
        let own = received.is_none().then(|| open(aad::of_sent(&self.id, &message.created_at))).flatten();
        let (is_own, plain) = (own.is_some(), received.or(own));
        let plain: Option<Value> = plain.and_then(|plain| serde_json::from_slice(&plain).ok());
        ReceivedMessage {
            id: message.id,
            r#type: message.r#type.clone(),
            created_at: message.created_at.clone(),
            own: is_own,
            from_client_id: message.from_client_id.clone(),
            payload: plain.map(extract_payload),
        }
    }
}

/// Returns the `payload` of a plaintext, or all of it if it has none.
fn extract_payload(mut plain: Value) -> Value {
    match plain.get_mut("payload") {
        Some(payload) => payload.take(),
        None => plain,
    }
}
