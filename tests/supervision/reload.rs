//! SIGHUP reloads what can be reloaded, as a whole, and never ends the process.

use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;
use tempfile::TempDir;

use super::{Server, metric, wait_for};
use crate::http::tokens::{seconds, signed};
use crate::support::{Receiver, TOKEN};

const SECRET: &str = "secret-of-user-tokens-0123456789abcdefghij";
const OLD: &str = "service-token-before-the-reload-0123456789";
const NEW: &str = "service-token-after-the-reload-0123456789";

/// A configuration file with this service token, and more.
fn file(token: &str, more: &str) -> String {
    format!("[auth]\ntokens = [{token:?}]\n{more}")
}

async fn reload(server: &Server, toml: &str) {
    std::fs::write(server.config(), toml).unwrap();
    server.signal("HUP");
}

async fn status(server: &Server, token: &str) -> u16 {
    server.client.with_token(token).get("/api/v1/presence/counts").await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn reload_replaces_tokens_limits_origins_proxies_and_the_log_filter() {
    let secret = format!("user_token_secrets = [{SECRET:?}]\n");
    let server = Server::start(&file(OLD, &format!("{secret}[routing]\nthrottle = \"1,1\"\n")), &[]).await;
    assert_eq!((status(&server, OLD).await, status(&server, NEW).await), (200, 401));
    let beat = async |address: &str| {
        let client = server.client.with_token(&signed(&json!({"sub": 7, "exp": seconds(60)}), SECRET));
        let request = client.request(reqwest::Method::POST, "/presence/heartbeat").json(&json!({}));
        client.send(request.header("origin", "https://app.test").header("x-forwarded-for", address)).await
    };
    assert_eq!(beat("203.0.113.1").await.status, 200);
    let refused = beat("203.0.113.1").await;
    assert_eq!(refused.status, 429);
    assert!(!refused.headers.contains_key("access-control-allow-origin"));
    let more = "[routing]\nthrottle = \"5,1\"\n[server]\nallowed_origins = [\"https://app.test\"]\n\
                trusted_proxies = [\"127.0.0.1\"]\n[log]\nfilter = \"debug\"\n";
    reload(&server, &file(NEW, &format!("{secret}{more}"))).await;
    let line = server.logged("configuration reloaded").await;
    for key in ["auth.tokens", "log.filter", "routing.throttle", "server.allowed_origins", "server.trusted_proxies"] {
        assert!(line.contains(key), "{line}");
    }
    assert_eq!((status(&server, OLD).await, status(&server, NEW).await), (401, 200));
    let configuration = server.client.with_token(NEW).get("/api/v1/configuration").await.text;
    assert!(configuration.contains("{\"key\":\"routing.throttle\",\"value\":\"\\\"5,1\\\"\""), "{configuration}");
    let allowed = beat("203.0.113.1").await;
    assert_eq!((allowed.status, allowed.headers["x-ratelimit-limit"].to_str().unwrap()), (200, "5"));
    assert_eq!(allowed.headers["access-control-allow-origin"], "https://app.test");
    server.logged("client=203.0.113.1").await;
    // A limit can be removed, too.
    reload(&server, &file(NEW, &format!("{secret}{}", more.replace("5,1", "")))).await;
    let unlimited = async || (!beat("203.0.113.1").await.headers.contains_key("x-ratelimit-limit")).then_some(());
    wait_for(unlimited, || "the limit stays".to_owned()).await;
    assert!(!server.log().contains(OLD) && !server.log().contains(NEW), "the log has no token");
    let applied = async || {
        let metrics = server.client.get("/metrics").await.text;
        (metric(&metrics, "presence_config_reloads_total{outcome=\"applied\"}") == 2.0).then_some(())
    };
    wait_for(applied, || "the reloads are not counted".to_owned()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reload_replaces_url_secret_headers_and_events_of_an_endpoint() {
    let (first, second) = (Receiver::start().await, Receiver::start().await);
    let webhook = |url: &str, rest: &str| {
        let head = "driver = \"webhook\"\n";
        let section = format!("[webhook]\nurl = {url:?}\n{rest}\n");
        format!("{head}{section}{}", file(OLD, ""))
    };
    let server = Server::start(&webhook(&first.url, "secret = \"the-first-secret-of-all\""), &[]).await;
    let client = server.client.with_token(OLD);
    assert_eq!(client.heartbeat(1).await.status, 200);
    let before = first.wait_for(1).await.remove(0);
    assert!(!before.headers.contains_key("x-more"));
    let rest = "secret = \"the-second-secret-of-all\"\nprevious_secrets = [\"the-first-secret-of-all\"]\n\
                headers = { x-more = \"yes\" }\nsend_on = { online = false, heartbeat = true }";
    reload(&server, &webhook(&second.url, rest)).await;
    let line = server.logged("configuration reloaded").await;
    assert!(line.contains("webhook.url") && line.contains("webhook.send_on.heartbeat"), "{line}");
    assert_eq!(client.heartbeat(2).await.status, 200);
    let after = second.wait_for(1).await.remove(0);
    assert_eq!((after.headers["x-more"].as_str(), after.json()["event"].as_str()), ("yes", Some("heartbeat")));
    assert!(after.headers["webhook-signature"].contains(' '), "both secrets sign: {:?}", after.headers);
    assert_eq!(first.posts().len(), 1);
    assert!(!server.log().contains("secret-of-all") && !server.log().contains(&second.url), "the log has no values");
}

#[tokio::test(flavor = "multi_thread")]
async fn reload_that_needs_a_restart_is_refused_as_a_whole() {
    let server = Server::start(&file(OLD, ""), &[]).await;
    let endpoint =
        "[[webhook.endpoints]]\nname = \"crm\"\nurl = \"https://crm.test/\"\nsecret = \"0123456789abcdef\"\n";
    for (more, key) in [
        ("[cache]\nttl_seconds = 500\n", "cache.ttl_seconds"),
        ("[server]\nworkers = 3\n", "server.workers"),
        (endpoint, "webhook.endpoints"),
    ] {
        reload(&server, &file(NEW, more)).await;
        let line = server.logged(key).await;
        assert!(line.contains("WARN") && line.contains("need a restart") && !line.contains("auth.tokens"), "{line}");
        assert_eq!((status(&server, OLD).await, status(&server, NEW).await), (200, 401), "{key}");
    }
    reload(&server, &file(NEW, "")).await;
    server.logged("configuration reloaded").await;
    assert_eq!((status(&server, OLD).await, status(&server, NEW).await), (401, 200));
    let metrics = server.client.get("/metrics").await.text;
    assert_eq!(metric(&metrics, "presence_config_reloads_total{outcome=\"refused\"}"), 3.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn reload_of_a_configuration_that_cannot_be_used_is_refused() {
    let mut server = Server::start(&file(OLD, ""), &[]).await;
    for (toml, problem) in [
        (file(NEW, "[cach"), "is not valid TOML"),
        (file(NEW, "[cache]\nttl = 5\n"), "is not a known key"),
        (file(NEW, "[log]\nfilter = \"info,=,\"\n"), "log.filter"),
        (file("not a token", ""), "must have only visible ASCII characters"),
        (String::new(), "PRESENCE_TOKEN is not set any more"),
    ] {
        reload(&server, &toml).await;
        let line = server.logged(problem).await;
        assert!(line.contains("WARN") && line.contains("configuration not reloaded"), "{line}");
        assert_eq!((status(&server, OLD).await, status(&server, NEW).await), (200, 401), "{problem}");
    }
    std::fs::remove_file(server.config()).unwrap();
    server.signal("HUP");
    server.logged("does not exist").await;
    assert_eq!(status(&server, OLD).await, 200);
    server.signal("TERM");
    assert!(server.ended().await.0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_during_the_start_is_kept_until_the_sidecar_runs() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("presence.toml");
    assert!(Command::new("mkfifo").arg(&config).status().unwrap().success());
    let log = Stdio::from(File::create(folder.path().join("log")).unwrap());
    let server = Server::spawn(folder, "", &[], log);
    // Opening a pipe for writing waits until the sidecar reads its configuration.
    let mut pipe = File::options().write(true).open(&config).unwrap();
    server.signal("HUP");
    pipe.write_all(b"[log]\nfilter = \"info\"\n").unwrap();
    drop(pipe);
    std::fs::remove_file(&config).unwrap();
    std::fs::write(&config, "[log]\nfilter = \"info\"\n").unwrap();
    let server = server.up().await;
    server.logged("configuration reloaded").await;
    assert_eq!(status(&server, TOKEN).await, 200);
}
