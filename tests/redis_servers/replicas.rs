//! `redis.wait_replicas`: what is answered survives the loss of the master.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{assert_all_beat, changes_by_user, on_cluster, on_sentinels};
use crate::support::{Answer, RedisCluster, RedisServer, SentinelTrio, Sidecar, on_redis};

const PATIENCE: Duration = Duration::from_secs(20);

const WAIT: (&str, &str) = ("PRESENCE__REDIS__WAIT_REPLICAS", "1");

fn waiting(mut environment: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    environment.push((WAIT.0, WAIT.1.to_owned()));
    environment
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_that_no_replica_has_is_503_and_takes_effect_once() {
    require!("redis-server");
    slow!();
    let master = RedisServer::start();
    let port = master.port().to_string();
    let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"]);
    let sidecar = Sidecar::with(&waiting(on_redis(&master))).await;
    assert_all_beat(&sidecar, 1..2, PATIENCE).await;
    let ready = sidecar.client.get("/ready").await;
    assert_eq!(ready.status, 200, "{}", ready.text);
    replica.signal("STOP");
    assert_eq!(sidecar.client.heartbeat(2).await.status, 503);
    // It is stored, but no replica has it yet.
    assert_eq!(sidecar.client.heartbeat(2).await.status, 503);
    assert_names_the_setting(&sidecar.client.get("/ready").await);
    // Behind a commit that waits, it times out: it cannot know what its connection waits for.
    let behind = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        sidecar.client.get("/ready").await
    };
    let (beat, ready) = tokio::join!(sidecar.client.heartbeat(3), behind);
    assert_eq!(beat.status, 503);
    assert_names_the_setting(&ready);
    assert_eq!(sidecar.client.get("/api/v1/presence/status/1").await.json["status"], "online");
    replica.signal("CONT");
    assert_all_beat(&sidecar, 1..4, PATIENCE).await;
    let changes = changes_by_user(&sidecar.client).await;
    assert_eq!((changes["2"].len(), changes["3"].len()), (1, 1), "each is recorded once: {changes:?}");
}

fn assert_names_the_setting(ready: &Answer) {
    let reason = ready.json["reason"].as_str().unwrap_or_default();
    assert!(ready.status == 503 && reason.contains("redis.wait_replicas = 1"), "{}", ready.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_is_503_while_no_replica_has_the_transition_whatever_was_committed_with_it() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(3, 1);
    let mut environment = waiting(on_cluster(&cluster));
    environment
        .extend([("PRESENCE__SERVER__WORKERS", "1".to_owned()), ("PRESENCE__REDIS__TIMEOUT_MS", "600".to_owned())]);
    let sidecar = Sidecar::with(&environment).await;
    assert_all_beat(&sidecar, 1..40, PATIENCE).await;
    (3..6).for_each(|replica| cluster.signal(replica, "STOP"));
    // Users of several shards at once, and then one by one. A refresh writes the record alone, often on another node.
    let beats: Vec<_> = (100..112).map(|user| json!({"user_id": user})).collect();
    assert_eq!(sidecar.client.post("/api/v1/presence/heartbeats", json!(beats)).await.status, 503);
    let mut answers = Vec::new();
    for user in 100..112 {
        answers.push(sidecar.client.heartbeat(user).await.status);
    }
    (3..6).for_each(|replica| cluster.signal(replica, "CONT"));
    assert!(answers.iter().all(|status| *status == 503), "{answers:?}");
    assert_all_beat(&sidecar, 100..112, PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_answered_is_lost_with_the_master_of_sentinels() {
    require!("redis-server");
    slow!();
    let mut trio = SentinelTrio::start();
    let sidecar = Sidecar::with(&waiting(on_sentinels(&trio))).await;
    assert_all_beat(&sidecar, 1..2, PATIENCE).await;
    let client = sidecar.client.clone();
    let load = tokio::spawn(async move {
        let (mut answered, begun) = (Vec::new(), Instant::now());
        for user in 100..20_000 {
            if client.heartbeat(user).await.status == 200 {
                answered.push(user);
            }
            if begun.elapsed() > Duration::from_secs(10) {
                break;
            }
        }
        answered
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    tokio::task::block_in_place(|| trio.kill_master());
    let answered = load.await.unwrap();
    assert_all_beat(&sidecar, 1..2, PATIENCE).await;
    assert_kept(&sidecar, &answered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_answered_is_lost_with_a_master_of_a_cluster() {
    require!("redis-server");
    slow!();
    let mut cluster = RedisCluster::start(3, 1);
    let sidecar = Sidecar::with(&waiting(on_cluster(&cluster))).await;
    assert_all_beat(&sidecar, 1..2, PATIENCE).await;
    let mut answered = Vec::new();
    for user in 100..1_000 {
        if user == 400 {
            cluster.stop(1);
        }
        if sidecar.client.heartbeat(user).await.status == 200 {
            answered.push(user);
        }
    }
    cluster.wait_until_ready();
    assert_all_beat(&sidecar, 1..2, PATIENCE).await;
    assert_kept(&sidecar, &answered).await;
}

/// The change log has each of these users once, and both before and after the loss some were answered.
async fn assert_kept(sidecar: &Sidecar, answered: &[i64]) {
    assert!(answered.len() > 100, "only {} users were answered", answered.len());
    let changes = changes_by_user(&sidecar.client).await;
    let lost: Vec<&i64> = answered.iter().filter(|user| !changes.contains_key(&user.to_string())).collect();
    assert!(lost.is_empty(), "of {} users that were answered, these are lost: {lost:?}", answered.len());
}
