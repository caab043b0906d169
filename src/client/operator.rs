//! The operations of operators and applications.

use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::connection::{ClientError, SidecarConnection};
use super::responses::{ClientList, ClientRow, MessageList, OpenedMessage, PublishResult};
use super::text::path_segment;

/// Number of clients on a page.
const PAGE: u32 = 500;

/// A caller with the token of operators, the token of applications, or both.
#[derive(Clone, Debug)]
pub struct Operator {
    connection: SidecarConnection,
    token: Option<SecretString>,
    admin: Option<SecretString>,
}

/// A message to publish.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// The recipients.
    pub to: Vec<String>,
    /// The type of the message.
    pub kind: String,
    /// The payload: an object or a list that is not empty.
    pub payload: Value,
    /// The idempotency key: the same publication, repeated with the same key, is stored once.
    pub key: String,
}

impl Operator {
    /// Creates an operator with `token`, one of `OPERATOR_TOKENS`, and `admin`, the `ADMIN_TOKEN`.
    pub fn new(connection: SidecarConnection, token: Option<SecretString>, admin: Option<SecretString>) -> Self {
        Self { connection, token, admin }
    }

    /// The address of the sidecar.
    pub fn address(&self) -> &str {
        self.connection.address()
    }

    /// Whether it has a token to publish with.
    pub fn may_publish(&self) -> bool {
        self.admin.is_some()
    }

    /// Whether it has a token to read with.
    pub fn may_read(&self) -> bool {
        self.token.is_some()
    }

    /// Returns up to 100 fan-out jobs that are `pending` or `dead`, as the sidecar describes them.
    ///
    /// # Errors
    /// The sidecar does not answer, or refuses the request.
    pub async fn fan_outs(&self, state: &str) -> Result<Vec<Value>, ClientError> {
        let request = self.operator_request(Method::GET, &format!("/fan-outs?state={state}"));
        let page: Value = self.connection.expect(request).await?;
        Ok(page["data"].as_array().cloned().unwrap_or_default())
    }

    /// Queues all dead fan-out jobs again; returns their number.
    ///
    /// # Errors
    /// The sidecar does not answer, or refuses the request.
    pub async fn replay_fan_outs(&self) -> Result<u64, ClientError> {
        let request = self.operator_request(Method::POST, "/fan-outs/replay");
        Ok(self.connection.expect::<Value>(request).await?["replayed"].as_u64().unwrap_or_default())
    }

    /// Returns all clients, oldest first.
    ///
    /// # Errors
    /// The sidecar does not answer, or refuses the request.
    pub async fn clients(&self) -> Result<Vec<ClientRow>, ClientError> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let request = self.operator_request(Method::GET, &format!("/clients?limit={PAGE}{cursor}"));
            let ClientList { clients, next_cursor } = self.connection.expect(request).await?;
            all.extend(clients);
            let Some(next) = next_cursor else { break };
            cursor = format!("&cursor={}", path_segment(&next));
        }
        // Pages are by id.
        all.sort_by(|one: &ClientRow, other| one.created_at.cmp(&other.created_at));
        Ok(all)
    }

    /// Returns up to 100 messages to a client after an id, by ascending id.
    ///
    /// # Errors
    /// The sidecar does not answer, or refuses the request.
    pub async fn messages(&self, client: &str, after: i64) -> Result<Vec<OpenedMessage>, ClientError> {
        let path = format!("/clients/{}/messages?cursor={after}", path_segment(client));
        let list: Option<MessageList> = self.connection.fetch(self.operator_request(Method::GET, &path)).await?;
        Ok(list.unwrap_or_default().messages)
    }

    /// Revokes a client.
    ///
    /// # Errors
    /// The sidecar does not answer, or refuses the request.
    pub async fn revoke(&self, client: &str) -> Result<(), ClientError> {
        let request = self.operator_request(Method::POST, &format!("/clients/{}/revoke", path_segment(client)));
        self.connection.expect::<Value>(request).await.map(drop)
    }

    /// Publishes a message; returns the number of recipient ids, including unknown ones.
    ///
    /// # Errors
    /// The sidecar does not answer, or refuses the request.
    pub async fn publish(&self, publication: &Publication) -> Result<usize, ClientError> {
        let Publication { to, kind, payload, key } = publication;
        let request = self.connection.request(Method::POST, "/api/v1/messages/publish");
        let request = request.header("Idempotency-Key", key).header("X-Admin-Token", expose(self.admin.as_ref()));
        let request = request.json(&json!({"to_client_ids": to, "type": kind, "payload": payload}));
        Ok(self.connection.expect::<PublishResult>(request).await?.queued)
    }

    fn operator_request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.connection.request(method, &format!("/api/v1/operators{path}"));
        request.header("X-Operator-Token", expose(self.token.as_ref()))
    }
}

fn expose(token: Option<&SecretString>) -> &str {
    token.map(ExposeSecret::expose_secret).unwrap_or_default()
}
