//! Masters of a cluster that are killed, frozen or replaced: 503 at worst, and service soon after the election.

use std::time::{Duration, Instant};

use super::{assert_all_beat, changes_by_user, on_cluster};
use crate::support::{RedisCluster, Sidecar};

/// The time for an election, and for service after it.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_go_on_after_a_master_is_killed() {
    require!("redis-server");
    slow!();
    let mut cluster = RedisCluster::start(3, 1);
    let sidecar = Sidecar::with(&on_cluster(&cluster)).await;
    assert_all_beat(&sidecar, 1..61, PATIENCE).await;
    cluster.stop(1);
    let replica = cluster.replica_of(1);
    assert_all_beat(&sidecar, 1..61, PATIENCE).await;
    assert!(cluster.cli(replica, &["ROLE"]).starts_with("master"));
    assert_all_beat(&sidecar, 61..121, Duration::ZERO).await;
    let changes = changes_by_user(&sidecar.client).await;
    assert_eq!(changes.len(), 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_other_nodes_are_served_while_a_master_is_frozen() {
    require!("redis-server");
    slow!();
    // With the default setting, all nodes refuse commands while some slots have no master.
    let cluster = RedisCluster::start_with(3, 0, &["--cluster-require-full-coverage", "no"]);
    let sidecar = Sidecar::with(&on_cluster(&cluster)).await;
    assert_all_beat(&sidecar, 1..61, PATIENCE).await;
    cluster.signal(2, "STOP");
    let mut served = 0;
    for user in 1..61 {
        match sidecar.client.heartbeat(user).await.status {
            200 => served += 1,
            503 => {}
            other => panic!("heartbeat of {user}: {other}"),
        }
    }
    cluster.signal(2, "CONT");
    assert!(served >= 10, "{served} of 60 users were served");
    assert_all_beat(&sidecar, 1..61, PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn planned_failover_loses_nothing() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(3, 1);
    let sidecar = Sidecar::with(&on_cluster(&cluster)).await;
    assert_all_beat(&sidecar, 1..61, PATIENCE).await;
    let before = changes_by_user(&sidecar.client).await;
    cluster.fail_over(0);
    let started = Instant::now();
    assert_all_beat(&sidecar, 1..61, Duration::from_secs(3)).await;
    assert!(started.elapsed() < Duration::from_secs(4));
    assert_eq!(changes_by_user(&sidecar.client).await, before);
}
