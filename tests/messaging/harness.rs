//! A sidecar with messaging on a database of the test's own.

use presence_sidecar::app;
use presence_sidecar::config::{Sources, load};
use presence_sidecar::laravel::crypt::{Cipher, Crypt};
use presence_sidecar::messaging::store::MessageStore;
use presence_sidecar::storage::sql::Database;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Engine, Sidecar, TestDatabase};

/// The key of all test sidecars, and of the recorded database.
pub const APP_KEY: &str = "base64:J/hj9jz2Qf+Lj8cXC6Adgad1nWlF3WMGc440uVPzRzE=";
/// The admin token, which permits publishing.
pub const ADMIN: &str = "changeme-admin";
/// The operator token, which permits reading.
pub const OPERATOR: &str = "changeme-operator";

/// A sidecar and its database.
pub struct Harness {
    /// The database.
    pub database: TestDatabase,
    /// The sidecar.
    pub sidecar: Sidecar,
}

/// The environment of a sidecar on a database, with rate limits that no test reaches by accident.
pub fn environment(database: &TestDatabase, more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut environment = database.environment();
    let own = [
        ("APP_KEY", APP_KEY),
        ("ADMIN_TOKEN", ADMIN),
        ("OPERATOR_TOKENS", OPERATOR),
        // As in the recorded exchanges: the message is stored before the response.
        ("QUEUE_CONNECTION", "sync"),
        ("PRESENCE__MESSAGING__LIMITS__POLL", "100000,1"),
        ("PRESENCE__MESSAGING__LIMITS__API", "100000,1"),
        ("PRESENCE__MESSAGING__LIMITS__REGISTER", "100000,1"),
    ];
    let kept = own.iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
    environment.extend(kept.chain(more).map(|(name, value)| (*name, (*value).to_owned())));
    environment
}

impl Harness {
    /// Starts a sidecar on an empty database.
    pub async fn start(engine: Engine) -> Self {
        Self::on(TestDatabase::create(engine), &[]).await
    }

    /// Starts a sidecar on this database, with additional environment variables.
    pub async fn on(database: TestDatabase, more: &[(&'static str, &str)]) -> Self {
        let sidecar = Sidecar::with(&environment(&database, more)).await;
        // It answers once its tables exist.
        assert_eq!(sidecar.client.get("/up").await.status, 200);
        Self { database, sidecar }
    }

    /// The store on the database, beside the sidecar.
    pub fn store(&self) -> MessageStore {
        let environment = self.database.environment().into_iter().map(|(name, value)| (name.to_owned(), value));
        let config = load(&Sources { environment: environment.collect(), ..Sources::default() }).unwrap().config;
        MessageStore::new(Database::open(&config.database), &app::table_names(&config))
    }

    /// An HTTP client without a service token.
    pub fn anonymous(&self) -> Client {
        self.sidecar.client.with_token("")
    }

    /// Registers a client.
    pub async fn register(&self, fingerprint: &str) -> Device {
        let answer = self.anonymous().post("/api/v1/clients/register", json!({"fingerprint": fingerprint})).await;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
        Device::new(&self.anonymous(), &answer.json)
    }

    /// Publishes as an application.
    pub async fn publish(&self, to: &[&Device], kind: &str, payload: Value) -> Answer {
        let ids: Vec<&str> = to.iter().map(|device| device.id.as_str()).collect();
        let request = self.anonymous().request(reqwest::Method::POST, "/api/v1/messages/publish");
        let request = request.header("X-Admin-Token", ADMIN);
        self.anonymous().send(request.json(&json!({"to_client_ids": ids, "type": kind, "payload": payload}))).await
    }

    /// Sends a GET request as an operator.
    pub async fn get_as_operator(&self, path: &str) -> Answer {
        let request = self.anonymous().request(reqwest::Method::GET, &format!("/api/v1/operators{path}"));
        self.anonymous().send(request.header("X-Operator-Token", OPERATOR)).await
    }
}

/// Encryption with the key of all test sidecars.
pub fn crypt() -> Crypt {
    Crypt::new(Cipher::Aes256Cbc, APP_KEY, &[]).unwrap()
}

/// A messaging client: its id, token and key.
#[derive(Clone)]
pub struct Device {
    /// The id.
    pub id: String,
    /// The API token.
    pub token: String,
    /// The personal token.
    pub key: String,
    http: Client,
}

impl Device {
    /// The client with these credentials.
    pub fn new(http: &Client, credentials: &Value) -> Self {
        let field = |name: &str| credentials[name].as_str().unwrap().to_owned();
        let (id, token, key) = (field("client_id"), field("api_token"), field("personal_token"));
        Self { http: http.with_token(&token), id, token, key }
    }

    /// The same client on another sidecar.
    pub fn at(&self, http: &Client) -> Self {
        Self { http: http.with_token(&self.token), ..self.clone() }
    }

    /// The same client with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), http: self.http.with_token(token), ..self.clone() }
    }

    /// Starts a request of this client.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, &format!("/api/v1{path}")).header("X-Client-Id", &self.id)
    }

    /// Polls; `query` is the query string.
    pub async fn poll(&self, query: &str) -> Answer {
        self.http.send(self.request(reqwest::Method::GET, &format!("/messages/poll{query}"))).await
    }

    /// Polls and returns the messages.
    pub async fn messages(&self, query: &str) -> Vec<Value> {
        let answer = self.poll(query).await;
        assert!(matches!(answer.status, 200 | 204), "{}", answer.text);
        answer.json["messages"].as_array().cloned().unwrap_or_default()
    }

    /// Sends a POST request.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.http.send(self.request(reqwest::Method::POST, path).json(body)).await
    }

    /// Acknowledges messages up to `id`.
    pub async fn acknowledge(&self, id: i64) -> Answer {
        self.post("/messages/ack", &json!({"last_received_id": id})).await
    }

    /// Seals a message under its key; returns the request body.
    pub fn seal(&self, plain: &Value) -> Value {
        use presence_sidecar::messaging::seal::SealKey;
        let aad = json!({"from": self.id, "ts": "t1"});
        let sealed = SealKey::parse(&self.key).unwrap().seal(plain.to_string().as_bytes(), &aad.to_string());
        json!({"ciphertext": sealed.ciphertext, "nonce": sealed.nonce, "tag": sealed.tag, "aad": aad})
    }

    /// Opens a message with its key; returns the plaintext.
    pub fn open(&self, message: &Value) -> Option<Value> {
        use presence_sidecar::messaging::domain::ClientId;
        use presence_sidecar::messaging::seal::{SealKey, Sealed, aad};
        let field = |name: &str| message[name].as_str().unwrap().to_owned();
        let (id, ts) = (ClientId::parse(&self.id).unwrap(), field("created_at"));
        let sealed = Sealed { ciphertext: field("ciphertext"), nonce: field("nonce"), tag: field("tag") };
        let aads = [aad::of_fan_out(&id, &ts), aad::of_sent(&id, &ts)];
        serde_json::from_slice(&SealKey::parse(&self.key)?.open(&sealed, &aads).ok()?).ok()
    }
}
