//! Redis on more than one machine: a cluster, Sentinels, shards, TLS.

mod cluster;
mod failover;
mod failures;
mod isolation;
mod layout;
mod passwords;
mod replicas;
mod reshard;
mod reshard_safety;
mod sentinel;
mod slots;
mod stories;
mod tls;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Client, RedisCluster, SentinelTrio, Sidecar};

/// The environment of a sidecar on a cluster.
fn on_cluster(cluster: &RedisCluster) -> Vec<(&'static str, String)> {
    vec![("PRESENCE_CACHE_STORE", "redis".to_owned()), ("PRESENCE__REDIS__CLUSTER", cluster.addresses())]
}

/// The environment of a sidecar on the master of Sentinels.
fn on_sentinels(trio: &SentinelTrio) -> Vec<(&'static str, String)> {
    vec![("PRESENCE_CACHE_STORE", "redis".to_owned()), ("PRESENCE__REDIS__SENTINELS", trio.addresses())]
}

/// Sends heartbeats of `users` until all are answered with 200. Other answers must be 503, and end within `patience`.
async fn assert_all_beat(sidecar: &Sidecar, users: std::ops::Range<i64>, patience: Duration) {
    let deadline = Instant::now() + patience;
    let mut left: Vec<i64> = users.collect();
    while !left.is_empty() {
        let mut refused = Vec::new();
        for user in left {
            match sidecar.client.heartbeat(user).await.status {
                200 => {}
                503 => refused.push(user),
                other => panic!("heartbeat of {user}: {other}"),
            }
        }
        assert!(refused.is_empty() || Instant::now() < deadline, "no heartbeats of {refused:?}");
        left = refused;
    }
}

/// The changes of each user, in the order of the log: `seq` and event.
async fn changes_by_user(client: &Client) -> BTreeMap<String, Vec<(u64, String)>> {
    let mut users: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for change in client.changes().await {
        let (seq, event) = (change["seq"].as_u64().unwrap(), change["event"].as_str().unwrap().to_owned());
        users.entry(change["user_id"].to_string()).or_default().push((seq, event));
    }
    for (user, changes) in &users {
        assert!(changes.is_sorted_by(|left, right| left.0 < right.0), "the seq of {user} rises: {changes:?}");
    }
    users
}

async fn offline(client: &Client, user: i64) -> Value {
    let answer = client.post("/api/v1/presence/offline", json!({"user_id": user})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}
