//! Users, rosters and the change log of 0.1.0.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::fixture::{AWAY_AFTER, Fixture, TTL, Webhooks};
use super::{assert_covers, eventually, list, on_every_store, text};
use crate::support::Client;

/// A transition that time alone has caused since the recording.
#[derive(Debug, PartialEq)]
struct Expiry {
    status: &'static str,
    previous: &'static str,
    at: DateTime<Utc>,
}

fn moment(value: &Value) -> DateTime<Utc> {
    text(value).parse().unwrap()
}

/// What the sweep must record of a user, judging by what 0.1.0 said of the user's sessions.
fn expiries(status: &Value) -> Vec<Expiry> {
    let newest = |online: bool| {
        let sessions = list(&status["sessions"]).iter().filter(|session| !online || session["status"] == "online");
        sessions.map(|session| moment(&session["last_seen_at"])).max()
    };
    let after = |seen: Option<DateTime<Utc>>, seconds| seen.unwrap() + chrono::Duration::seconds(seconds);
    let mut expected = Vec::new();
    if status["status"] == "online" {
        expected.push(Expiry { status: "away", previous: "online", at: after(newest(true), AWAY_AFTER) });
    }
    if status["status"] != "offline" {
        expected.push(Expiry { status: "offline", previous: "away", at: after(newest(false), TTL) });
    }
    expected
}

/// The query that names a scope.
fn query(scope: &Value) -> String {
    let member = |(name, value): (&String, &Value)| match value.as_str() {
        Some(text) => format!("{name}={text}"),
        None => format!("{name}={value}"),
    };
    scope.as_object().unwrap().iter().map(member).collect::<Vec<_>>().join("&")
}

/// A user's id in a path.
fn id(user: &Value) -> String {
    user["user_id"].as_str().map_or_else(|| user["user_id"].to_string(), str::to_owned)
}

async fn get(client: &Client, path: &str) -> Value {
    let answer = client.get(&format!("/api/v1/presence/{path}")).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json
}

/// Waits until the sweep has recorded that all users of the fixture have expired; returns the whole change log, whose
/// beginning is what 0.1.0 recorded.
pub async fn expired(fixture: &Fixture, client: &Client) -> Vec<Value> {
    let count: usize = list(&fixture.expected["users"]).iter().map(|user| expiries(&user["status"]).len()).sum();
    assert!(count > 0, "the fixture has users who expire");
    let recorded = fixture.changes().len();
    eventually("the sweep does not record that users have expired", async || {
        let log = client.changes().await;
        (log.len() >= recorded + count).then_some(log)
    })
    .await
}

async fn users_expire_at_the_times_that_their_sessions_say(fixture: Fixture) {
    let sidecar = fixture.start(Webhooks::down());
    let log = expired(&fixture, &sidecar.client).await;
    let new = &log[fixture.changes().len()..];
    for user in list(&fixture.expected["users"]) {
        let mut seq = fixture.last_seq(&user["user_id"]);
        let mut found = Vec::new();
        for change in new.iter().filter(|change| change["user_id"] == user["user_id"]) {
            assert!(change["seq"].as_u64().unwrap() > seq, "{change}");
            seq = change["seq"].as_u64().unwrap();
            assert_covers(&change["scope"], &user["scope"]);
            assert_eq!((&change["event"], &change["meta"]), (&change["status"], &user["status"]["meta"]));
            found.push((text(&change["status"]), text(&change["previous"]), moment(&change["occurred_at"])));
        }
        let expected = expiries(&user["status"]);
        let expected: Vec<_> = expected.iter().map(|expiry| (expiry.status, expiry.previous, expiry.at)).collect();
        assert_eq!(found, expected, "{user}");
    }
    let total: usize = list(&fixture.expected["users"]).iter().map(|user| expiries(&user["status"]).len()).sum();
    assert_eq!(new.len(), total, "nothing else happened");
}

async fn the_change_log_is_read_from_the_start_and_from_an_old_cursor(fixture: Fixture) {
    let sidecar = fixture.start(Webhooks::down());
    let log = expired(&fixture, &sidecar.client).await;
    let recorded = fixture.changes();
    assert_covers(&log[..recorded.len()].into(), &recorded.into());
    let old = text(&fixture.expected["old_cursor"]);
    let page = get(&sidecar.client, &format!("changes?limit=1000&after={old}")).await;
    let seen = recorded.iter().position(|change| change["cursor"] == old).unwrap() + 1;
    assert!(seen < recorded.len(), "the old cursor is not the last one");
    assert_eq!(list(&page["data"]), &log[seen..]);
    let last = text(&fixture.expected["next_cursor"]);
    let page = get(&sidecar.client, &format!("changes?limit=1000&after={last}")).await;
    assert_eq!(list(&page["data"]), &log[recorded.len()..]);
    let ids: HashSet<&str> = log.iter().map(|change| text(&change["id"])).collect();
    assert_eq!(ids.len(), log.len(), "ids differ");
}

