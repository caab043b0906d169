//! What operators and applications do.

use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::answers::{Clients, Opened, Queued};
use super::{ClientError, ClientRow, OpenedMessage, SidecarConnection};

/// Clients on a page.
const PAGE: u32 = 500;

/// Somebody with the tokens that let operators read and applications publish.
#[derive(Clone, Debug)]
pub struct Operator {
    connection: SidecarConnection,
    token: Option<SecretString>,
    admin: Option<SecretString>,
}

/// A message for clients.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// Whom it is for.
    pub to: Vec<String>,
    /// What it is about.
    pub kind: String,
    /// What it says: an object or a list with something in it.
    pub payload: Value,
    /// InDoubtCommit again with the same one, it is stored once.
    pub key: String,
}

impl Operator {
    /// With one of `OPERATOR_TOKENS` and with `ADMIN_TOKEN`, as far as they are there.
    pub fn new(connection: SidecarConnection, token: Option<SecretString>, admin: Option<SecretString>) -> Self {
        Self { connection, token, admin }
    }

    /// Where the sidecar is.
    pub fn address(&self) -> &str {
        self.connection.address()
    }

    /// Whether there is a token to publish with.
    pub fn may_publish(&self) -> bool {
        self.admin.is_some()
    }

    /// All clients, the oldest first.
    ///
    /// # Errors
    /// The sidecar does not answer or refuses.
    pub async fn clients(&self) -> Result<Vec<ClientRow>, ClientError> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let request = self.operate(Method::GET, &format!("/clients?limit={PAGE}{cursor}"));
            let Clients { clients, next_cursor } = self.connection.expect(request).await?;
            all.extend(clients);
            let Some(next) = next_cursor else { return Ok(all) };
            cursor = format!("&cursor={}", encoded(&next));
        }
    }

    /// Up to 100 messages of a client behind an id, by rising id.
    ///
    /// # Errors
    /// The sidecar does not answer or refuses.
    pub async fn messages(&self, client: &str, after: i64) -> Result<Vec<OpenedMessage>, ClientError> {
        let path = format!("/clients/{}/messages?cursor={after}", encoded(client));
        let opened: Option<Opened> = self.connection.answer(self.operate(Method::GET, &path)).await?;
        Ok(opened.unwrap_or_default().messages)
    }

    /// Shuts a client out.
    ///
    /// # Errors
    /// The sidecar does not answer or refuses.
    pub async fn revoke(&self, client: &str) -> Result<(), ClientError> {
        let request = self.operate(Method::POST, &format!("/clients/{}/revoke", encoded(client)));
        self.connection.expect::<Value>(request).await.map(drop)
    }

    /// Publishes, and gives for how many ids: those that nobody has count, too.
    ///
    /// # Errors
    /// The sidecar does not answer or refuses.
    pub async fn publish(&self, publication: &Publication) -> Result<usize, ClientError> {
        let Publication { to, kind, payload, key } = publication;
        let request = self.connection.request(Method::POST, "/api/v1/messages/publish");
        let request = request.header("Idempotency-Key", key).header("X-Admin-Token", shown(self.admin.as_ref()));
        let request = request.json(&json!({"to_client_ids": to, "type": kind, "payload": payload}));
        Ok(self.connection.expect::<Queued>(request).await?.queued)
    }

    fn operate(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.connection.request(method, &format!("/api/v1/operators{path}"));
        request.header("X-Operator-Token", shown(self.token.as_ref()))
    }
}

fn shown(token: Option<&SecretString>) -> &str {
    token.map(ExposeSecret::expose_secret).unwrap_or_default()
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
