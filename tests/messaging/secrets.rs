//! Plaintext, tokens and keys must not appear in logs, metrics or stores.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use uuid::Uuid;

use super::harness::{ADMIN, APP_KEY, Device, OPERATOR, environment};
use crate::support::{Client, ENGINES, Engine, Process, RedisServer, SqlServer, TOKEN, TestDatabase};

const WEBHOOK_SECRET: &str = "hush-this-signs-all-webhooks-0123456789";

/// Secret texts, each with a description.
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn new() -> Self {
        Self(vec![
            ("the admin token", ADMIN.to_owned()),
            ("an operator's token", OPERATOR.to_owned()),
            ("the service token", TOKEN.to_owned()),
            ("APP_KEY", APP_KEY.trim_start_matches("base64:").to_owned()),
            ("the webhook's secret", WEBHOOK_SECRET.to_owned()),
        ])
    }

    fn add(&mut self, device: &Device) {
        self.0.push(("an API token", device.token.clone()));
        self.0.push(("a personal token", device.key.clone()));
    }

    /// Creates a text to send in a message.
    fn plaintext(&mut self) -> String {
        let text = format!("in-confidence-{}", Uuid::new_v4());
        self.0.push(("plaintext", text.clone()));
        text
    }

    fn are_not_in(&self, place: &str, found: &[u8]) {
        assert!(!found.is_empty(), "{place} is empty");
        let found = String::from_utf8_lossy(found);
        for (what, secret) in &self.0 {
            if let Some(at) = found.find(secret) {
                let context = found[..at].chars().rev().take(200).collect::<Vec<_>>().into_iter().rev();
                panic!("{place} has {what} after: {}", context.collect::<String>());
            }
        }
    }

    fn are_in_no_file_of(&self, folder: &Path) {
        for (path, bytes) in files(folder) {
            self.are_not_in(&path, &bytes);
        }
    }
}

/// The files below a folder that have something in them.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (kind, path) = (entry.file_type().unwrap(), entry.path());
        if kind.is_dir() {
            found.extend(files(&path));
        } else if kind.is_file() {
            // The server may just have removed it.
            found.push((path.display().to_string(), std::fs::read(&path).unwrap_or_default()));
        }
    }
    found.retain(|(_, bytes)| !bytes.is_empty());
    found
}

async fn register(anonymous: &Client, fingerprint: &str) -> Device {
    Device::new(anonymous, &anonymous.post("/api/v1/clients/register", json!({"fingerprint": fingerprint})).await.json)
}

async fn publish(anonymous: &Client, to: &[&Device], text: &str) -> u16 {
    let ids: Vec<&str> = to.iter().map(|device| device.id.as_str()).collect();
    let request = anonymous.request(reqwest::Method::POST, "/api/v1/messages/publish").header("X-Admin-Token", ADMIN);
    let body = json!({"to_client_ids": ids, "type": "note", "payload": {"text": text}});
    anonymous.send(request.json(&body)).await.status
}

/// Sends valid and invalid requests of clients, applications and operators.
async fn use_all_operations(sidecar: &Client, secrets: &mut Secrets) -> Device {
    let anonymous = sidecar.with_token("");
    let (one, two) = (register(&anonymous, "one").await, register(&anonymous, "two").await);
    secrets.add(&one);
    secrets.add(&two);
    for _ in 0..5 {
        assert_eq!(publish(&anonymous, &[&one, &two], &secrets.plaintext()).await, 200);
    }
    let relayed = json!({"type": "note", "to_client_ids": [two.id], "payload": {"text": secrets.plaintext()}});
    assert_eq!(one.post("/messages/send", &one.seal(&relayed)).await.status, 200);
    let deadline = Instant::now() + Duration::from_secs(30);
    while two.messages("").await.len() < 6 {
        assert!(Instant::now() < deadline, "not everything arrived");
    }
    let last = two.messages("").await[5]["id"].as_i64().unwrap();
    assert_eq!(two.acknowledge(last).await.status, 200);
    let operators = format!("/api/v1/operators/clients/{}/messages", two.id);
    for token in [OPERATOR, ADMIN] {
        let request = anonymous.request(reqwest::Method::GET, &operators).header("X-Operator-Token", token);
        _ = anonymous.send(request).await;
    }
    assert_eq!(one.with_token(&two.token).poll("").await.status, 401);
    let garbled = json!({"ciphertext": one.key, "nonce": one.token, "tag": secrets.plaintext(), "aad": {}});
    assert_eq!(one.post("/messages/send", &garbled).await.status, 422);
    _ = anonymous.get(&format!("/api/v1/messages/poll?client_id={}", one.id)).await;
    assert_eq!(sidecar.heartbeat(1).await.status, 200);
    assert_eq!(sidecar.with_token(&one.token).heartbeat(2).await.status, 401);
    two
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_plaintext_are_in_no_log_metric_database_or_redis() {
    require!("redis-server");
    for engine in ENGINES {
        let server = (engine != Engine::Sqlite).then(|| Arc::new(Mutex::new(SqlServer::start(engine))));
        let database = server.as_ref().map_or_else(|| TestDatabase::create(engine), TestDatabase::create_on);
        let redis = RedisServer::start_with(&["--appendonly", "yes"]);
        let port = redis.port().to_string();
        let queue = if engine == Engine::MariaDb { "redis" } else { "database" };
        let more = [
            ("QUEUE_CONNECTION", queue),
            ("PRESENCE_CACHE_STORE", "redis"),
            ("REDIS_PORT", &port),
            ("PRESENCE_DRIVER", "webhook"),
            ("PRESENCE_WEBHOOK_URL", "http://127.0.0.1:9/hooks"),
            ("PRESENCE_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("PRESENCE_LOG", "trace"),
        ];
        let sidecar = Process::start(&environment(&database, &more));
        let mut secrets = Secrets::new();
        let device = use_all_operations(&sidecar.client, &mut secrets).await;

        if let Some(server) = &server {
            // While the database is down, publications stay in Redis.
            server.lock().unwrap().stop();
            let taken = publish(&sidecar.client.with_token(""), &[&device], &secrets.plaintext()).await;
            assert_eq!(taken, if queue == "redis" { 200 } else { 503 });
        }
        secrets.are_not_in("the log", sidecar.log().as_bytes());
        assert!(sidecar.log().contains("\"TRACE\""), "everything is logged");
        secrets.are_not_in("/metrics", sidecar.client.get("/metrics").await.text.as_bytes());
        secrets.are_in_no_file_of(redis.folder());
        let folder = match &server {
            Some(server) => server.lock().unwrap().folder().to_owned(),
            None => database.file().parent().unwrap().to_owned(),
        };
        secrets.are_in_no_file_of(&folder);
        let id = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(&device.id);
        let readable = engine == Engine::Postgres || files(&folder).iter().any(|(_, bytes)| id(bytes));
        assert!(readable, "ids are readable in the files; Postgres stores them in binary");
    }
}
