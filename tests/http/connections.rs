//! Connections: half-sent requests, limits, Unix sockets, shutdown.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::support::{Process, Sidecar};

async fn connect(sidecar: &Sidecar) -> TcpStream {
    TcpStream::connect(sidecar.url.trim_start_matches("http://")).await.unwrap()
}

/// What arrives until the other side closes, or until `patience` is over.
async fn read_all(stream: &mut (impl AsyncReadExt + Unpin), patience: Duration) -> String {
    let mut text = Vec::new();
    _ = tokio::time::timeout(patience, stream.read_to_end(&mut text)).await;
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn half_sent_head_closes_the_connection() {
    let sidecar = Sidecar::with(&[("PRESENCE__SERVER__HEADER_TIMEOUT_SECONDS", "1".to_owned())]).await;
    let mut stream = connect(&sidecar).await;
    stream.write_all(b"POST /api/v1/presence/heartbeat HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let started = Instant::now();
    read_all(&mut stream, Duration::from_secs(10)).await;
    assert!(started.elapsed() < Duration::from_secs(5), "the connection was closed");
}

#[tokio::test]
async fn half_sent_body_returns_408() {
    let sidecar = Sidecar::with(&[("PRESENCE__SERVER__BODY_TIMEOUT_SECONDS", "1".to_owned())]).await;
    let mut stream = connect(&sidecar).await;
    let head = format!(
        "POST /api/v1/presence/heartbeat HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{\"user_id\"",
        crate::support::TOKEN
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let response = read_all(&mut stream, Duration::from_secs(10)).await;
    assert!(response.starts_with("HTTP/1.1 408"), "{response}");
    assert!(response.ends_with("{\"message\":\"The request body did not arrive in time.\"}"), "{response}");
}

#[tokio::test]
async fn connections_over_the_limit_answer_only_health_checks() {
    let sidecar = Sidecar::with(&[("PRESENCE__SERVER__MAX_CONNECTIONS", "2".to_owned())]).await;
    let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = connect(&sidecar).await;
        stream.write_all(request).await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        open.push(stream);
    }
    let mut third = connect(&sidecar).await;
    third.write_all(request).await.unwrap();
    assert!(read_all(&mut third, Duration::from_secs(5)).await.starts_with("HTTP/1.1 503"));
    open.clear();
    let started = Instant::now();
    loop {
        let mut next = connect(&sidecar).await;
        next.write_all(request).await.unwrap();
        let mut first = [0; 12];
        next.read_exact(&mut first).await.unwrap();
        if &first == b"HTTP/1.1 200" {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(5), "a place is free again");
    }
}

#[tokio::test]
async fn sidecar_listens_on_unix_sockets_and_replaces_a_stale_file() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("presence.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let listen = format!("127.0.0.1:0,unix:{}", path.display());
    let sidecar = Process::start(&[("PRESENCE_LISTEN", listen)]);
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"GET /up HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    assert!(read_all(&mut stream, Duration::from_secs(5)).await.starts_with("HTTP/1.1 200"));
    drop(sidecar);
}

#[test]
fn socket_has_the_configured_mode_and_group() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("presence.sock");
    let listen = ("PRESENCE_LISTEN", format!("127.0.0.1:0,unix:{}", path.display()));
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    drop(Process::start(std::slice::from_ref(&listen)));
    std::fs::remove_file(&path).unwrap();
    let sidecar = Process::start(std::slice::from_ref(&listen));
    assert_eq!(mode(), 0o660);
    drop(sidecar);
    let own = std::fs::metadata(folder.path()).unwrap().gid();
    let (mode_key, group_key) = ("PRESENCE__SERVER__SOCKET_MODE", "PRESENCE__SERVER__SOCKET_GROUP");
    let environment = [listen, (mode_key, "0600".to_owned()), (group_key, own.to_string())];
    let _sidecar = Process::start(&environment);
    assert_eq!((mode(), std::fs::metadata(&path).unwrap().gid()), (0o600, own));
}

#[tokio::test]
async fn sidecar_listens_on_all_addresses_of_localhost() {
    let addresses: Vec<_> = tokio::net::lookup_host("localhost:0").await.unwrap().collect();
    let sidecar = Process::start(&[("PRESENCE_LISTEN", "localhost:0".to_owned())]);
    let port = sidecar.url.rsplit(':').next().unwrap().parse().unwrap();
    for mut address in addresses {
        address.set_port(port);
        if std::net::TcpListener::bind((address.ip(), 0)).is_ok() {
            assert!(TcpStream::connect(address).await.is_ok(), "{address}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_completes_open_requests_and_puts_no_user_offline() {
    require!("redis-server");
    let redis = crate::support::RedisServer::start();
    let environment = crate::support::on_redis(&redis);
    let mut sidecar = Process::start(&environment);
    assert_eq!(sidecar.client.heartbeat(1).await.status, 200);
    let mut stream = TcpStream::connect(sidecar.url.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /api/v1/presence/heartbeat HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 14\r\n\r\n",
        crate::support::TOKEN
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stopping = std::thread::spawn(move || sidecar.terminate());
    tokio::time::sleep(Duration::from_millis(200)).await;
    stream.write_all(b"{\"user_id\":22}").await.unwrap();
    let response = read_all(&mut stream, Duration::from_secs(5)).await;
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    assert!(stopping.join().unwrap().success());
    let next = Process::start(&environment);
    for user in [1, 22] {
        let status = next.client.get(&format!("/api/v1/presence/status/{user}")).await;
        assert_eq!(status.json["status"], "online", "user {user}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn request_that_never_ends_is_aborted_at_shutdown() {
    let mut sidecar = Process::start(&[
        ("PRESENCE__SERVER__SHUTDOWN_TIMEOUT_SECONDS", "1".to_owned()),
        ("PRESENCE__SERVER__BODY_TIMEOUT_SECONDS", "600".to_owned()),
    ]);
    let mut stream = TcpStream::connect(sidecar.url.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /api/v1/presence/heartbeat HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        crate::support::TOKEN
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = Instant::now();
    assert!(tokio::task::spawn_blocking(move || sidecar.terminate()).await.unwrap().success());
    assert!(started.elapsed() < Duration::from_secs(10), "it took {:?}", started.elapsed());
}
