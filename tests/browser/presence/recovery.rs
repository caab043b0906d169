//! What ends an `EventSource` for good, and must not end the badge.

use std::time::Duration;

use super::{App, badge_shows, put, sidecar};
use crate::browser::webdriver::Browser;
use crate::support::{Process, RedisServer, Sidecar, free_port, on_redis};

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_renewed_and_maintenance_of_the_app_is_survived() {
    require!("chromedriver");
    let sidecar = sidecar(&[]).await;
    let app = App::start(&sidecar.url).await;
    app.behaviour.lock().unwrap().ttl = 3;
    let browser = Browser::start().await;
    browser.open(&app.page("ada", "bob")).await;
    put(&sidecar.client, "bob", "heartbeat").await;
    badge_shows(&browser, "online", Duration::from_secs(5)).await;
    app.behaviour.lock().unwrap().is_down = true;
    tokio::time::sleep(Duration::from_secs(8)).await;
    put(&sidecar.client, "bob", "offline").await;
    app.behaviour.lock().unwrap().is_down = false;
    badge_shows(&browser, "offline", Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecar_that_is_away_is_found_again_within_five_seconds() {
    require!("chromedriver");
    let port = free_port();
    let environment =
        [("PRESENCE_LISTEN", format!("127.0.0.1:{port}")), ("PRESENCE__SERVER__ALLOWED_ORIGINS", "*".to_owned())];
    let mut sidecar = Process::start(&environment);
    let app = App::start(&sidecar.url).await;
    let browser = Browser::start().await;
    browser.open(&app.page("ada", "bob")).await;
    put(&sidecar.client, "bob", "heartbeat").await;
    badge_shows(&browser, "online", Duration::from_secs(5)).await;
    sidecar.kill();
    // Something else answers in its place, as a proxy does: final for an EventSource.
    let proxy = answer_502(port).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    drop(proxy);
    let sidecar = tokio::task::spawn_blocking(move || Process::start(&environment)).await.unwrap();
    // Its memory is new: nobody is online.
    badge_shows(&browser, "offline", Duration::from_secs(5)).await;
    put(&sidecar.client, "bob", "heartbeat").await;
    badge_shows(&browser, "online", Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn log_that_was_trimmed_meanwhile_is_no_obstacle() {
    require!("chromedriver", "redis-server");
    let redis = RedisServer::start();
    let environment = [
        on_redis(&redis),
        vec![
            ("PRESENCE_LISTEN", format!("127.0.0.1:{}", free_port())),
            ("PRESENCE__SERVER__ALLOWED_ORIGINS", "*".to_owned()),
        ],
    ]
    .concat();
    let mut sidecar = Process::start(&environment);
    let app = App::start(&sidecar.url).await;
    let browser = Browser::start().await;
    browser.open(&app.page("ada", "bob")).await;
    put(&sidecar.client, "bob", "heartbeat").await;
    badge_shows(&browser, "online", Duration::from_secs(5)).await;
    let before = sidecar.client.changes().await.last().unwrap()["cursor"].as_str().unwrap().to_owned();
    sidecar.kill();
    // Of what happens while the page cannot follow, no entry is left.
    let other = Sidecar::on(&redis).await;
    put(&other.client, "bob", "offline").await;
    put(&other.client, "eve", "heartbeat").await;
    let log = redis.cli(&["-n", "0", "--scan", "--pattern", "*{presence}:changes"]).trim().to_owned();
    let last = redis.cli(&["-n", "0", "--raw", "XREVRANGE", &log, "+", "-", "COUNT", "1"]);
    let last = last.lines().next().unwrap().to_owned();
    redis.cli(&["-n", "0", "SET", &log.replace(":changes", ":trimmed"), &last]);
    redis.cli(&["-n", "0", "XTRIM", &log, "MAXLEN", "0"]);
    assert_eq!(other.client.get(&format!("/api/v1/presence/changes?after={before}")).await.status, 409);
    let _sidecar = tokio::task::spawn_blocking(move || Process::start(&environment)).await.unwrap();
    badge_shows(&browser, "offline", Duration::from_secs(5)).await;
}

/// Answers each request on this port with a 502 until dropped.
async fn answer_502(port: u16) -> tokio_util::sync::DropGuard {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            _ = stream.read(&mut [0; 4096]).await;
            _ = stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        }
    }));
    stop.drop_guard()
}
