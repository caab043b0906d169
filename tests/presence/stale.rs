//! Stale heartbeats: received after the end of their session, and sent before it.

use presence_sidecar::presence::domain::identity::{ScopeKey, SessionId};
use presence_sidecar::presence::domain::{
    DeviceTime, Heartbeat, Input, OutboxPlan, RecordLookup, SessionEnd, State, Status,
};
use presence_sidecar::presence::store::{Commit, Committed, Counts, StoredUser};
use presence_sidecar::storage::redis::RedisServers;
use serde_json::{Value, json};

use super::harness::{START, StoreHarness, after, subject};
use super::model::{beat, end, heartbeat, run, sent, session, statuses, subject as somebody, windows};
use super::stories::{Story, store_contract};
use crate::support::{Engine, Post, Reaction, Receiver, RedisServer, Sidecar, TestDatabase, free_port};

#[test]
fn only_times_of_one_session_are_compared() {
    let ended = run(None, end(0, Some(5_000)), START).state;
    for (input, status) in [
        (sent(0, 4_999), Status::Offline),
        (sent(0, 5_000), Status::Offline),
        (sent(0, 5_001), Status::Online),
        (sent(1, 1), Status::Online),
        (heartbeat(), Status::Online),
    ] {
        assert_eq!(run(ended.clone(), input.clone(), after(1)).status(), status, "{input:?}");
    }
    let again = run(ended, end(0, Some(1)), after(1)).state;
    assert_eq!(run(again.clone(), sent(0, 4_999), after(2)).status(), Status::Offline, "an older end says nothing new");
    let other = run(again, end(1, Some(1)), after(2)).state;
    assert_eq!(run(other, sent(0, 4_999), after(3)).status(), Status::Online, "one session is remembered");
}

#[test]
fn device_whose_clock_was_set_back_is_silenced_for_a_minute_at_most() {
    let ended = run(None, end(0, Some(5_000)), START).state;
    for (second, status) in [(59, Status::Offline), (60, Status::Online)] {
        assert_eq!(run(ended.clone(), sent(0, 4_000), after(second)).status(), status, "after {second} s");
    }
    let back = run(ended, sent(0, 4_000), after(60)).state.unwrap();
    assert_eq!(back.ended, None);
}

#[test]
fn stale_heartbeat_is_no_change() {
    let ended = run(None, end(0, Some(2)), START).state;
    let online = Input::Online(Heartbeat { sent_at: Some(DeviceTime::from_millis(1)), ..beat(0, true) });
    let late = run(ended.clone(), online, after(1));
    assert_eq!((late.changes, late.dirty, late.state), (Vec::new(), false, ended));
}

#[test]
fn timeouts_are_recorded_with_a_stale_heartbeat() {
    let both = run(run(None, sent(0, 1), START).state, sent(1, 1), START).state;
    let left = run(both, end(1, Some(2)), after(1)).state;
    let late = run(left, sent(1, 1), after(60));
    assert_eq!((statuses(&late), late.transition()), (vec![Status::Away, Status::Offline], None));
}

#[test]
fn heartbeat_that_removes_an_end_is_no_refresh_and_the_next_is_one() {
    let ended = run(None, end(0, Some(2)), START).state;
    let back = run(ended, heartbeat(), after(1)).state.unwrap();
    assert_eq!(
        back.ended,
        Some(SessionEnd { session: session(0), sent_at: DeviceTime::from_millis(2), received_at: START })
    );
    assert!(is_refresh(&back, heartbeat()) && !is_refresh(&back, sent(0, 1)) && !is_refresh(&back, sent(0, 3)));
    let forgotten = run(Some(back), sent(0, 3), after(1));
    let state = forgotten.state.unwrap();
    assert_eq!((forgotten.dirty, &state.ended), (true, &None));
    assert!(is_refresh(&state, sent(0, 4)) && is_refresh(&state, heartbeat()));
}

fn is_refresh(state: &State, input: Input) -> bool {
    state.is_refresh(&somebody(), &input, &windows(), after(2))
}

async fn known(harness: &StoreHarness, second: i64) -> StoredUser {
    harness.store.load(&[subject(1).key], after(second)).await.unwrap().remove(0)
}

async fn log(harness: &StoreHarness) -> Vec<Status> {
    harness.log().await.into_iter().map(|(_, status)| status).collect()
}

/// Commits what was prepared before another commit: it is refused, and the rules are applied again.
async fn commit_again(harness: &StoreHarness, stale: Commit, input: Input, second: i64) {
    let now = after(second);
    let Committed::Conflict(current) = harness.store.commit(&[stale], now).await.unwrap().remove(0) else {
        panic!("the version was another");
    };
    let StoredUser { version, state, record } = *current;
    let roster_status = state.as_ref().map_or(Status::Offline, |state| state.status);
    let decision = harness.rules().apply(state, record, &subject(1), input, now);
    let outbox = OutboxPlan::default();
    let commit = Commit { key: subject(1).key, expected: version, roster_status, decision, outbox };
    assert_eq!(harness.store.commit(&[commit], now).await.unwrap(), [Committed::Done]);
}

