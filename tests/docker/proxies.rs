//! `docker/nginx.conf` and `docker/Caddyfile`, run by nginx and Caddy.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use reqwest::{Certificate, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::read;
use crate::http::tokens::token;
use crate::messaging::harness::APP_KEY;
use crate::support::{Certificates, Process, TOKEN, command, free_port};

const ADMIN: &str = "admin-token-of-the-tests-0123456789abcdef";

/// A proxy in front of a sidecar, stopped when dropped.
struct Proxy {
    sidecar: Process,
    url: String,
    client: reqwest::Client,
    child: Child,
    _folder: TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // nginx ends its workers; SIGKILL would leave them.
        crate::support::send_signal("TERM", self.child.id());
        _ = self.child.wait();
    }
}

fn start_sidecar() -> Process {
    Process::start(&[
        ("PRESENCE__SERVER__TRUSTED_PROXIES", "127.0.0.1".to_owned()),
        ("PRESENCE_LOG", "presence_sidecar=debug".to_owned()),
        ("APP_KEY", APP_KEY.to_owned()),
        ("ADMIN_TOKEN", ADMIN.to_owned()),
    ])
}

/// Replaces exactly one part of a file.
fn replace(text: &mut String, what: &str, by: &str) {
    assert_eq!(text.matches(what).count(), 1, "{what}");
    *text = text.replace(what, by);
}

async fn nginx() -> Proxy {
    let (sidecar, folder, certificates) = (start_sidecar(), TempDir::new().unwrap(), Certificates::create());
    let port = free_port();
    let mut site = read("docker/nginx.conf");
    replace(&mut site, "    server 127.0.0.1:8137;", &format!("    server {};", &sidecar.url["http://".len()..]));
    replace(&mut site, "listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"));
    replace(&mut site, "presence.example.com", "localhost");
    replace(&mut site, "/etc/ssl/presence.pem", certificates.server().to_str().unwrap());
    replace(&mut site, "/etc/ssl/presence.key", certificates.key().to_str().unwrap());
    std::fs::write(folder.path().join("site.conf"), site).unwrap();
    let temporary: String =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {kind};")).concat();
    let user = if is_root() { "user root;" } else { "" };
    let main = format!(
        "{user} daemon off; worker_processes 1; pid nginx.pid; error_log stderr; events {{}}\n\
         http {{ access_log off; {temporary} include site.conf; }}"
    );
    std::fs::write(folder.path().join("nginx.conf"), main).unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    let child = command("nginx").args(["-p", &path, "-c", "nginx.conf"]).stderr(Stdio::null()).spawn().unwrap();
    let authority = Certificate::from_pem(&std::fs::read(certificates.authority()).unwrap()).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([authority]).build().unwrap();
    started(Proxy { sidecar, url: format!("https://localhost:{port}"), client, child, _folder: folder }).await
}

async fn caddy() -> Proxy {
    let (sidecar, folder) = (start_sidecar(), TempDir::new().unwrap());
    let url = format!("http://127.0.0.1:{}", free_port());
    let mut file = read("docker/Caddyfile");
    replace(&mut file, "reverse_proxy 127.0.0.1:8137", &format!("reverse_proxy {}", &sidecar.url["http://".len()..]));
    replace(&mut file, "presence.example.com", &url);
    std::fs::write(folder.path().join("Caddyfile"), format!("{{\n\tadmin off\n\tgrace_period 1s\n}}\n{file}")).unwrap();
    let child = command("caddy")
        .args(["run", "--config", "Caddyfile", "--adapter", "caddyfile"])
        .current_dir(folder.path())
        .env("XDG_DATA_HOME", folder.path())
        .env("XDG_CONFIG_HOME", folder.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    started(Proxy { sidecar, url, client, child, _folder: folder }).await
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(Path::new("/proc/self")).unwrap().uid() == 0
}

/// Waits until the proxy answers.
async fn started(proxy: Proxy) -> Proxy {
    let answers = async {
        while proxy.client.get(&proxy.url).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), answers).await.expect("the proxy does not start");
    proxy
}

impl Proxy {
    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    fn post(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.url)).json(body)
    }
}

