//! A client of messages: registers, polls, opens, acknowledges, seals, sends.

use chrono::{SecondsFormat, Utc};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::answers::{Polled, Registered, SealedMessage};
use super::{ClientError, SavedCredentials, SidecarConnection};
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

/// What a client registers with.
#[derive(Debug, Serialize)]
pub struct Registration<'a> {
    /// What it calls itself: with the same one it gets the same credentials again.
    pub fingerprint: &'a str,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// What a sidecar whose registration is closed asks for.
    #[serde(skip)]
    pub token: Option<&'a str>,
}

/// A message that was polled.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Received {
    /// Its id.
    pub id: i64,
    /// What it is about.
    pub r#type: String,
    /// When it was stored.
    pub created_at: String,
    /// Whether the client sent it itself.
    pub own: bool,
    /// What it says; `None` if it does not open.
    pub payload: Option<Value>,
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// What it is about.
    pub kind: String,
    /// What it says.
    pub payload: Value,
    /// The clients it is relayed to; without any, operators alone read it.
    pub to: Vec<String>,
}

impl MessagingClient {
    /// Registers, and gives the credentials: new ones, or those of the client with this fingerprint.
    ///
    /// # Errors
    /// The sidecar does not answer or refuses.
    pub async fn register(
        connection: &SidecarConnection,
        registration: &Registration<'_>,
    ) -> Result<SavedCredentials, ClientError> {
        let mut request = connection.request(Method::POST, "/api/v1/clients/register").json(registration);
        if let Some(token) = registration.token {
            request = request.header("X-Registration-Token", token);
        }
        let Registered { client_id, personal_token, api_token } = connection.expect(request).await?;
        Ok(SavedCredentials { url: connection.address().to_owned(), client_id, personal_token, api_token })
    }

    /// The client with these credentials. Nothing is asked yet.
    ///
    /// # Errors
    /// [`ClientError::Key`], [`ClientError::Address`] if the credentials cannot be some.
    pub fn new(connection: SidecarConnection, credentials: &SavedCredentials) -> Result<Self, ClientError> {
        let key = SealKey::parse(&credentials.personal_token).ok_or(ClientError::Key)?;
        let id = ClientId::parse(&credentials.client_id);
        let id = id.ok_or_else(|| ClientError::Refused {
            status: 401,
            message: "the client's id is no UUID".to_owned(),
            retry_after: None,
        })?;
        Ok(Self { connection, id, api_token: credentials.api_token.clone().into(), key })
    }

    /// The messages behind what is acknowledged, or behind an id, by rising id.
    ///
    /// # Errors
    /// The sidecar does not answer or refuses.
    pub async fn poll(&self, after: Option<i64>) -> Result<Vec<Received>, ClientError> {
        let cursor = after.map(|id| format!("?cursor={id}")).unwrap_or_default();
        let request = self.request(Method::GET, &format!("/messages/poll{cursor}"));
        let Polled { messages } = self.connection.answer(request).await?.unwrap_or_default();
        Ok(messages.iter().map(|message| self.received(message)).collect())
    }

    /// Says that everything up to `id` was dealt with.
    ///
    /// # Errors
    /// The sidecar does not answer or refuses.
    pub async fn acknowledge(&self, id: i64) -> Result<(), ClientError> {
        let request = self.request(Method::POST, "/messages/ack").json(&json!({"last_received_id": id}));
        self.connection.expect::<Value>(request).await.map(drop)
    }

    /// A body for [`send`](Self::send). InDoubtCommit again, it is the same message and is stored once.
    pub fn seal(&self, outgoing: &Outgoing) -> Value {
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

    /// Sends what was sealed.
    ///
    /// # Errors
    /// The sidecar does not answer or refuses.
    pub async fn send(&self, sealed: &Value) -> Result<(), ClientError> {
        let request = self.request(Method::POST, "/messages/send").json(sealed);
        self.connection.expect::<Value>(request).await.map(drop)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.connection.request(method, &format!("/api/v1{path}"));
        request.bearer_auth(self.api_token.expose_secret()).header("X-Client-Id", self.id.as_str())
    }

    fn received(&self, message: &SealedMessage) -> Received {
        let open = |aad: String| self.key.open(&message.sealed(), &[aad]).ok();
        let theirs = open(aad::of_fan_out(&self.id, &message.created_at));
        let own = theirs.is_none().then(|| open(aad::of_sent(&self.id, &message.created_at))).flatten();
        let (is_own, plain) = (own.is_some(), theirs.or(own));
        let plain: Option<Value> = plain.and_then(|plain| serde_json::from_slice(&plain).ok());
        Received {
            id: message.id,
            r#type: message.r#type.clone(),
            created_at: message.created_at.clone(),
            own: is_own,
            payload: plain.map(payload),
        }
    }
}

/// The payload of what was sealed; all of it, if it is built otherwise.
fn payload(mut plain: Value) -> Value {
    match plain.get_mut("payload") {
        Some(payload) => payload.take(),
        None => plain,
    }
}
