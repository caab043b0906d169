//! Callers without a right token are answered before their body is read.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::messaging::harness::APP_KEY;
use crate::support::Sidecar;

/// Sends the head of a request, and the beginning of a body that never ends; returns the response.
async fn send_head(sidecar: &Sidecar, method: &str, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(sidecar.url.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900000\r\n\
         {headers}\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    let reading = stream.read_to_end(&mut response);
    // The connection is closed soon after the response; the sidecar waits longer for a body.
    _ = tokio::time::timeout(Duration::from_secs(6), reading).await.unwrap_or_else(|_| panic!("{method} {path} waits"));
    String::from_utf8_lossy(&response).into_owned()
}

fn status(response: &str) -> u16 {
    response.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_an_unknown_caller_from_the_head() {
    let sidecar = Sidecar::with(&[("APP_KEY", APP_KEY.to_owned())]).await;
    let document = sidecar.client.get("/openapi.json").await.json;
    let mut checked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        if operations.get("post").is_none() {
            continue;
        }
        let path = path.replace("{client}", "0b2c8a6e-5a3f-4a51-9d57-2f6f4c1f7a10").replace("{id}", "1");
        let response = send_head(&sidecar, "POST", &path, "").await;
        // A registration, and a heartbeat with the token in the body, may be anonymous, but not of this size.
        let expected = if path.ends_with("/register") || path == "/presence/heartbeat" { 413 } else { 0 };
        let found = status(&response);
        assert!(if expected == 0 { matches!(found, 401 | 403) } else { found == expected }, "{path}: {response}");
        assert!(response.to_ascii_lowercase().contains("connection: close"), "{path}: {response}");
        checked += 1;
    }
    assert!(checked > 10, "{checked} operations");
    for (method, path, expected) in [("POST", "/nothing", 404), ("PUT", "/up", 405), ("POST", "/docs", 405)] {
        let response = send_head(&sidecar, method, path, "").await;
        assert_eq!(status(&response), expected, "{response}");
        assert!(response.to_ascii_lowercase().contains("connection: close"), "{path}: {response}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn used_up_limits_answer_from_the_head() {
    let limits = [
        ("APP_KEY", APP_KEY.to_owned()),
        ("PRESENCE__MESSAGING__LIMITS__REGISTER", "1,1".to_owned()),
        ("PRESENCE__MESSAGING__LIMITS__API", "1,1".to_owned()),
        ("PRESENCE__SERVER__ANONYMOUS_BODY_LIMIT", "1000000".to_owned()),
    ];
    let sidecar = Sidecar::with(&limits).await;
    let register = "/api/v1/clients/register";
    let registered = sidecar.client.with_token("").post(register, json!({"fingerprint": "one"})).await;
    assert_eq!(registered.status, 201, "{}", registered.text);
    assert_eq!(status(&send_head(&sidecar, "POST", register, "").await), 429);
    let token = registered.json["api_token"].as_str().unwrap();
    let with_id =
        format!("authorization: Bearer {token}\r\nx-client-id: {}\r\n", registered.json["client_id"].as_str().unwrap());
    let ack = "/api/v1/messages/ack";
    let acknowledged = sidecar.client.with_token(token).request(Method::POST, ack);
    let acknowledged = acknowledged.header("X-Client-Id", registered.json["client_id"].as_str().unwrap());
    assert_eq!(sidecar.client.send(acknowledged.json(&json!({"last_received_id": 1}))).await.status, 200);
    assert_eq!(status(&send_head(&sidecar, "POST", ack, &with_id).await), 429);
    // A wrong token counts for the address; then the address is refused.
    let wrong = "authorization: Bearer wrong\r\nx-client-id: 0b2c8a6e-5a3f-4a51-9d57-2f6f4c1f7a10\r\n";
    assert_eq!(status(&send_head(&sidecar, "POST", ack, wrong).await), 401);
    assert_eq!(status(&send_head(&sidecar, "POST", ack, "authorization: Bearer other\r\n").await), 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn sender_of_a_large_body_receives_the_refusal() {
    let sidecar = Sidecar::with(&[("APP_KEY", APP_KEY.to_owned())]).await;
    for path in ["/api/v1/presence/heartbeat", "/api/v1/messages/publish", "/nothing"] {
        for _ in 0..20 {
            let request = sidecar.client.with_token("wrong").request(Method::POST, path);
            let request = request.header("content-type", "application/json").body(vec![b' '; 1_000_000]);
            let response = sidecar.client.send(request).await;
            assert!(matches!(response.status, 401 | 403 | 404), "{path}: {}", response.status);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_over_the_memory_budget_return_503_until_others_have_ended() {
    let environment = [
        ("PRESENCE__SERVER__MEMORY_BUDGET", (8 * 1024 * 1024).to_string()),
        // On a busy machine the first body may be old before the last has been sent.
        ("PRESENCE__SERVER__BODY_TIMEOUT_SECONDS", "60".to_owned()),
    ];
    let sidecar = Sidecar::with(&environment).await;
    let head = format!(
        "POST /api/v1/presence/heartbeats HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 1000000\r\n\r\n",
        crate::support::TOKEN
    );
    let open_slow = async || {
        let mut stream = TcpStream::connect(sidecar.url.trim_start_matches("http://")).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b' '; 900_000]).await.unwrap();
        stream
    };
    let large = async || {
        let request = sidecar.client.request(Method::POST, "/api/v1/presence/heartbeats");
        let body = format!("{}[]", " ".repeat(900_000));
        sidecar.client.send(request.header("content-type", "application/json").body(body)).await
    };
    // Some of the slow ones are refused themselves, so their number is not that which the budget holds.
    let mut slow = Vec::new();
    let refused = loop {
        slow.push(open_slow().await);
        let response = large().await;
        if response.status == 503 {
            break response;
        }
        assert!(slow.len() < 100, "{}: {}", response.status, response.text);
    };
    assert_eq!(refused.headers["retry-after"], "1");
    assert!(super::refusals_by(&sidecar, "memory").await >= Some(1.0), "metrics have room of their own");
    assert_eq!(sidecar.client.heartbeat(1).await.status, 200, "a small body needs no room");
    drop(slow);
    let started = std::time::Instant::now();
    while large().await.status != 200 {
        assert!(started.elapsed() < Duration::from_secs(8), "the budget is still full");
    }
}