async fn assert_hides_all_but_public_routes(proxy: &Proxy) {
    let hidden = [
        "/",
        "/metrics",
        "/admin",
        "/docs",
        "/openapi.json",
        "/ready",
        "/api/v1/presence/roster",
        "/api/v1/presence/changes",
        "/api/v1/operators/clients",
        "/api/v1/webhooks/deliveries",
        "/api/v1/presence/history/1",
        "//metrics",
        "/%6detrics",
        "/client/../metrics",
        "/presence/heartbeat/../../metrics",
        "/api/v1/presence/status/../../../../metrics",
    ];
    for path in hidden {
        let answer = proxy.get(path).bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.headers().contains_key("x-request-id"), "{path} came from the sidecar");
    }
    for path in ["/api/v1/presence/heartbeat", "/api/v1/presence/many", "/api/v1/messages/publish"] {
        let answer = proxy.post(path, &json!({"user_id": 1})).bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let version = env!("CARGO_PKG_VERSION");
    for path in ["/presence.js", &format!("/presence-{version}.js"), "/client.html", "/client/main.js"] {
        assert_eq!(proxy.get(path).send().await.unwrap().status(), StatusCode::OK, "{path}");
    }
}

async fn assert_serves_presence(proxy: &Proxy) {
    let watching = token(1, json!({"watch": [7]}));
    let path = format!("/api/v1/presence/stream?snapshot=1&token={watching}");
    let mut stream = proxy.get(&path).header("Accept", "text/event-stream").send().await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
    // A page's claim about its own address does not reach the sidecar.
    let beat = proxy.post("/presence/heartbeat", &json!({})).bearer_auth(token(7, json!({})));
    let answer = beat.header("X-Forwarded-For", "203.0.113.9").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let mut text = String::new();
    while !text.contains("event: online") {
        let chunk = tokio::time::timeout(Duration::from_secs(10), stream.chunk()).await.expect("no event comes");
        text.push_str(std::str::from_utf8(&chunk.unwrap().expect("the stream goes on")).unwrap());
    }
    let status = proxy.get("/api/v1/presence/status/7").bearer_auth(token(7, json!({}))).send().await.unwrap();
    assert_eq!(status.json::<Value>().await.unwrap()["status"], "online");
    let log = proxy.sidecar.log_with("\"path\":\"/presence/heartbeat\"").await;
    let line = log.lines().find(|line| line.contains("\"path\":\"/presence/heartbeat\"")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["client"], "127.0.0.1", "{line}");
}

async fn assert_serves_messages(proxy: &Proxy) {
    let registered = proxy.post("/api/v1/clients/register", &json!({"fingerprint": "phone"})).send().await.unwrap();
    assert!(registered.status().is_success(), "{}", registered.text().await.unwrap());
    let device: Value = registered.json().await.unwrap();
    let id = device["client_id"].as_str().unwrap();
    let publication = json!({"to_client_ids": [device["client_id"]], "type": "note", "payload": {"text": "hello"}});
    let publish = proxy.sidecar.client.request(reqwest::Method::POST, "/api/v1/messages/publish");
    let published = proxy.sidecar.client.send(publish.header("X-Admin-Token", ADMIN).json(&publication)).await;
    assert!((200..300).contains(&published.status), "{}", published.text);
    let polled = async {
        loop {
            let poll = proxy.get("/api/v1/messages/poll").header("X-Client-Id", id);
            let poll = poll.bearer_auth(device["api_token"].as_str().unwrap()).send().await.unwrap();
            assert!(poll.status().is_success(), "{}", poll.status());
            if poll.text().await.unwrap().contains("note") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), polled).await.expect("no message arrives");
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_serves_the_public_routes_alone() {
    require!("nginx", "openssl");
    let proxy = nginx().await;
    assert_hides_all_but_public_routes(&proxy).await;
    assert_serves_presence(&proxy).await;
    assert_serves_messages(&proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_serves_the_public_routes_alone() {
    require!("caddy");
    let proxy = caddy().await;
    assert_hides_all_but_public_routes(&proxy).await;
    assert_serves_presence(&proxy).await;
    assert_serves_messages(&proxy).await;
}
