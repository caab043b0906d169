//! `server.tls_cert` and `server.tls_key`: https, HTTP/2 by ALPN, reloads, and files that do not fit.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use presence_sidecar::http::listener::ServerTls;
use reqwest::{Certificate, Client, StatusCode, Version};
use serde_json::json;

use super::tokens::token;
use crate::support::{Certificates, Process, TOKEN, send_signal};

/// The variables of a sidecar with these certificates, and a unix socket beside.
fn environment(certificates: &Certificates, more: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("PRESENCE__SERVER__TLS_CERT", certificates.server().display().to_string()),
        ("PRESENCE__SERVER__TLS_KEY", certificates.key().display().to_string()),
    ];
    all.extend(more.iter().cloned());
    all
}

/// A client that trusts the authority of these certificates alone.
fn trusting(authority: &Path) -> reqwest::ClientBuilder {
    let authority = Certificate::from_pem(&std::fs::read(authority).unwrap()).unwrap();
    Client::builder().no_proxy().tls_certs_only([authority]).timeout(Duration::from_secs(20))
}

async fn heartbeat(client: &Client, url: &str, user: usize) -> reqwest::Result<reqwest::Response> {
    let request = client.post(format!("{url}/api/v1/presence/heartbeat")).bearer_auth(TOKEN);
    request.json(&json!({"user_id": user})).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn https_serves_http1_and_http2_and_refuses_plain_http() {
    require!("openssl");
    let certificates = Certificates::create();
    let sidecar = Process::start(&environment(&certificates, &[]));
    assert!(sidecar.url.starts_with("https://127.0.0.1:"), "{}", sidecar.url);
    let both = trusting(&certificates.authority()).build().unwrap();
    let old = trusting(&certificates.authority()).http1_only().build().unwrap();
    for (client, version) in [(&both, Version::HTTP_2), (&old, Version::HTTP_11)] {
        let answer = heartbeat(client, &sidecar.url, 1).await.unwrap();
        assert_eq!((answer.status(), answer.version()), (StatusCode::OK, version));
    }
    let plain = Client::builder().no_proxy().build().unwrap();
    assert!(heartbeat(&plain, &sidecar.url.replace("https:", "http:"), 1).await.is_err());
    assert!(heartbeat(&plain, &sidecar.url, 1).await.is_err(), "the certificate is checked");
    let body = vec![b'x'; 500_000];
    let large = both.post(format!("{}/api/v1/presence/heartbeat", sidecar.url)).body(body).send().await.unwrap();
    assert_eq!(large.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(heartbeat(&both, &sidecar.url, 2).await.unwrap().status(), StatusCode::OK, "the connection goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_and_other_requests_share_a_connection_of_a_page() {
    require!("openssl");
    let certificates = Certificates::create();
    let sidecar = Process::start(&environment(&certificates, &[]));
    let page = trusting(&certificates.authority()).build().unwrap();
    let path = format!("{}/api/v1/presence/stream?snapshot=1&token={}", sidecar.url, token(1, json!({"watch": [7]})));
    let mut stream = page.get(&path).header("Accept", "text/event-stream").send().await.unwrap();
    assert_eq!((stream.status(), stream.version()), (StatusCode::OK, Version::HTTP_2));
    // More than the connection has at a time: the others wait for their turn.
    let calls = (0..50).map(|user| heartbeat(&page, &sidecar.url, user));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.unwrap().status(), StatusCode::OK);
    }
    let mut text = String::new();
    while !text.contains("event: online") {
        let chunk = tokio::time::timeout(Duration::from_secs(10), stream.chunk()).await.expect("nothing comes");
        text.push_str(std::str::from_utf8(&chunk.unwrap().expect("the stream goes on")).unwrap());
    }
    // A head that the memory budget would not count is refused.
    let long = page.get(format!("{}/up", sidecar.url)).header("x-long", "x".repeat(16_000)).send().await;
    assert!(long.is_err() || long.is_ok_and(|answer| answer.status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_is_replaced_by_sighup_and_kept_if_the_new_one_is_wrong() {
    require!("openssl");
    let (certificates, renewed) = (Certificates::create(), Certificates::create());
    let sidecar = Process::start(&environment(&certificates, &[]));
    let (old, new) = (trusting(&certificates.authority()), trusting(&renewed.authority()));
    let (old, new) = (old.pool_max_idle_per_host(0).build().unwrap(), new.pool_max_idle_per_host(0).build().unwrap());
    assert!(heartbeat(&old, &sidecar.url, 1).await.is_ok() && heartbeat(&new, &sidecar.url, 1).await.is_err());
    std::fs::copy(renewed.key(), certificates.key()).unwrap();
    send_signal("HUP", sidecar.id());
    sidecar.log_with("configuration not reloaded").await;
    assert!(sidecar.log().contains("server.tls_key"), "{}", sidecar.log());
    assert!(heartbeat(&old, &sidecar.url, 1).await.is_ok(), "the old one stays");
    std::fs::copy(renewed.server(), certificates.server()).unwrap();
    send_signal("HUP", sidecar.id());
    sidecar.log_with("configuration reloaded").await;
    assert_eq!(heartbeat(&new, &sidecar.url, 1).await.unwrap().status(), StatusCode::OK);
    assert!(heartbeat(&old, &sidecar.url, 1).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn health_check_and_unix_sockets_work_beside_tls() {
    require!("openssl");
    let certificates = Certificates::create();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("presence.sock");
    let listen = ("PRESENCE_LISTEN", format!("127.0.0.1:0,unix:{}", socket.display()));
    let sidecar = Process::start(&environment(&certificates, &[listen]));
    let health = |listen: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"));
        let command =
            command.arg("health").env_clear().envs(environment(&certificates, &[])).env("PRESENCE_LISTEN", listen);
        command.output().unwrap()
    };
    for listen in [&sidecar.url["https://".len()..], &format!("unix:{}", socket.display())] {
        let output = health(listen);
        assert!(output.status.success(), "{listen}: {output:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_without_a_handshake_is_closed_in_time() {
    require!("openssl");
    let certificates = Certificates::create();
    let timeout = ("PRESENCE__SERVER__HEADER_TIMEOUT_SECONDS", "1".to_owned());
    let sidecar = Process::start(&environment(&certificates, &[timeout]));
    let stream = tokio::net::TcpStream::connect(&sidecar.url["https://".len()..]).await.unwrap();
    let closed = async {
        let mut buffer = [0; 64];
        loop {
            stream.readable().await.unwrap();
            match stream.try_read(&mut buffer) {
                Ok(0) => return,
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), closed).await.expect("the connection stays open");
}

#[test]
fn files_that_do_not_fit_are_named_with_their_key() {
    require!("openssl");
    let (one, other) = (Certificates::create(), Certificates::create());
    let error = |certificate: &Path, key: &Path| ServerTls::load(certificate, key).err().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (missing, empty) = (folder.path().join("missing.pem"), folder.path().join("empty.pem"));
    std::fs::write(&empty, "").unwrap();
    for (text, key, path) in [
        (error(&missing, &one.key()), "server.tls_cert", &missing),
        (error(&empty, &one.key()), "server.tls_cert", &empty),
        (error(&one.server(), &missing), "server.tls_key", &missing),
        (error(&one.server(), &empty), "server.tls_key", &empty),
        (error(&one.server(), &other.key()), "server.tls_key", &other.key()),
    ] {
        assert!(text.starts_with(&format!("{key} = {}: ", path.display())), "{text}");
    }
    assert!(ServerTls::load(&one.server(), &one.key()).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn token_is_sent_to_the_configured_certificate_alone() {
    require!("openssl");
    let (certificates, others) = (Certificates::create(), Certificates::create());
    let sidecar = Process::start(&environment(&certificates, &[]));
    let run = |arguments: &[&str], certificates: &Certificates| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"));
        let command = command.args(arguments).env_clear().envs(environment(certificates, &[]));
        command.env("PRESENCE_TOKEN", TOKEN).env("PRESENCE_LISTEN", &sidecar.url["https://".len()..]).output().unwrap()
    };
    let output = run(&["presence", "counts"], &certificates);
    assert!(output.status.success(), "{output:?}");
    let refused = run(&["presence", "counts"], &others);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && text.contains("is not the one of server.tls_cert"), "{text}");
    let health = run(&["health"], &others);
    assert!(
        health.status.success(),
        "a health check sends no secret, and the file may be newer than the sidecar: {health:?}"
    );
}
