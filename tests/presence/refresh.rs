//! Refreshes: heartbeats that are in the Laravel record alone.

use presence_sidecar::presence::domain::identity::{Meta, SessionId};
use presence_sidecar::presence::domain::{Input, OutboxPlan, Record, RecordLookup, Status, Timestamp, Transition};
use presence_sidecar::presence::store::{Commit, Committed, StoredUser};
use presence_sidecar::storage::redis::RedisServers;
use serde_json::json;

use super::harness::{START, StoreHarness, after, beat, beat_of, offline, subject};
use super::stories::{Story, store_contract};
use crate::support::{Engine, RedisServer, Sidecar, TestDatabase, on_database, on_redis};

async fn known(harness: &StoreHarness, second: i64) -> StoredUser {
    harness.store.load(&[subject(1).key], after(second)).await.unwrap().remove(0)
}

fn record(known: &StoredUser) -> &Record {
    let RecordLookup::Found(record) = &known.record else { panic!("{known:?}") };
    record
}

async fn conflict(harness: &StoreHarness, commit: Commit, second: i64) -> StoredUser {
    match harness.store.commit(&[commit], after(second)).await.unwrap().remove(0) {
        Committed::Conflict(known) => *known,
        Committed::Done => panic!("the version was another"),
    }
}

/// When what the log says has happened.
async fn times(harness: &StoreHarness) -> Vec<Timestamp> {
    harness.changes().await.iter().map(|(_, change)| change.occurred_at).collect()
}

