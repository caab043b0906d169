//! SIGTERM and SIGINT end the sidecar, whatever hangs.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::{Server, wait_for};
use crate::support::{Engine, SqlServer, TOKEN, TestDatabase, begin_heartbeat, on_database};

/// How long a stop may take on a busy machine. One that waits for something takes longer: at least the default timeout, 20 s.
pub const PROMPTLY: Duration = Duration::from_secs(10);

fn shutdown_timeout(seconds: u32) -> (&'static str, String) {
    ("PRESENCE__SERVER__SHUTDOWN_TIMEOUT_SECONDS", seconds.to_string())
}

/// A request whose body never arrives.
async fn endless_request(server: &Server) -> TcpStream {
    begin_heartbeat(&server.address, "", 100).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_and_sigint_stop_within_the_timeout_with_open_requests() {
    for signal in ["TERM", "INT"] {
        let body_timeout = ("PRESENCE__SERVER__BODY_TIMEOUT_SECONDS", "600".to_owned());
        let mut server = Server::start("", &[shutdown_timeout(1), body_timeout]).await;
        let _open = endless_request(&server).await;
        server.signal(signal);
        let (status, took) = server.ended().await;
        assert!(status.success(), "{status}");
        assert!(took < PROMPTLY, "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn second_signal_ends_at_once() {
    let body_timeout = ("PRESENCE__SERVER__BODY_TIMEOUT_SECONDS", "600".to_owned());
    let mut server = Server::start("", &[shutdown_timeout(600), body_timeout]).await;
    let _open = endless_request(&server).await;
    // Programs that pass a signal on to a group of processes deliver it twice.
    server.signal("TERM");
    server.signal("TERM");
    server.logged("stopping").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(server.child.try_wait().unwrap().is_none(), "it waits for the request");
    server.signal("TERM");
    let (status, took) = server.ended().await;
    assert_eq!(status.code(), Some(128 + 15));
    assert!(took < PROMPTLY, "{took:?}");
    assert!(server.log().contains("second signal: ending at once"));
}

/// Replaces a file by a pipe, so that whoever opens it waits.
fn replace_by_pipe(file: &Path) {
    _ = std::fs::remove_file(file);
    assert!(Command::new("mkfifo").arg(file).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn call_that_blocks_a_thread_does_not_hold_up_a_stop() {
    let mut server = Server::start("", &[]).await;
    replace_by_pipe(&server.config());
    server.signal("HUP");
    // The reload has opened the pipe, and reads until it is closed.
    let _open = File::options().write(true).open(server.config()).unwrap();
    server.signal("TERM");
    let (status, took) = server.ended().await;
    assert!(status.success(), "{status}");
    assert!(took < PROMPTLY, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_a_start_that_hangs() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("presence.toml");
    replace_by_pipe(&config);
    let mut server = Server::spawn(folder, "", &[], Stdio::null());
    let _open = File::options().write(true).open(&config).unwrap();
    server.signal("TERM");
    let (status, took) = server.ended().await;
    assert_eq!(status.code(), Some(128 + 15));
    assert!(took < PROMPTLY, "{took:?}");
}

/// A stream of changes whose client reads nothing, and whose connection is full.
async fn blocked_stream(server: &Server) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server.address.parse().unwrap()).await.unwrap();
    let head = format!(
        "GET /api/v1/presence/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\
         accept: text/event-stream\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    // More than the buffers of both ends of a connection.
    for round in 0..20 {
        let meta = "x".repeat(4000);
        let user = |number| json!({"user_id": format!("{round}-{number}"), "meta": {"text": meta}});
        let batch: Vec<_> = (0..200).map(user).collect();
        let answer = server.client.post("/api/v1/presence/heartbeats", json!(batch)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_that_is_not_read_does_not_hold_up_a_stop() {
    // Long before the timeout of a stop, which is 20 s.
    let mut server = Server::start("", &[]).await;
    let _stream = blocked_stream(&server).await;
    server.signal("TERM");
    let (status, took) = server.ended().await;
    assert!(status.success(), "{status}");
    assert!(took < PROMPTLY, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn database_that_hangs_does_not_hold_up_a_stop() {
    require!("mariadbd");
    let mariadb = Arc::new(Mutex::new(SqlServer::start(Engine::MariaDb)));
    let database = TestDatabase::create_on(&mariadb);
    let environment = [on_database(&database), vec![shutdown_timeout(2)]].concat();
    let mut server = Server::start("", &environment).await;
    let ready = async || (server.client.heartbeat(1).await.status == 200).then_some(());
    wait_for(ready, || "MariaDB is not available".to_owned()).await;
    mariadb.lock().unwrap().signal("STOP");
    server.signal("TERM");
    let (_, took) = server.ended().await;
    mariadb.lock().unwrap().signal("CONT");
    assert!(took < PROMPTLY, "{took:?}");
}
