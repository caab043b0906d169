//! Messages of clients that have registered themselves.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::bodies::post;
use super::target::Target;
use crate::messaging::Device;
use crate::support::Client;

const JSON: &str = "application/json";
const REGISTER: &str = "/api/v1/clients/register";

/// Registers a client; `None` once the limit of the address is used up.
pub fn register(target: &Target, fingerprint: &str) -> Option<Value> {
    let body = json!({"fingerprint": fingerprint}).to_string();
    let response = target.exchange(&post(REGISTER, JSON, "connection: close\r\n", body.as_bytes()));
    let (_, body) = response.split_once("\r\n\r\n")?;
    serde_json::from_str(body).ok().filter(|credentials: &Value| credentials["api_token"].is_string())
}

fn headers(credentials: &Value) -> String {
    let field = |name: &str| credentials[name].as_str().unwrap();
    format!("x-client-id: {}\r\nauthorization: Bearer {}\r\n", field("client_id"), field("api_token"))
}

/// The request with the largest message that `credentials` can seal to itself, with many times the same recipient.
fn largest_message(credentials: &Value) -> Vec<u8> {
    let device = Device::new(&Client::new("", ""), credentials);
    let ids = vec![device.id.as_str(); 1_000];
    let body = device.seal(&json!({"payload": {"text": "x".repeat(650_000)}, "to_client_ids": ids})).to_string();
    post("/api/v1/messages/send", JSON, &format!("{}connection: close\r\n", headers(credentials)), body.as_bytes())
}

/// A client sends messages of the greatest size to itself.
pub fn large_messages(target: &Target) {
    let request = largest_message(&target.client);
    target.withstand(8, Duration::from_secs(4), |_| drop(target.exchange(&request)));
}

/// The client polls on 100 connections, and reads nothing.
pub fn unread_polls(target: &Target) {
    let head = format!("GET /api/v1/messages/poll?cursor=0 HTTP/1.1\r\nhost: x\r\n{}\r\n", headers(&target.client));
    let open = target.withstand_once(|| {
        let open: Vec<_> = (0..100).filter_map(|_| target.send(head.repeat(4).as_bytes())).collect();
        std::thread::sleep(Duration::from_secs(3));
        open
    });
    assert_eq!(open.len(), 100);
}

/// Registrations without end.
pub fn registrations(target: &Target) {
    target.withstand(8, Duration::from_secs(3), |thread| {
        let name = format!("{thread}-{:?}", Instant::now());
        register(target, &name);
    });
}

/// Whatever clients of one address send in a minute, the database grows by at most 10 MiB.
pub fn database_growth() {
    let target = Target::start();
    let file = target.process.storage().join("sidecar.sqlite");
    let size = || {
        let of = |end: &str| std::fs::metadata(format!("{}{end}", file.display())).map_or(0, |file| file.len());
        of("") + of("-wal")
    };
    let before = size();
    let started = Instant::now();
    let clients: Vec<Value> = (0..8).filter_map(|index| register(&target, &format!("client-{index}"))).collect();
    assert_eq!(clients.len(), 8);
    let requests: Vec<Vec<u8>> = clients.iter().map(largest_message).collect();
    let mut accepted = 0;
    // All that the limits of a minute let through; afterwards everything is refused.
    for round in 0..20 {
        let answers: Vec<String> = requests.iter().map(|request| target.exchange(request)).collect();
        let stored = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 200")).count();
        accepted += stored;
        if stored == 0 && round > 2 {
            break;
        }
    }
    assert!(started.elapsed() < Duration::from_secs(60), "within one window");
    assert!(accepted > 0);
    let grown = (size() - before) / 1024 / 1024;
    assert!(grown <= 10, "the database has grown by {grown} MiB after {accepted} messages");
}