store_contract! {
    refresh_writes_the_record_and_keeps_the_state(harness) {
        harness.act(1, beat(true), START).await;
        let before = known(&harness, 0).await;
        harness.act(1, beat_of("default", r#"{"page":2}"#), after(60)).await;
        let now = known(&harness, 60).await;
        assert_eq!((now.version, &now.state), (before.version, &before.state));
        assert_eq!((record(&now).last_seen, record(&now).meta.json()), (after(60), br#"{"page":2}"#.as_slice()));
    }

    readers_of_a_state_see_the_refreshes(harness) {
        harness.act(1, beat_of("tab", "[]"), START).await;
        harness.act(1, beat_of("tab", "[1]"), START).await;
        assert_eq!(known(&harness, 0).await.current(START).unwrap().meta.json(), b"[1]", "of the same second");
        harness.act(1, beat_of("tab", "[2]"), after(60)).await;
        let state = known(&harness, 61).await.current(after(61)).unwrap();
        assert_eq!((state.seen(), state.last_online), (Some(after(60)), Some(after(60))));
        assert_eq!((state.meta.json(), state.sessions.len()), (b"[2]".as_slice(), 1));
        let view = harness.view(1, after(61)).await;
        assert_eq!((view.last_seen, view.last_online, view.meta), (state.seen(), state.last_online, state.meta));
        assert_eq!((view.sessions[0].last_seen, view.sessions[0].id.as_str()), (after(60), "tab"));
    }

    sweep_stores_the_refreshes_of_the_record(harness) {
        for second in [0, 30, 60] {
            harness.act(1, beat_of("tab", &format!("[{second}]")), after(second)).await;
        }
        assert_eq!(harness.sweep().step(after(90)).await.unwrap().changes, 0);
        let state = known(&harness, 90).await.state.unwrap();
        assert_eq!((state.seen(), state.last_online), (Some(after(60)), Some(after(60))));
        assert_eq!(state.meta.json(), b"[60]");
        assert_eq!(harness.sweep().step(after(149)).await.unwrap().due, 0);
        harness.sweep().step(after(500)).await.unwrap();
        assert_eq!(times(&harness).await, [START, after(150), after(180)]);
    }

    sweep_uses_a_record_that_is_about_to_expire(harness) {
        let fraction = |second, micros| Timestamp::from_micros(after(second).micros() + micros);
        harness.act(1, beat(true), START).await;
        harness.act(1, beat(true), fraction(60, 900_000)).await;
        harness.sweep().step(fraction(180, 500_000)).await.unwrap();
        assert_eq!(times(&harness).await, [START, after(150), after(180)]);
    }

    refreshes_of_two_replicas_do_not_conflict(harness) {
        harness.act(1, beat(true), START).await;
        let one = harness.prepare(&subject(1), beat(true), after(10)).await;
        let other = harness.prepare(&subject(1), beat(true), after(11)).await;
        assert!(one.is_record_only() && other.is_record_only());
        for commit in [other, one] {
            assert_eq!(harness.store.commit(&[commit], after(11)).await.unwrap(), [Committed::Done]);
        }
    }

    record_only_and_full_commits_share_a_call(harness) {
        for user in [1, 2] {
            harness.act(user, beat(true), START).await;
        }
        let stale_light = harness.prepare(&subject(2), beat(true), after(1)).await;
        let stale_full = harness.prepare(&subject(2), beat(false), after(1)).await;
        harness.act(2, offline(), after(1)).await;
        let light = harness.prepare(&subject(1), beat(true), after(2)).await;
        let full = harness.prepare(&subject(3), beat(true), after(2)).await;
        let committed = harness.store.commit(&[stale_full, light, full, stale_light], after(2)).await.unwrap();
        let [Committed::Conflict(one), Committed::Done, Committed::Done, Committed::Conflict(other)] = &committed[..]
        else { panic!("{committed:?}") };
        for known in [one, other] {
            assert_eq!(known.state.as_ref().unwrap().status, Status::Offline);
        }
        assert_eq!(record(&known(&harness, 3).await).last_seen, after(2));
        assert_eq!(harness.view(3, after(3)).await.last_seen, Some(after(2)));
    }

    heartbeat_after_an_end_in_another_replica_is_a_new_online(harness) {
        harness.act(1, beat(true), START).await;
        let late = harness.prepare(&subject(1), beat(true), after(30)).await;
        harness.act(1, offline(), after(10)).await;
        let StoredUser { version, state, record } = conflict(&harness, late, 30).await;
        let decision = harness.rules().apply(state, record, &subject(1), beat(true), after(30));
        assert_eq!(decision.transition(), Some(Transition::CameOnline));
        let (roster_status, outbox) = (Status::Offline, OutboxPlan::default());
        let commit = Commit { key: subject(1).key, expected: version, roster_status, decision, outbox };
        assert_eq!(harness.store.commit(&[commit], after(30)).await.unwrap(), [Committed::Done]);
        let log: Vec<_> = harness.log().await.into_iter().map(|(_, status)| status).collect();
        assert_eq!(log, [Status::Online, Status::Offline, Status::Online]);
    }

    conflict_returns_the_record_with_earlier_refreshes(harness) {
        harness.act(1, beat(true), START).await;
        let late = harness.prepare(&subject(1), beat(false), START).await;
        harness.act(1, beat_of("tab", "[]"), after(1)).await;
        let meta = Meta::default();
        harness.act(1, Input::Offline { session: Some(SessionId::default()), meta, sent_at: None }, after(2)).await;
        harness.act(1, beat_of("tab", "[]"), after(60)).await;
        let current = conflict(&harness, late, 100).await;
        assert_eq!(current.state.as_ref().unwrap().seen(), Some(after(1)));
        assert_eq!(current.current(after(100)).unwrap().seen(), Some(after(60)));
    }

    second_session_keeps_the_refreshes_of_the_first(harness) {
        harness.act(1, beat_of("desk", "[]"), START).await;
        harness.act(1, beat_of("desk", "[]"), after(50)).await;
        // By the state alone the first one has grown old.
        harness.act(1, beat_of("phone", "[]"), after(100)).await;
        assert_eq!(harness.log().await.len(), 1);
        let state = known(&harness, 100).await.state.unwrap();
        let seen: Vec<_> = state.sessions.iter().map(|session| (session.id.as_str(), session.seen)).collect();
        assert_eq!(seen, [("desk", after(50)), ("phone", after(100))]);
    }
}

/// Everything in both databases, with how long it lives.
fn everything(server: &RedisServer) -> Vec<(i64, String, Vec<u8>, bool)> {
    let mut found = Vec::new();
    for db in [0, 1] {
        let mut connection = server.connect(db);
        let keys: Vec<String> = ::redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
        for key in keys {
            let value: Vec<u8> = ::redis::cmd("DUMP").arg(&key).query(&mut connection).unwrap();
            let left: i64 = ::redis::cmd("PTTL").arg(&key).query(&mut connection).unwrap();
            found.push((db, key, value, left > 0));
        }
    }
    found
}

#[tokio::test]
async fn refresh_writes_one_key_in_redis() {
    require!("redis-server");
    let server = RedisServer::start();
    let harness = StoreHarness::redis(&server);
    harness.act(1, beat(true), START).await;
    let before = everything(&server);
    harness.act(1, beat(true), after(10)).await;
    let (left, touched): (Vec<_>, Vec<_>) = everything(&server).into_iter().partition(|entry| before.contains(entry));
    assert_eq!(left.len() + 1, before.len());
    let [(1, key, _, true)] = touched.as_slice() else { panic!("{touched:?}") };
    assert!(key.ends_with(subject(1).key.as_str()), "{key}");
}

#[tokio::test]
async fn replicas_share_a_refreshed_user() {
    require!("redis-server");
    let redis = RedisServer::start();
    assert_that_replicas_share_a_user(&on_redis(&redis)).await;
}

#[tokio::test]
async fn replicas_on_one_sqlite_file_share_a_refreshed_user() {
    let database = TestDatabase::create(Engine::Sqlite);
    assert_that_replicas_share_a_user(&on_database(&database)).await;
}

async fn assert_that_replicas_share_a_user(environment: &[(&str, String)]) {
    let start = async || Sidecar::with(environment).await;
    let [one, other, third] = [start().await, start().await, start().await];
    let beat = async |sidecar: &Sidecar, number: i32| {
        let body = json!({"user_id": 1, "session": "tab", "meta": {"number": number}});
        sidecar.client.post("/api/v1/presence/heartbeat", body).await.json["transition"].clone()
    };
    assert_eq!(beat(&one, 0).await, "came_online");
    for number in 1..10 {
        assert_eq!(beat(if number % 2 == 0 { &one } else { &other }, number).await, json!(null));
    }
    for path in ["roster", "snapshot"] {
        let user = third.client.get(&format!("/api/v1/presence/{path}")).await.json["data"][0].clone();
        assert_eq!(user["meta"], json!({"number": 9}), "{path}: {user}");
    }
    let status = third.client.get("/api/v1/presence/status/1").await.json;
    assert_eq!((&status["meta"], &status["sessions"][0]["id"]), (&json!({"number": 9}), &json!("tab")));
    for sidecar in [&one, &other] {
        let metrics = sidecar.client.get("/metrics").await.text;
        assert!(metrics.contains("presence_commit_conflicts_total 0"), "{metrics}");
    }
    third.client.post("/api/v1/presence/offline", json!({"user_id": 1})).await;
    assert_eq!(beat(&other, 10).await, "came_online");
    assert_eq!(beat(&one, 11).await, json!(null));
    let events: Vec<_> = third.client.changes().await.into_iter().map(|change| change["event"].clone()).collect();
    assert_eq!(events, ["online", "offline", "online"]);
}
