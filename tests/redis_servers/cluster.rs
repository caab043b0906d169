//! A sidecar on a Redis Cluster: its operations, and the keys that it uses.

use std::time::Duration;

use serde_json::json;

use super::{assert_all_beat, changes_by_user, offline, on_cluster};
use crate::support::{RedisCluster, Sidecar};

const RECORD: &str = "laravel-database-laravel-cache-presence|guard:web|user:";

#[tokio::test(flavor = "multi_thread")]
async fn operations_work_on_a_cluster() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(3, 0);
    let sidecar = Sidecar::with(&on_cluster(&cluster)).await;
    assert_all_beat(&sidecar, 1..41, Duration::from_secs(5)).await;
    assert_all_beat(&sidecar, 1..41, Duration::ZERO).await;
    let client = &sidecar.client;
    assert_eq!(offline(client, 7).await["status"], "offline");
    assert_eq!(client.get("/api/v1/presence/counts").await.json["present"], 39);
    let ids: Vec<i64> = (1..=41).collect();
    let many = client.post("/api/v1/presence/many", json!({"user_ids": ids})).await.json;
    for user in 1..=41 {
        let expected = if user == 7 || user == 41 { "offline" } else { "online" };
        assert_eq!(many[user.to_string()]["status"], expected, "{user}: {many}");
        let status = client.get(&format!("/api/v1/presence/status/{user}")).await.json;
        assert_eq!(status["status"], expected, "{user}: {status}");
    }
    let changes = changes_by_user(client).await;
    assert_eq!(changes.len(), 40);
    assert_eq!(changes["7"].iter().map(|(_, event)| event.as_str()).collect::<Vec<_>>(), ["online", "offline"]);
    assert_eq!(client.get("/ready").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn roster_and_snapshot_have_all_pages_on_a_cluster() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(3, 0);
    let sidecar = Sidecar::with(&on_cluster(&cluster)).await;
    assert_all_beat(&sidecar, 100..200, Duration::from_secs(5)).await;
    let client = &sidecar.client;
    let mut roster = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("/api/v1/presence/roster?limit=30{cursor}")).await.json;
        roster.extend(page["data"].as_array().unwrap().iter().map(|user| user["user_id"].as_i64().unwrap()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(roster, (100..200).collect::<Vec<_>>());
    let mut snapshot = Vec::new();
    let mut page = String::new();
    loop {
        let answer = client.get(&format!("/api/v1/presence/snapshot?limit=30{page}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(answer.json["cursor"].as_str().unwrap().len() < 400);
        snapshot.extend(answer.json["data"].as_array().unwrap().iter().map(|user| user["user_id"].as_i64().unwrap()));
        match answer.json["next_page"].as_str() {
            Some(next) => page = format!("&page={next}"),
            None => break,
        }
    }
    snapshot.sort_unstable();
    assert_eq!(snapshot, (100..200).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_where_laravel_puts_them_and_states_in_shards() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(3, 0);
    let sidecar = Sidecar::with(&on_cluster(&cluster)).await;
    assert_all_beat(&sidecar, 1..31, Duration::from_secs(5)).await;
    let mut owners = [0; 3];
    for user in 1..31 {
        let key = format!("{RECORD}{user}");
        let value = cluster.cli_at(&key, &["GET", &key]);
        assert!(value.starts_with("a:2:{s:12:\"last_seen_at\""), "{user}: {value}");
        owners[cluster.owner(&key)] += 1;
    }
    assert!(owners.iter().all(|count| *count > 0), "{owners:?}");
    let own: Vec<String> = (0..3)
        .flat_map(|node| cluster.cli(node, &["KEYS", "*:state:*"]).lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|key| !key.is_empty())
        .collect();
    assert_eq!(own.len(), 30);
    assert!(own.iter().all(|key| key.contains("{presence:")), "{own:?}");
    // What PHP wrote is read, too.
    let key = format!("{RECORD}99");
    let value = cluster.cli_at(&format!("{RECORD}1"), &["GET", &format!("{RECORD}1")]);
    cluster.cli_at(&key, &["SETEX", &key, "60", value.trim_end()]);
    let status = sidecar.client.get("/api/v1/presence/status/99").await.json;
    assert_eq!(status["status"], "online", "{status}");
    offline(&sidecar.client, 99).await;
    assert_eq!(cluster.cli_at(&key, &["EXISTS", &key]).trim(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_of_one_node_and_one_shard_is_served() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(1, 0);
    let mut environment = on_cluster(&cluster);
    environment.push(("PRESENCE__REDIS__SHARDS", "1".to_owned()));
    let sidecar = Sidecar::with(&environment).await;
    assert_all_beat(&sidecar, 1..6, Duration::from_secs(5)).await;
    let states = cluster.cli(0, &["KEYS", "*{presence}:state:*"]);
    assert_eq!(states.lines().filter(|line| !line.is_empty()).count(), 5, "{states}");
    assert_eq!(sidecar.client.changes().await.len(), 5);
}

/// A number of a section of `INFO`, of all nodes together.
fn total(cluster: &RedisCluster, nodes: usize, section: &str, name: &str) -> u64 {
    let number = |node: usize| {
        let info = cluster.cli(node, &["INFO", section]);
        let (_, rest) = info.split_once(name)?;
        rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse::<u64>().ok()
    };
    (0..nodes).filter_map(number).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_are_loaded_a_few_times() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(1, 0);
    let sidecar = Sidecar::with(&on_cluster(&cluster)).await;
    assert_all_beat(&sidecar, 1..41, Duration::from_secs(5)).await;
    assert_eq!(sidecar.client.get("/ready").await.status, 200);
    // Rights are checked by a script that no node knows, once in each of 16 shards. Asking again until the timeout was 80,000.
    let loads = total(&cluster, 1, "commandstats", "cmdstat_script|load:calls=");
    assert!((1..2_000).contains(&loads), "{loads}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refreshes_of_many_users_are_a_few_pipelines() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(3, 0);
    let sidecar = Sidecar::with(&on_cluster(&cluster)).await;
    let beats: Vec<_> = (0..100).map(|user| json!({"user_id": user})).collect();
    let mut least = u64::MAX;
    for _ in 0..8 {
        let before = total(&cluster, 3, "stats", "total_reads_processed:");
        let answer = sidecar.client.post("/api/v1/presence/heartbeats", json!(beats)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        least = least.min(total(&cluster, 3, "stats", "total_reads_processed:") - before);
    }
    // The states and the records of a user are on any two of three nodes: 9 groups, each in one or two batches. Some reads
    // are of other tasks.
    assert!(least <= 30, "{least} reads");
}

#[tokio::test(flavor = "multi_thread")]
async fn node_of_a_cluster_without_redis_cluster_is_named_by_ready() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(1, 0);
    let port = cluster.addresses().rsplit_once(':').unwrap().1.to_owned();
    let environment = [("PRESENCE_CACHE_STORE", "redis".to_owned()), ("REDIS_PORT", port)];
    let sidecar = Sidecar::with(&environment).await;
    let ready = sidecar.client.get("/ready").await;
    assert_eq!(ready.status, 503);
    assert!(ready.json["reason"].as_str().unwrap().contains("set redis.cluster"), "{}", ready.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn database_that_a_cluster_does_not_have_is_named_by_ready() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(1, 0);
    let mut environment = on_cluster(&cluster);
    environment.push(("REDIS_CACHE_DB", "1".to_owned()));
    let sidecar = Sidecar::with(&environment).await;
    let ready = sidecar.client.get("/ready").await;
    assert_eq!(ready.status, 503);
    assert!(ready.json["reason"].as_str().unwrap().contains("redis.cache_db"), "{}", ready.text);
}
