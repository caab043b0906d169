//! A Redis that is full, with noeviction or with another policy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use presence_sidecar::presence::store::redis::Inspection;
use serde_json::json;

use crate::support::{Process, Reaction, Receiver, RedisServer, Sidecar, on_redis};

fn posting_to(redis: &RedisServer, url: &str) -> Vec<(&'static str, String)> {
    let mut environment = on_redis(redis);
    environment.extend([
        ("PRESENCE_DRIVER", "webhook".to_owned()),
        ("PRESENCE_WEBHOOK_URL", url.to_owned()),
        ("PRESENCE_WEBHOOK_SECRET", "secret".to_owned()),
        ("PRESENCE__WEBHOOK__SCHEDULE", "1s,1s,1s,1s,1s,1s,1s,1s,1s".to_owned()),
        ("PRESENCE_TTL", "4".to_owned()),
        ("PRESENCE_AWAY_AFTER", "2".to_owned()),
    ]);
    environment
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_webhooks_are_delivered_and_users_go_offline_while_redis_is_full() {
    require!("redis-server");
    const USERS: usize = 40;
    let is_down = Arc::new(AtomicBool::new(true));
    let down = is_down.clone();
    let react = move |_| Reaction::Answer(if down.load(Ordering::SeqCst) { 503 } else { 200 }, "");
    let (redis, receiver) = (RedisServer::start(), Receiver::reacting(react).await);
    let sidecar = Sidecar::with(&posting_to(&redis, &receiver.url)).await;
    let beats: Vec<_> = (0..USERS).map(|user| json!({"user_id": user})).collect();
    assert_eq!(sidecar.client.post("/api/v1/presence/heartbeats", json!(beats)).await.status, 200);
    redis.cli(&["CONFIG", "SET", "maxmemory", "1mb"]);
    assert_eq!(sidecar.client.heartbeat("late").await.status, 503, "a heartbeat needs memory");
    is_down.store(false, Ordering::SeqCst);
    // Online, away and offline of each user.
    let deadline = Instant::now() + Duration::from_secs(60);
    let taken = |event: &str| {
        let posts = receiver.posts();
        posts.iter().filter(|post| post.taken && post.json()["event"] == event).count()
    };
    while taken("offline") < USERS {
        assert!(Instant::now() < deadline, "delivered: {} online, {} offline", taken("online"), taken("offline"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(taken("online") >= USERS);
    let counts = sidecar.client.get("/api/v1/presence/counts").await.json;
    assert_eq!(counts["present"], 0);
    redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(sidecar.client.heartbeat("late").await.status, 200);
}

#[test]
fn every_policy_but_noeviction_is_a_problem() {
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-ttl", "volatile-random"] {
        let (version, eviction) = ("7.0.15".to_owned(), Some(policy.to_owned()));
        let inspection = Inspection { version, eviction, ..Inspection::default() };
        let problems = inspection.problems();
        assert!(problems.len() == 1 && problems[0].ends_with("set noeviction"), "{policy}: {problems:?}");
    }
    let good = Inspection {
        version: "7.0.15".to_owned(),
        eviction: Some("noeviction".to_owned()),
        append_only: Some("yes".to_owned()),
        ..Inspection::default()
    };
    assert_eq!(good.problems(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn evicted_keys_are_logged_once() {
    require!("redis-server");
    let redis = RedisServer::start_with(&["--maxmemory-policy", "volatile-lru"]);
    let sidecar = Process::start(&on_redis(&redis));
    sidecar.client.heartbeat(1).await;
    let deadline = Instant::now() + Duration::from_secs(45);
    while !sidecar.log().contains("evicts keys") {
        assert!(Instant::now() < deadline, "{}", sidecar.log());
        redis.cli(&[
            "EVAL",
            "for i = 1, 500 do redis.call('SET', 'k' .. i, string.rep('x', 1000), 'EX', 100) end",
            "0",
        ]);
        redis.cli(&["CONFIG", "SET", "maxmemory", "1mb"]);
        redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(sidecar.log().matches("evicts keys").count(), 1);
}
