//! Bodies and heads: large, nested, slow, never complete.

use std::time::Duration;

use super::target::Target;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const CLIENT: &str = "x-client-id: 0b2c8a6e-5a3f-4a51-9d57-2f6f4c1f7a10\r\nauthorization: Bearer wrong\r\n";
const SECONDS: Duration = Duration::from_secs(4);

/// A request with a body.
pub fn post(path: &str, kind: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// 40 connections send bodies of 1 MiB that take much memory once they are parsed.
pub fn large_bodies(target: &Target) {
    let body = format!("{{\"a\":[{}]}}", vec!["{\"b\":[]}"; 110_000].join(","));
    let requests = [
        post("/api/v1/messages/send", JSON, "", body.as_bytes()),
        post("/api/v1/messages/send", JSON, CLIENT, body.as_bytes()),
        post("/api/v1/messages/send", JSON, "authorization: Bearer wrong\r\n", body.as_bytes()),
        post("/api/v1/messages/publish", JSON, "", body.as_bytes()),
        post("/api/v1/clients/register", JSON, "", body.as_bytes()),
        post("/api/v1/presence/heartbeats", JSON, "", body.as_bytes()),
        post("/presence/heartbeat", JSON, "", body.as_bytes()),
    ];
    target.withstand(40, SECONDS, |thread| drop(target.exchange(&requests[thread % requests.len()])));
}

/// Forms of deeply nested names, as large as an unknown caller may send.
pub fn nested_forms(target: &Target) {
    let field = format!("a{}=&", "[]".repeat(63));
    let body = field.repeat(60_000 / field.len());
    let request = post("/api/v1/clients/register", FORM, "connection: close\r\n", body.as_bytes());
    target.withstand(4, SECONDS, |_| drop(target.exchange(&request)));
}

/// 600 bodies, of the greatest size for an unknown caller, that never end.
pub fn slow_bodies(target: &Target) {
    let body = vec![b' '; 65_000];
    let mut request = post("/presence/heartbeat", JSON, "", &body);
    request.pop();
    let open = target.withstand_once(|| (0..600).filter_map(|_| target.send(&request)).collect::<Vec<_>>());
    assert!(open.len() > 400, "{} connections", open.len());
}

/// 500 heads of nearly the greatest size that never end.
pub fn half_heads(target: &Target) {
    let head = format!("GET /up HTTP/1.1\r\nhost: x\r\nx-padding: {}", "x".repeat(31_000));
    let open = target.withstand_once(|| (0..500).filter_map(|_| target.send(head.as_bytes())).collect::<Vec<_>>());
    assert!(open.len() > 200, "{} connections", open.len());
}
