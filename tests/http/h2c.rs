//! HTTP/2 without TLS, by prior knowledge, of trusted proxies.

use std::time::Duration;

use serde_json::json;

use super::tokens::token;
use crate::support::{Process, Sidecar, TOKEN};

/// A proxy that speaks HTTP/2 alone.
fn proxy() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).http2_prior_knowledge().build().unwrap()
}

/// The variables of a sidecar that trusts proxies on this machine.
fn trusting(more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let trusted = [("PRESENCE__SERVER__TRUSTED_PROXIES", "127.0.0.1/32")];
    trusted.iter().chain(more).map(|&(name, value)| (name, value.to_owned())).collect()
}

async fn heartbeat(proxy: &reqwest::Client, url: &str, user: usize) -> reqwest::Response {
    let request = proxy.post(format!("{url}/api/v1/presence/heartbeat")).bearer_auth(TOKEN);
    request.json(&json!({"user_id": user})).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_a_trusted_proxy_share_a_connection() {
    let sidecar = Sidecar::with(&trusting(&[("PRESENCE__SERVER__MAX_CONNECTIONS", "2")])).await;
    let proxy = proxy();
    // The client has one connection; a stream on it does not hold up the others.
    let path = format!("{}/api/v1/presence/stream?snapshot=1&token={}", sidecar.url, token(1, json!({"watch": [7]})));
    let request = proxy.get(&path).header("Accept", "text/event-stream").header("X-Forwarded-For", "203.0.113.7");
    let mut stream = request.send().await.unwrap();
    assert_eq!((stream.status(), stream.version()), (reqwest::StatusCode::OK, reqwest::Version::HTTP_2));
    let calls = (0..100).map(|user| heartbeat(&proxy, &sidecar.url, user));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!((answer.status(), answer.version()), (reqwest::StatusCode::OK, reqwest::Version::HTTP_2));
        assert!(!answer.headers().contains_key("connection"));
    }
    let mut text = String::new();
    while !text.contains("event: online") {
        let chunk =
            tokio::time::timeout(Duration::from_secs(10), stream.chunk()).await.expect("nothing comes").unwrap();
        text.push_str(std::str::from_utf8(&chunk.expect("the stream goes on")).unwrap());
    }
    // An error that leaves a body unread ends the request, not the connection.
    let body = vec![b'x'; 100_000];
    let refused = proxy.post(format!("{}/api/v1/presence/heartbeat", sidecar.url)).body(body).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(heartbeat(&proxy, &sidecar.url, 1).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_peers_have_http1_alone() {
    let sidecar = Sidecar::start().await;
    let request = proxy().get(format!("{}/up", sidecar.url)).timeout(Duration::from_secs(10));
    assert!(request.send().await.is_err());
    // A trusted proxy may speak HTTP/1 as well, on the same port.
    let sidecar = Sidecar::with(&trusting(&[])).await;
    assert_eq!(sidecar.client.get("/up").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_without_a_request_is_closed_and_one_with_a_stream_is_not() {
    let sidecar = Sidecar::with(&trusting(&[("PRESENCE__SERVER__IDLE_TIMEOUT_SECONDS", "1")])).await;
    let proxy = proxy();
    let path = format!("{}/api/v1/presence/stream", sidecar.url);
    let mut stream = proxy.get(&path).bearer_auth(TOKEN).send().await.unwrap();
    stream.chunk().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(heartbeat(&proxy, &sidecar.url, 7).await.status(), 200);
    assert!(stream.chunk().await.unwrap().is_some(), "the stream goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_sidecar_ends_streams_with_an_event() {
    let mut sidecar = Process::start(&trusting(&[]));
    let path = format!("{}/api/v1/presence/stream?token={}", sidecar.url, token(1, json!({"watch": [7]})));
    let mut stream = proxy().get(&path).header("Accept", "text/event-stream").send().await.unwrap();
    let ended = tokio::task::spawn_blocking(move || sidecar.terminate());
    let mut text = String::new();
    while let Some(chunk) = stream.chunk().await.unwrap() {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(text.contains("event: closing"), "{text}");
    assert!(ended.await.unwrap().success());
}