async fn statuses_counts_rosters_and_the_snapshot_are_read(fixture: Fixture) {
    let sidecar = fixture.start(Webhooks::down());
    let log = expired(&fixture, &sidecar.client).await;
    for user in list(&fixture.expected["users"]) {
        let before = &user["status"];
        let now = get(&sidecar.client, &format!("status/{}?{}", id(user), query(&user["scope"]))).await;
        if before["status"] == "offline" {
            assert_covers(&now, before);
        } else {
            let gone = json!({"status": "offline", "last_seen_at": null, "sessions": []});
            assert_covers(&now, &gone);
            assert_eq!(now["last_online_at"], before["last_online_at"], "{user}");
        }
        let body = json!({"user_ids": [user["user_id"]], "scope": user["scope"]});
        let many = sidecar.client.post("/api/v1/presence/many", body).await;
        assert_eq!(many.json[id(user)]["status"], "offline", "{}", many.text);
    }
    for counted in list(&fixture.expected["counts"]) {
        assert!(counted["counts"]["present"].as_u64().unwrap() > 0, "0.1.0 counted users in {}", counted["scope"]);
        let scope = query(&counted["scope"]);
        let counts = get(&sidecar.client, &format!("counts?{scope}")).await;
        assert_eq!(counts, json!({"online": 0, "away": 0, "present": 0}));
        let roster = get(&sidecar.client, &format!("roster?{scope}")).await;
        assert_eq!(roster["data"], json!([]));
    }
    let snapshot = get(&sidecar.client, "snapshot").await;
    assert_eq!((&snapshot["data"], &snapshot["cursor"]), (&json!([]), &log[log.len() - 1]["cursor"]));
}

async fn users_of_0_1_0_come_and_go_with_rising_seq(fixture: Fixture) {
    let sidecar = fixture.start(Webhooks::down());
    let mut seen = expired(&fixture, &sidecar.client).await.len();
    for user in list(&fixture.expected["users"]) {
        let act = async |verb: &str, more: Value| {
            let mut body = json!({"user_id": user["user_id"], "scope": user["scope"]});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let answer = sidecar.client.post(&format!("/api/v1/presence/{verb}"), body).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            answer.json
        };
        let came = act("heartbeat", json!({"meta": {"version": "new"}})).await;
        assert_eq!((&came["status"], &came["transition"]), (&json!("online"), &json!("came_online")), "{came}");
        let scope = query(&user["scope"]);
        let roster = get(&sidecar.client, &format!("roster?{scope}")).await;
        assert_eq!((list(&roster["data"]).len(), &roster["data"][0]["user_id"]), (1, &user["user_id"]), "{roster}");
        assert_eq!(get(&sidecar.client, &format!("counts?{scope}")).await["online"], 1);
        let snapshot = get(&sidecar.client, "snapshot").await;
        assert_eq!(snapshot["data"][0]["user_id"], user["user_id"], "{snapshot}");
        assert_eq!(act("heartbeat", json!({"active": false})).await["status"], "away");
        assert_eq!(get(&sidecar.client, &format!("counts?{scope}")).await["away"], 1);
        assert_eq!(act("offline", json!({})).await["transition"], "went_offline");
        assert_eq!(get(&sidecar.client, &format!("counts?{scope}")).await["present"], 0);
        let log = sidecar.client.changes().await;
        let statuses: Vec<&str> = log[seen..].iter().map(|change| text(&change["status"])).collect();
        assert_eq!(statuses, ["online", "away", "offline"], "{user}");
        let of_user = log.iter().filter(|change| change["user_id"] == user["user_id"]);
        let seqs: Vec<u64> = of_user.map(|change| change["seq"].as_u64().unwrap()).collect();
        assert!(seqs.is_sorted_by(|one, next| one < next), "{user}: {seqs:?}");
        seen = log.len();
    }
}

on_every_store!(
    users_expire_at_the_times_that_their_sessions_say,
    the_change_log_is_read_from_the_start_and_from_an_old_cursor,
    statuses_counts_rosters_and_the_snapshot_are_read,
    users_of_0_1_0_come_and_go_with_rising_seq,
);