store_contract! {
    stale_heartbeat_changes_nothing(harness) {
        harness.act(1, sent(0, 1_000), START).await;
        harness.act(1, end(0, Some(2_000)), after(1)).await;
        let before = known(&harness, 1).await;
        for (millis, second) in [(1_999, 1), (2_000, 2), (1_000, 60)] {
            harness.act(1, sent(0, millis), after(second)).await;
        }
        assert_eq!(known(&harness, 60).await, before);
        assert_eq!((before.record, harness.view(1, after(60)).await.status), (RecordLookup::Missing, Status::Offline));
        assert_eq!(harness.store.counts(&scope()).await.unwrap(), Counts::default());
        harness.act(1, sent(0, 2_001), after(61)).await;
        assert_eq!(log(&harness).await, [Status::Online, Status::Offline, Status::Online]);
        assert_eq!(known(&harness, 61).await.state.unwrap().ended, None);
    }

    session_end_before_any_heartbeat_is_kept(harness) {
        harness.act(1, end(0, Some(2)), START).await;
        harness.act(1, sent(0, 1), START).await;
        assert_eq!(harness.view(1, START).await.status, Status::Offline);
        harness.act(1, sent(1, 1), after(1)).await;
        harness.act(1, end(2, Some(2)), after(2)).await;
        harness.act(1, sent(2, 1), after(3)).await;
        let state = known(&harness, 3).await.state.unwrap();
        let sessions: Vec<SessionId> = state.sessions.into_iter().map(|session| session.id).collect();
        assert_eq!((sessions, log(&harness).await), (vec![session(1)], vec![Status::Offline, Status::Online]));
    }

    stale_heartbeat_in_a_replica_without_the_end_leaves_no_record(harness) {
        for (number, active) in [(0, true), (1, false)] {
            let second = i64::from(number);
            let late = Input::Heartbeat(Heartbeat { sent_at: Some(DeviceTime::from_millis(3)), ..beat(number, active) });
            harness.act(1, sent(number, 2), after(second)).await;
            let stale = harness.prepare(&subject(1), late.clone(), after(second)).await;
            assert_eq!(stale.is_record_only(), active, "one is steady, the other is not");
            harness.act(1, end(number, Some(4)), after(second)).await;
            commit_again(&harness, stale, late, second).await;
            let left = known(&harness, second).await;
            assert_eq!((left.record, left.state.unwrap().status), (RecordLookup::Missing, Status::Offline));
        }
        assert_eq!(log(&harness).await, [Status::Online, Status::Offline, Status::Online, Status::Offline]);
    }

    stale_heartbeat_in_a_replica_without_the_end_leaves_the_record_of_other_sessions(harness) {
        harness.act(1, sent(0, 2), START).await;
        let stale = harness.prepare(&subject(1), sent(0, 3), after(2)).await;
        harness.act(1, Input::Heartbeat(beat(1, false)), after(1)).await;
        harness.act(1, end(0, Some(4)), after(1)).await;
        let before = known(&harness, 1).await;
        commit_again(&harness, stale, sent(0, 3), 2).await;
        assert_eq!(known(&harness, 2).await, before);
        assert_eq!(log(&harness).await, [Status::Online, Status::Away]);
    }
}

fn scope() -> ScopeKey {
    subject(1).scope.key(true)
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_heartbeat_is_not_pushed() {
    let port = free_port();
    let sidecar = Sidecar::with(&[
        ("PRESENCE_DRIVER", "webhook".to_owned()),
        ("PRESENCE_WEBHOOK_URL", format!("http://127.0.0.1:{port}/")),
        ("PRESENCE_WEBHOOK_SECRET", "secret".to_owned()),
        ("PRESENCE__WEBHOOK__SEND_ON__HEARTBEAT", "true".to_owned()),
    ])
    .await;
    let receiver = Receiver::on(port, None, |_| Reaction::Answer(204, "")).await;
    let post = async |call: &str, body: Value| {
        sidecar.client.post(&format!("/api/v1/presence/{call}"), body).await;
        while !sidecar.client.get("/api/v1/webhooks/deliveries").await.json["data"].as_array().unwrap().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    post("heartbeat", json!({"user_id": 1, "session": "desk"})).await;
    post("offline", json!({"user_id": 1, "session": "tab", "sent_at": 2})).await;
    post("heartbeat", json!({"user_id": 1, "session": "tab", "sent_at": 1, "meta": {"sent": 1}})).await;
    post("heartbeat", json!({"user_id": 1, "session": "tab", "sent_at": 3, "meta": {"sent": 3}})).await;
    let posts: Vec<Value> = receiver.wait_for(2).await.iter().map(Post::json).collect();
    let told: Vec<_> = posts.iter().map(|post| (&post["event"], &post["meta"]["sent"])).collect();
    assert_eq!(told, [(&json!("online"), &json!(null)), (&json!("heartbeat"), &json!(3))]);
}
