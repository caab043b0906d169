//! The list of a user's entries in the change log: its beginning is in the state, each entry names the one before.

use std::time::Duration;

use presence_sidecar::presence::domain::{Span, Status};

use crate::presence::harness::{START, StoreHarness, after, beat, in_session, offline, online, subject};
use crate::support::RedisServer;

/// What the history of a user tells, newest first: status and meta.
async fn history(harness: &StoreHarness, user: i64) -> Vec<(Status, String)> {
    let changes = harness.store.history(&subject(user).key, 100).await.unwrap();
    changes.into_iter().map(|(_, change)| (change.status, String::from_utf8_lossy(change.meta.json()).into())).collect()
}

/// The key of the only state.
fn state_key(redis: &RedisServer) -> String {
    redis.cli(&["--scan", "--pattern", "*}:state:*"]).trim().to_owned()
}

#[tokio::test]
async fn meta_that_looks_like_the_end_of_a_state_is_none() {
    require!("redis-server");
    let redis = RedisServer::start();
    let harness = StoreHarness::redis(&redis);
    let metas = [
        r#"{"h":"1-1"}"#,
        r#"{"a":1,"h":"1-1"}"#,
        r#"[",\"h\":\"1-1\"}"]"#,
        r#"{"a":{"b":2,"h":"1-1"}}"#,
        r#"{",\"h\":\"1-1\"}":",\"h\":\"1-1\"}"}"#,
    ];
    for (number, meta) in metas.into_iter().enumerate() {
        harness.act(1, online(meta), START).await;
        let newest = history(&harness, 1).await;
        assert_eq!((newest.len(), newest[0].1.as_str()), (number + 1, meta));
    }
    let keys = [subject(1).key];
    let user = harness.store.load(&keys, after(9)).await.unwrap().remove(0);
    assert_eq!(user.state.unwrap().meta.json(), metas[4].as_bytes());
}

#[tokio::test]
async fn state_without_an_end_begins_a_history() {
    require!("redis-server");
    let redis = RedisServer::start();
    let harness = StoreHarness::redis(&redis);
    harness.act(1, beat(true), START).await;
    harness.act(1, beat(false), after(1)).await;
    // As release 0.1.0 writes it.
    let (key, state) = (state_key(&redis), redis.cli(&["GET", &state_key(&redis)]));
    let (without, end) = state.trim().rsplit_once(",\"h\":\"").unwrap();
    assert!(end.ends_with("\"}") && without.ends_with("\"m\":[]"), "{state}");
    redis.cli(&["SET", &key, &format!("{without}}}")]);
    assert_eq!(history(&harness, 1).await, []);
    harness.act(1, beat(true), after(2)).await;
    harness.act(1, offline(), after(3)).await;
    let statuses: Vec<Status> = history(&harness, 1).await.into_iter().map(|(status, _)| status).collect();
    assert_eq!(statuses, [Status::Offline, Status::Online]);
    assert_eq!(harness.changes().await.len(), 4, "the log has all of them");
}

#[tokio::test]
async fn history_ends_at_what_was_trimmed_and_goes_on() {
    require!("redis-server");
    let redis = RedisServer::start();
    let harness = StoreHarness::redis(&redis);
    harness.act(1, online(r#"{"n":1}"#), START).await;
    let now = harness.store.time().await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    harness.act(1, online(r#"{"n":2}"#), after(1)).await;
    harness.store.trim_changes(now.plus(Span::from_duration(Duration::from_millis(2)))).await.unwrap();
    harness.act(1, online(r#"{"n":3}"#), after(2)).await;
    let metas: Vec<String> = history(&harness, 1).await.into_iter().map(|(_, meta)| meta).collect();
    assert_eq!(metas, [r#"{"n":3}"#, r#"{"n":2}"#]);
    // A heartbeat that changes no status keeps the end of the state.
    harness.act(1, in_session("another", true), after(3)).await;
    assert_eq!(history(&harness, 1).await.len(), 2);
}

#[tokio::test]
async fn state_of_another_type_has_no_history() {
    require!("redis-server");
    let redis = RedisServer::start();
    let harness = StoreHarness::redis(&redis);
    harness.act(1, beat(true), START).await;
    let key = state_key(&redis);
    redis.cli(&["DEL", &key]);
    redis.cli(&["RPUSH", &key, "of another program"]);
    assert_eq!(history(&harness, 1).await, []);
}
