//! A sidecar on the master that Sentinels name.

use std::time::{Duration, Instant};

use super::{assert_all_beat, changes_by_user, on_sentinels};
use crate::support::{SentinelTrio, Sidecar};

const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_follow_the_master_that_sentinels_name() {
    require!("redis-server");
    slow!();
    let mut trio = SentinelTrio::start();
    let sidecar = Sidecar::with(&on_sentinels(&trio)).await;
    assert_all_beat(&sidecar, 1..11, PATIENCE).await;
    assert_eq!(sidecar.client.get("/ready").await.status, 200);
    // Replication is asynchronous: what a replica does not have yet is lost with the master.
    trio.wait_until_replicated();
    trio.fail_over();
    assert_master_is_used(&trio, &sidecar, 11).await;
    trio.wait_until_replicated();
    trio.kill_master();
    assert_master_is_used(&trio, &sidecar, 12).await;
    assert_all_beat(&sidecar, 1..21, PATIENCE).await;
    let changes = changes_by_user(&sidecar.client).await;
    assert!(changes.len() >= 18, "{changes:?}");
}

/// Within three seconds a heartbeat is written to the master that Sentinels name now.
async fn assert_master_is_used(trio: &SentinelTrio, sidecar: &Sidecar, user: i64) {
    let deadline = Instant::now() + Duration::from_secs(3);
    let key = format!("laravel-database-laravel-cache-presence|guard:web|user:{user}");
    loop {
        let status = sidecar.client.heartbeat(user).await.status;
        assert!(status == 200 || status == 503, "{status}");
        if status == 200 && trio.master().cli(&["-n", "1", "EXISTS", &key]).trim() == "1" {
            return;
        }
        assert!(Instant::now() < deadline, "heartbeats do not reach the new master");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_service_is_named_by_ready() {
    require!("redis-server");
    slow!();
    let trio = SentinelTrio::start();
    let mut environment = on_sentinels(&trio);
    environment.push(("PRESENCE__REDIS__SENTINEL_SERVICE", "other".to_owned()));
    let sidecar = Sidecar::with(&environment).await;
    let ready = sidecar.client.get("/ready").await;
    assert_eq!(ready.status, 503);
    assert!(ready.json["reason"].as_str().unwrap().contains("correct redis.sentinel_service"), "{}", ready.text);
}
