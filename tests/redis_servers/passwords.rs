//! A password that Redis refuses, and accepts later.

use std::time::Duration;

use super::{assert_all_beat, on_cluster};
use crate::support::{RedisCluster, RedisServer, Sidecar, on_redis};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn sidecar_recovers_when_redis_accepts_its_password() {
    require!("redis-server");
    let redis = RedisServer::start();
    let sidecar = Sidecar::with(&with_password(on_redis(&redis))).await;
    assert_password_is_refused(&sidecar).await;
    redis.cli(&["CONFIG", "SET", "requirepass", "second"]);
    assert_all_beat(&sidecar, 1..2, PATIENCE).await;

    redis.cli(&["-a", "second", "CONFIG", "SET", "requirepass", "third"]);
    redis.cli(&["-a", "third", "CLIENT", "KILL", "TYPE", "normal"]);
    assert_password_is_refused(&sidecar).await;
    redis.cli(&["-a", "third", "CONFIG", "SET", "requirepass", "second"]);
    assert_all_beat(&sidecar, 1..2, PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecar_recovers_when_a_cluster_accepts_its_password() {
    require!("redis-server");
    let cluster = RedisCluster::start(1, 0);
    let sidecar = Sidecar::with(&with_password(on_cluster(&cluster))).await;
    assert_password_is_refused(&sidecar).await;
    cluster.cli(0, &["CONFIG", "SET", "requirepass", "second"]);
    assert_all_beat(&sidecar, 1..2, PATIENCE).await;
}

fn with_password(mut environment: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    environment.push(("REDIS_PASSWORD", "second".to_owned()));
    environment
}

async fn assert_password_is_refused(sidecar: &Sidecar) {
    assert_eq!(sidecar.client.heartbeat(1).await.status, 503);
    let ready = sidecar.client.get("/ready").await;
    assert!(ready.status == 503 && ready.text.contains("correct REDIS_USERNAME and REDIS_PASSWORD"), "{}", ready.text);
}
