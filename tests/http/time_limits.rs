//! Time limits of connections, and health checks while all connections are in use.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::refusals_by;
use crate::support::{Sidecar, TOKEN};

const UP: &[u8] = b"GET /up HTTP/1.1\r\nhost: x\r\n\r\n";
const DOCS: &[u8] = b"GET /docs HTTP/1.1\r\nhost: x\r\n\r\n";

async fn connect(url: &str) -> TcpStream {
    TcpStream::connect(url.trim_start_matches("http://")).await.unwrap()
}

/// Sends a request, and reads what arrives first of its response.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    let mut response = vec![0; 4096];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut response)).await.unwrap().unwrap();
    String::from_utf8_lossy(&response[..read]).into_owned()
}

/// The time until the other side closes.
async fn time_until_closed(stream: &mut TcpStream) -> Duration {
    let started = Instant::now();
    let mut rest = Vec::new();
    _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await.expect("it is closed");
    started.elapsed()
}

fn seconds(name: &'static str, seconds: u64) -> (&'static str, String) {
    (name, seconds.to_string())
}

#[tokio::test]
async fn idle_connection_outlives_the_header_timeout() {
    let limits =
        [seconds("PRESENCE__SERVER__HEADER_TIMEOUT_SECONDS", 1), seconds("PRESENCE__SERVER__IDLE_TIMEOUT_SECONDS", 3)];
    let sidecar = Sidecar::with(&limits).await;
    let mut stream = connect(&sidecar.url).await;
    assert!(exchange(&mut stream, UP).await.starts_with("HTTP/1.1 200"));
    let idle = time_until_closed(&mut stream).await;
    assert!((Duration::from_millis(2_500)..Duration::from_secs(10)).contains(&idle), "closed after {idle:?}");
}

#[tokio::test]
async fn half_sent_head_on_an_idle_connection_has_the_header_timeout() {
    let limits = [seconds("PRESENCE__SERVER__HEADER_TIMEOUT_SECONDS", 1)];
    let sidecar = Sidecar::with(&limits).await;
    let mut stream = connect(&sidecar.url).await;
    for _ in 0..2 {
        assert!(exchange(&mut stream, UP).await.starts_with("HTTP/1.1 200"));
    }
    stream.write_all(&UP[..20]).await.unwrap();
    let taken = time_until_closed(&mut stream).await;
    assert!(taken < Duration::from_secs(8), "closed after {taken:?}");
}

#[tokio::test]
async fn head_of_many_kib_is_refused() {
    let sidecar = Sidecar::start().await;
    let mut stream = connect(&sidecar.url).await;
    let head = format!("GET /up HTTP/1.1\r\nhost: x\r\nx-padding: {}\r\n\r\n", "x".repeat(100_000));
    let response = exchange(&mut stream, head.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 431"), "{response}");
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_that_takes_no_bytes_loses_its_connection() {
    let limits =
        [seconds("PRESENCE__SERVER__WRITE_TIMEOUT_SECONDS", 1), seconds("PRESENCE__SERVER__MAX_CONNECTIONS", 1)];
    let sidecar = Sidecar::with(&limits).await;
    let mut stream = connect(&sidecar.url).await;
    // More than the buffers of both sockets hold.
    stream.write_all(&DOCS.repeat(32)).await.unwrap();
    let started = Instant::now();
    // The only place is taken until then, so anything but a health check is refused.
    while sidecar.client.get("/openapi.json").await.status == 503 {
        assert!(started.elapsed() < Duration::from_secs(20), "the connection is closed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(started.elapsed() > Duration::from_millis(500), "only after the time limit");
}

#[tokio::test]
async fn health_checks_are_answered_while_all_connections_are_in_use() {
    let sidecar = Sidecar::with(&[("PRESENCE__SERVER__MAX_CONNECTIONS", "1".to_owned())]).await;
    let mut only = connect(&sidecar.url).await;
    assert!(exchange(&mut only, UP).await.starts_with("HTTP/1.1 200"));
    for path in ["/up", "/ready", "/metrics"] {
        let response = sidecar.client.get(path).await;
        assert_eq!((response.status, response.headers["connection"].to_str().unwrap()), (200, "close"), "{path}");
    }
    let refused = sidecar.client.get("/openapi.json").await;
    assert_eq!((refused.status, refused.headers["retry-after"].to_str().unwrap()), (503, "1"));
    assert_eq!(refused.json["message"], "All connections of the server are in use.");
    assert_eq!(refusals_by(&sidecar, "connections").await, Some(1.0), "health checks are not counted");
    drop(only);
    let started = Instant::now();
    while sidecar.client.get("/openapi.json").await.status == 503 {
        assert!(started.elapsed() < Duration::from_secs(10), "the place is free again");
    }
}

#[tokio::test]
async fn oldest_connection_without_a_token_makes_room_for_a_new_one() {
    let sidecar = Sidecar::with(&[("PRESENCE__SERVER__MAX_ANONYMOUS_CONNECTIONS", "3".to_owned())]).await;
    let known = format!("GET /api/v1/presence/counts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\r\n");
    let mut application = connect(&sidecar.url).await;
    assert!(exchange(&mut application, known.as_bytes()).await.starts_with("HTTP/1.1 200"));
    let mut strangers = Vec::new();
    for _ in 0..5 {
        let mut stream = connect(&sidecar.url).await;
        assert!(exchange(&mut stream, UP).await.starts_with("HTTP/1.1 200"));
        strangers.push(stream);
    }
    for stream in &mut strangers[..2] {
        assert!(time_until_closed(stream).await < Duration::from_secs(5), "the oldest ones are closed");
    }
    for stream in &mut strangers[2..] {
        assert!(exchange(stream, UP).await.starts_with("HTTP/1.1 200"), "the others stay open");
    }
    assert!(
        exchange(&mut application, known.as_bytes()).await.starts_with("HTTP/1.1 200"),
        "so does the application's"
    );
    // Last, since the scrape comes by a connection of its own, which may need a place too.
    assert!(refusals_by(&sidecar, "anonymous_connections").await >= Some(2.0));
}
