//! Keys of the sidecar in Redis that another program has written to.

use presence_sidecar::presence::domain::{Event, Outbox, OutboxQueue, Status};
use presence_sidecar::presence::store::{Committed, Counts};

use super::harness::{START, StoreHarness, after, beat, offline, subject};
use crate::support::{Process, RedisServer, on_redis};

const OWN: &str = "laravel-database-laravel-cache-{presence}:";

/// The log as text.
async fn log(harness: &StoreHarness) -> Vec<String> {
    harness.log().await.into_iter().map(|(user, status)| format!("{user} {}", status.as_str())).collect()
}

#[tokio::test]
async fn key_of_another_type_is_replaced_and_each_user_is_recorded_once() {
    require!("redis-server");
    let queue = OutboxQueue {
        name: "out".to_owned(),
        events: vec![Event::Online, Event::Offline],
        debounce: std::time::Duration::from_secs(60),
    };
    let outbox = Outbox { installation: uuid::Uuid::nil(), queues: vec![queue] };
    let server = RedisServer::start();
    let lane = format!("queue:out:lane:{}", subject(2).key.as_str());
    let rosters = ["online", "away"].map(|status| format!("roster:{status}:{}", subject(1).key.scope()));
    let queue = ["jobs", "ready", "pending", "dead"].map(|part| format!("queue:out:{part}"));
    let keys = ["due".to_owned(), "changes".to_owned(), lane].into_iter().chain(rosters).chain(queue);
    for key in keys {
        server.cli(&["FLUSHALL"]);
        let harness = StoreHarness::redis_into(&server, outbox.clone());
        let found = server.cli(&["EVAL", "return redis.call('SET', KEYS[1], 'x')", "1", &format!("{OWN}{key}")]);
        assert_eq!(found.trim(), "OK");
        let mut commits = Vec::new();
        for user in [1, 2, 3] {
            commits.push(harness.prepare(&subject(user), beat(true), START).await);
        }
        let answers = harness.store.commit(&commits, START).await.unwrap_or_else(|error| panic!("{key}: {error:?}"));
        assert!(answers.iter().all(|answer| *answer == Committed::Done), "{key}: {answers:?}");
        assert_eq!(log(&harness).await, ["1 online", "2 online", "3 online"], "{key}");
        let counts = harness.store.counts(&subject(1).scope.key(true)).await.unwrap();
        assert_eq!(counts, Counts { online: 3, away: 0 }, "{key}");
        let depth = harness.queue.stats("out").await.unwrap();
        assert_eq!(depth.pending, 3, "{key}");
    }
}

#[tokio::test]
async fn value_that_is_not_a_state_is_replaced_by_the_next_commit() {
    require!("redis-server");
    let server = RedisServer::start();
    let key = format!("{OWN}state:{}", subject(1).key.as_str());
    let others = ["", "x", "xyzxyzxyzxyzxyzx{}", "00000000000000FF{}", "+00000000000000f{}", "0000000000000000{}"];
    for other in others {
        server.cli(&["FLUSHALL"]);
        let harness = StoreHarness::redis(&server);
        harness.act(1, beat(true), START).await;
        server.cli(&["SET", &key, other]);
        assert_eq!(harness.commit(&subject(1), beat(true), after(1)).await, Committed::Done, "{other}");
        assert_eq!(harness.view(1, after(2)).await.status, Status::Online);
        assert_eq!(harness.commit(&subject(1), offline(), after(2)).await, Committed::Done, "{other}");
    }
}

#[tokio::test]
async fn state_of_another_type_is_replaced() {
    require!("redis-server");
    let server = RedisServer::start();
    let harness = StoreHarness::redis(&server);
    for user in [1, 2] {
        harness.act(user, beat(true), START).await;
    }
    let steady = [
        harness.prepare(&subject(1), beat(true), after(1)).await,
        harness.prepare(&subject(2), beat(true), after(1)).await,
    ];
    assert!(steady.iter().all(presence_sidecar::presence::store::Commit::is_record_only));
    let key = format!("{OWN}state:{}", subject(1).key.as_str());
    server.cli(&["DEL", &key]);
    server.cli(&["LPUSH", &key, "x"]);
    let answers = harness.store.commit(&steady, after(1)).await.unwrap();
    assert!(matches!(answers[0], Committed::Conflict(_)), "{answers:?}");
    assert_eq!(answers[1], Committed::Done);
    assert_eq!(harness.commit(&subject(1), beat(true), after(2)).await, Committed::Done);
    assert_eq!(harness.view(1, after(3)).await.status, Status::Online);
}

#[tokio::test]
async fn record_of_a_pipeline_that_was_sent_twice_is_unknown() {
    require!("redis-server");
    let server = RedisServer::start();
    let harness = StoreHarness::redis(&server);
    harness.act(1, beat(true), START).await;
    let late = harness.prepare(&subject(1), beat(false), after(1)).await;
    harness.act(1, offline(), after(2)).await;
    server.cli(&["SCRIPT", "FLUSH"]);
    let Committed::Conflict(known) = harness.store.commit(&[late], after(3)).await.unwrap().remove(0) else {
        panic!("the version was another");
    };
    assert_eq!(known.record, presence_sidecar::presence::domain::RecordLookup::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn record_that_cannot_be_read_is_counted_wherever_it_is_read_and_logged_once() {
    require!("redis-server");
    let server = RedisServer::start();
    let sidecar = Process::start(&on_redis(&server));
    let counted = async || {
        let metrics = sidecar.client.get("/metrics").await.text;
        let line = metrics.lines().find(|line| line.starts_with("presence_unreadable_records_total"));
        line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    };
    let key = "laravel-database-laravel-cache-presence|guard:web|user:7";
    server.cli(&["-n", "1", "SET", key, r#"{"last_seen_at":"2026-03-04T05:06:07+00:00","meta":[]}"#]);
    let before: u64 = counted().await;
    let status = sidecar.client.get("/api/v1/presence/status/7").await;
    assert_eq!(status.json["status"], "offline");
    assert_eq!(counted().await, before + 1, "status");
    let many = sidecar.client.post("/api/v1/presence/many", serde_json::json!({"user_ids": [7, 8]})).await;
    assert_eq!(many.json["7"]["status"], "offline");
    assert_eq!(counted().await, before + 2, "many");
    sidecar.client.heartbeat(9).await;
    let key = "laravel-database-laravel-cache-presence|guard:web|user:9";
    server.cli(&["-n", "1", "SET", key, "\"x\""]);
    sidecar.client.get("/api/v1/presence/roster").await;
    sidecar.client.get("/api/v1/presence/snapshot").await;
    assert!(counted().await >= before + 4, "roster and snapshot");
    let log = sidecar.log_with("a value under a presence key").await;
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("a value under a presence key")).collect();
    assert!(lines.len() == 1 && lines[0].contains("\"WARN\"") && lines[0].contains("\"form\":\"json\""), "{lines:?}");
}
