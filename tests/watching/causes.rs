//! `docker/alerts.yml`: the alerts fire in a real Prometheus when their causes are made, and are quiet before.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::alerts::alerts_file;
use super::posting_to;
use crate::messaging::harness::Harness;
use crate::supervision::Server;
use crate::support::prometheus::Prometheus;
use crate::support::{
    Engine, Process, Reaction, Receiver, RedisServer, Reverb, Sidecar, SmallDisk, TestDatabase, on_redis,
};

/// The alerts without their pauses, and with a second instead of a minute, so that a test need not wait for them.
fn hasty_rules() -> String {
    let text = alerts_file();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("for: "));
    lines.map(|line| line.replace("oldest_pending_seconds) > 60", "oldest_pending_seconds) > 1") + "\n").collect()
}

/// Waits until exactly this alert fires.
async fn assert_fires(prometheus: &Prometheus, alert: &str) {
    prometheus.wait_for(&format!("ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}")).await;
}

/// The alerts that fire, but for that of a full disk: this machine's may be full.
async fn firing(prometheus: &Prometheus) -> Vec<String> {
    let mut firing = prometheus.firing().await;
    firing.retain(|alert| alert != "PresenceSidecarDiskFull");
    firing
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_sidecar_has_no_alert_and_a_stopped_store_one() {
    require!("prometheus", "redis-server");
    let mut redis = RedisServer::start();
    let mut sidecar = Process::start(&on_redis(&redis));
    let prometheus = Prometheus::scraping(&sidecar.url, &hasty_rules()).await;
    sidecar.client.heartbeat(1).await;
    prometheus.wait_for("presence_sidecar_store_up == 1").await;
    prometheus.wait_for("sum(count_over_time(up[1m])) > 6").await;
    assert_eq!(firing(&prometheus).await, Vec::<String>::new());
    redis.stop();
    assert_fires(&prometheus, "PresenceSidecarStoreDown").await;
    sidecar.client.heartbeat(1).await;
    assert_fires(&prometheus, "PresenceSidecarHeartbeatsFail").await;
    sidecar.kill();
    assert_fires(&prometheus, "PresenceSidecarDown").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receiver_that_is_down_and_a_lost_webhook_fire() {
    require!("prometheus");
    let receiver = Receiver::reacting(|_| Reaction::Answer(503, "")).await;
    let sidecar = Sidecar::with(&posting_to(&receiver.url)).await;
    let prometheus = Prometheus::scraping(&sidecar.url, &hasty_rules()).await;
    sidecar.client.heartbeat(1).await;
    assert_fires(&prometheus, "PresenceSidecarWebhookReceiverDown").await;
    assert_fires(&prometheus, "PresenceSidecarWebhooksGivenUp").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_that_panics_fires() {
    require!("prometheus");
    let sidecar = Sidecar::start().await;
    let panics = Arc::new(AtomicBool::new(false));
    let trigger = panics.clone();
    sidecar.supervisor.spawn_until_stop("fragile", move || {
        let trigger = trigger.clone();
        async move {
            loop {
                assert!(!trigger.swap(false, Ordering::SeqCst), "a defect");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    });
    let prometheus = Prometheus::scraping(&sidecar.url, &hasty_rules()).await;
    prometheus.wait_for("presence_sidecar_worker_restarts_total{worker=\"fragile\"}").await;
    panics.store(true, Ordering::SeqCst);
    assert_fires(&prometheus, "PresenceSidecarWorkerPanicked").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn full_disk_fires() {
    require!("prometheus");
    let Some(disk) = SmallDisk::mount(4) else { return };
    let storage = ("PRESENCE_STORAGE", disk.path().display().to_string());
    let sidecar = Process::start(&[storage]);
    let prometheus = Prometheus::scraping(&sidecar.url, &hasty_rules()).await;
    prometheus.wait_for("presence_sidecar_storage_free_bytes / presence_sidecar_storage_size_bytes > 0.05").await;
    assert_eq!(firing(&prometheus).await, Vec::<String>::new());
    disk.fill();
    assert_fires(&prometheus, "PresenceSidecarDiskFull").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn late_detection_fires() {
    require!("prometheus");
    slow!();
    let sidecar = Sidecar::with(&[
        ("PRESENCE__CACHE__TTL_SECONDS", "2".to_owned()),
        ("PRESENCE__CACHE__AWAY_AFTER_SECONDS", "1".to_owned()),
        ("PRESENCE__PRESENCE__SWEEP_INTERVAL_MS", "12000".to_owned()),
    ])
    .await;
    let prometheus = Prometheus::scraping(&sidecar.url, &hasty_rules()).await;
    sidecar.client.heartbeat(1).await;
    assert_fires(&prometheus, "PresenceSidecarDetectionLag").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_that_wait_and_messages_that_are_given_up_fire() {
    require!("prometheus");
    let receiver = Receiver::reacting(|_| Reaction::Answer(503, "")).await;
    let server = Reverb::start().await;
    let posting = [posting_to(&receiver.url), server.environment()].concat();
    let mut more: Vec<(&'static str, &str)> = posting.iter().map(|(name, value)| (*name, value.as_str())).collect();
    more.retain(|(name, _)| *name != "PRESENCE__WEBHOOK__SCHEDULE");
    more.extend([("PRESENCE__WEBHOOK__SCHEDULE", "1h"), ("QUEUE_CONNECTION", "database")]);
    let harness = Harness::on(TestDatabase::create(Engine::Sqlite), &more).await;
    drop(server);
    let prometheus = Prometheus::scraping(&harness.sidecar.url, &hasty_rules()).await;
    let device = harness.register("one").await;
    assert_eq!(firing(&prometheus).await, Vec::<String>::new());
    harness.sidecar.client.heartbeat(1).await;
    harness.database.sql("ALTER TABLE messages RENAME COLUMN tag TO elsewhere");
    harness.publish(&[&device], "alarm", json!({"n": 1})).await;
    for alert in ["PresenceSidecarWebhooksLate", "PresenceSidecarBroadcastsLate", "PresenceSidecarMessagesLate"] {
        assert_fires(&prometheus, alert).await;
    }
    assert!(!firing(&prometheus).await.contains(&"PresenceSidecarMessagesGivenUp".to_owned()));
    // As after ten attempts.
    harness.database.sql("UPDATE sidecar_queue_jobs SET dead = 1");
    assert_fires(&prometheus, "PresenceSidecarMessagesGivenUp").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_a_lost_log_fire() {
    require!("prometheus");
    let reverb = Reverb::start().await;
    let mut environment = reverb.environment();
    environment.retain(|(name, _)| *name != "REVERB_APP_SECRET");
    environment.push(("REVERB_APP_SECRET", "another-secret".to_owned()));
    environment.push(("PRESENCE__STREAM__MAX", "1".to_owned()));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let server = Server::start_with(&environment, full.into()).await;
    let prometheus = Prometheus::scraping(&format!("http://{}", server.address), &hasty_rules()).await;
    server.client.heartbeat(1).await;
    let _only = server.client.request(Method::GET, "/api/v1/presence/stream").send().await.unwrap();
    for _ in 0..60 {
        assert_eq!(server.client.get("/api/v1/presence/stream").await.status, 503);
    }
    let large = "x".repeat(2 << 20);
    for _ in 0..400 {
        let request = server.client.request(Method::POST, "/api/v1/presence/heartbeat");
        assert_eq!(
            server.client.send(request.header("Content-Type", "application/json").body(large.clone())).await.status,
            413
        );
    }
    std::fs::write(server.config(), "[cach]\nstore = \"redis\"").unwrap();
    server.signal("HUP");
    for alert in [
        "PresenceSidecarBroadcastsGivenUp",
        "PresenceSidecarStreamsRefused",
        "PresenceSidecarRejects",
        "PresenceSidecarReloadRefused",
        "PresenceSidecarLogLost",
    ] {
        assert_fires(&prometheus, alert).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_store_and_unreadable_records_fire() {
    require!("prometheus", "redis-server");
    let redis = RedisServer::start();
    let sidecar = Process::start(&on_redis(&redis));
    let prometheus = Prometheus::scraping(&sidecar.url, &hasty_rules()).await;
    sidecar.client.heartbeat(1).await;
    prometheus.wait_for("presence_sidecar_heartbeats_total == 1").await;
    assert_eq!(firing(&prometheus).await, Vec::<String>::new());
    for _ in 0..10 {
        redis.cli(&["CLIENT", "PAUSE", "200", "ALL"]);
        assert_eq!(sidecar.client.heartbeat(1).await.status, 200);
    }
    redis.cli(&["-n", "1", "SET", "laravel-database-laravel-cache-presence|guard:web|user:7", "{}"]);
    assert_eq!(sidecar.client.get("/api/v1/presence/status/7").await.status, 200);
    assert_fires(&prometheus, "PresenceSidecarHeartbeatsSlow").await;
    assert_fires(&prometheus, "PresenceSidecarUnreadableRecords").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_files_near_their_limit_fire() {
    require!("prometheus", "prlimit");
    let launcher = ["prlimit", "--nofile=128:128"].map(str::to_owned);
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_presence-sidecar"));
    let sidecar = Process::start_under(&launcher, binary, &[]);
    let prometheus = Prometheus::scraping(&sidecar.url, &hasty_rules()).await;
    prometheus.wait_for("process_max_fds == 128").await;
    assert_eq!(firing(&prometheus).await, Vec::<String>::new());
    let address = sidecar.url.strip_prefix("http://").unwrap();
    let mut open = Vec::new();
    while super::metric(&sidecar.client, "process_open_fds").await.unwrap() < 108.0 {
        open.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    assert_fires(&prometheus, "PresenceSidecarOpenFiles").await;
}
