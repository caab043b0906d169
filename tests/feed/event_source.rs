//! The stream as browsers need it: errors as events, snapshots, and connections that keep their user online.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::http::tokens::{seconds, token};
use crate::support::{Client, Process, RedisServer, Sidecar, on_redis};

/// An `EventSource` without the part that comes back.
struct EventSource {
    response: reqwest::Response,
    text: String,
}

/// An event: its data, and all fields.
#[derive(Debug)]
struct Event {
    data: Value,
    fields: HashMap<String, String>,
}

impl EventSource {
    async fn open(client: &Client, query: &str) -> Self {
        let request = client.with_token("").request(reqwest::Method::GET, &format!("/api/v1/presence/stream?{query}"));
        let response = request.header("Accept", "text/event-stream").send().await.unwrap();
        assert_eq!(response.status(), 200, "{query}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event with one of these names; `None` when the stream ends.
    async fn next(&mut self, names: &[&str]) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let field =
                    |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
                let fields: HashMap<String, String> = block.lines().filter_map(field).collect();
                self.text = rest.to_owned();
                let name = fields.get("event").cloned().unwrap_or_default();
                if names.contains(&name.as_str()) {
                    return Some(Event { data: serde_json::from_str(&fields["data"]).unwrap(), fields });
                }
            }
            let chunk = timeout(Duration::from_secs(20), self.response.chunk()).await.expect("nothing comes");
            self.text.push_str(std::str::from_utf8(&chunk.ok()??).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn event_source_gets_errors_as_events_with_a_retry() {
    let sidecar = Sidecar::with(&[("PRESENCE__STREAM__MAX_PER_USER", "1".to_owned())]).await;
    let expired = token(1, json!({"exp": seconds(-10)}));
    let good = token(1, json!({"watch": [1]}));
    let mut held = EventSource::open(&sidecar.client, &format!("token={good}&snapshot=1")).await;
    assert!(held.next(&["snapshot"]).await.is_some());
    let other = token(2, json!({"watch": [1]}));
    for (query, status, reason) in [
        (format!("token={expired}"), 401, "token"),
        ("token=".to_owned(), 401, "token"),
        (format!("token={good}"), 429, "too_many"),
        (format!("token={other}&after=999-9.00000000"), 409, "cursor"),
        (format!("token={}", token(3, json!({"scope": {"Tenant": 1}}))), 403, "forbidden"),
    ] {
        let mut source = EventSource::open(&sidecar.client, &query).await;
        let event = source.next(&["refused"]).await.unwrap();
        assert_eq!((&event.data["status"], &event.data["reason"]), (&json!(status), &json!(reason)), "{query}");
        assert_eq!(event.fields["retry"], event.data["retry"].to_string());
        assert_eq!(event.fields.contains_key("id"), reason == "cursor", "an empty id forgets the cursor");
        assert!(source.next(&["refused"]).await.is_none(), "the stream ends");
    }
    // Others get the status, as before.
    let plain = sidecar.client.with_token("").get(&format!("/api/v1/presence/stream?token={expired}")).await;
    assert_eq!(plain.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshot_comes_first_and_misses_nothing() {
    let sidecar = Sidecar::start().await;
    let body = json!({"user_id": 2, "meta": {"page": "/"}, "active": false});
    sidecar.client.post("/api/v1/presence/heartbeat", body).await;
    sidecar.client.heartbeat(9).await;
    let user = token(1, json!({"watch": [2, "three", 4]}));
    let mut source = EventSource::open(&sidecar.client, &format!("token={user}&snapshot=1")).await;
    sidecar.client.heartbeat("three").await;
    let snapshot = source.next(&["snapshot"]).await.unwrap().data;
    let users = snapshot["users"].as_array().unwrap();
    let ids: Vec<&Value> = users.iter().map(|user| &user["user_id"]).collect();
    assert_eq!(ids, [&json!(2), &json!("three"), &json!(4)]);
    assert_eq!((&users[0]["status"], &users[0]["meta"]), (&json!("away"), &json!({"page": "/"})));
    assert_eq!((&users[2]["status"], &users[2]["seq"]), (&json!("offline"), &json!(0)));
    let change = source.next(&["online"]).await.unwrap().data;
    assert_eq!(change["user_id"], "three");
    assert!(change["seq"].as_u64() > users[1]["seq"].as_u64());
}

/// The status of a user, once it is this one.
async fn becomes(client: &Client, user: &str, status: &str) {
    let started = Instant::now();
    while client.get(&format!("/api/v1/presence/status/{user}")).await.json["status"] != status {
        assert!(started.elapsed() < Duration::from_secs(30), "{user} does not become {status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn statuses(client: &Client, user: &str) -> Vec<String> {
    let changes = client.changes().await.into_iter().filter(|change| change["user_id"] == user);
    changes.map(|change| change["status"].as_str().unwrap().to_owned()).collect()
}

/// Users are away after 3 seconds without a sign of life and offline after `ttl`, or 4 after the end of a stream.
async fn sidecar_with_short_times(ttl: u8) -> Sidecar {
    Sidecar::with(&[
        ("PRESENCE_TTL", ttl.to_string()),
        ("PRESENCE_AWAY_AFTER", "3".to_owned()),
        ("PRESENCE__STREAM__GRACE_SECONDS", "4".to_owned()),
    ])
    .await
}

/// The stream of a page of `ada`, who is online then.
async fn open_page(client: &Client) -> EventSource {
    let query = format!("token={}&presence=1", token("ada", json!({"sid": "browser"})));
    let source = EventSource::open(client, &query).await;
    becomes(client, "ada", "online").await;
    source
}

#[tokio::test(flavor = "multi_thread")]
async fn open_stream_keeps_its_user_online() {
    let sidecar = sidecar_with_short_times(5).await;
    let client = &sidecar.client;
    let _source = open_page(client).await;
    // Longer than the TTL, without a POST.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(statuses(client, "ada").await, ["online"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_page_stays_away_whoever_beats() {
    let sidecar = sidecar_with_short_times(5).await;
    let client = &sidecar.client;
    let _source = open_page(client).await;
    let told = json!({"token": token("ada", json!({"sid": "browser"})), "active": false});
    assert_eq!(client.with_token("").post("/presence/heartbeat", told).await.status, 200);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(statuses(client, "ada").await, ["online", "away"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reload_is_no_transition_and_the_end_of_a_stream_ends_the_session_after_the_grace() {
    let sidecar = sidecar_with_short_times(20).await;
    let client = &sidecar.client;
    let source = open_page(client).await;
    drop(source);
    let source = open_page(client).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(statuses(client, "ada").await, ["online"]);
    drop(source);
    becomes(client, "ada", "offline").await;
    let last = client.get("/api/v1/presence/history/ada?limit=1").await.json["data"][0].clone();
    assert_eq!((&last["status"], &last["cause"]), (&json!("offline"), &json!("session_end")));
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_elsewhere_is_not_undone_by_an_open_stream() {
    let environment = [("PRESENCE_TTL", "4".to_owned()), ("PRESENCE_AWAY_AFTER", "2".to_owned())];
    let sidecar = Sidecar::with(&environment).await;
    let client = &sidecar.client;
    let _source = EventSource::open(client, &format!("token={}&presence=1", token("ada", json!({})))).await;
    becomes(client, "ada", "online").await;
    client.post("/api/v1/presence/offline", json!({"user_id": "ada"})).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(statuses(client, "ada").await, ["online", "offline"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_sidecar_says_so_and_puts_no_user_offline() {
    require!("redis-server");
    let redis = RedisServer::start();
    let environment = [on_redis(&redis), vec![("PRESENCE__STREAM__GRACE_SECONDS", "4".to_owned())]].concat();
    let mut first = Process::start(&environment);
    let second = Process::start(&environment);
    let query = format!("token={}&presence=1", token("ada", json!({})));
    let mut source = EventSource::open(&first.client, &query).await;
    becomes(&second.client, "ada", "online").await;
    let ended = tokio::task::spawn_blocking(move || first.terminate());
    let closing = source.next(&["closing"]).await.unwrap();
    assert_eq!(closing.data["reason"], "shutdown");
    assert!(closing.fields["retry"].parse::<u64>().unwrap() <= 3_000);
    assert!(source.next(&["closing"]).await.is_none());
    assert!(ended.await.unwrap().success());
    let _again = EventSource::open(&second.client, &query).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(statuses(&second.client, "ada").await, ["online"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn oldest_event_source_makes_room_for_a_new_one_and_stays_online() {
    let environment = [("PRESENCE__STREAM__MAX", "3".to_owned()), ("PRESENCE__STREAM__GRACE_SECONDS", "4".to_owned())];
    let sidecar = Sidecar::with(&environment).await;
    let client = &sidecar.client;
    let users = ["ada", "bob", "eve", "joe"];
    let query = |user| format!("token={}&snapshot=1&presence=1", token(user, json!({"watch": [user]})));
    // An application, whose client may not come back, is the oldest.
    let application = client.request(reqwest::Method::GET, "/api/v1/presence/stream").send().await.unwrap();
    let mut sources = Vec::new();
    for user in users {
        sources.push(EventSource::open(client, &query(user)).await);
        becomes(client, user, "online").await;
    }
    for (source, is_closed) in sources.iter_mut().zip([true, true, false, false]) {
        assert!(source.next(&["snapshot"]).await.is_some());
        if is_closed {
            let closing = source.next(&["closing"]).await.unwrap();
            assert_eq!(closing.data["reason"], "load");
            assert!((1_000..=60_000).contains(&closing.fields["retry"].parse::<u64>().unwrap()));
            assert!(source.next(&["closing"]).await.is_none());
        }
    }
    let listener = client.with_token(&token(5, json!({"watch": [1]})));
    assert_eq!(listener.get("/api/v1/presence/stream").await.status, 503, "it is no EventSource");
    let metrics = client.get("/metrics").await.text;
    assert!(
        metrics.contains("presence_streams_shed_total 2") && metrics.contains("presence_streams_open 3"),
        "{metrics}"
    );
    tokio::time::sleep(Duration::from_secs(6)).await;
    for user in users {
        assert_eq!(statuses(client, user).await, ["online"], "{user}");
    }
    drop(application);
}

#[tokio::test(flavor = "multi_thread")]
async fn watched_users_are_those_of_the_token_in_its_own_scope() {
    let sidecar = Sidecar::with(&[("PRESENCE__SCOPE__RESOLVER__TENANT", "body,claim:tenant".to_owned())]).await;
    for (user, tenant) in [(1, "acme"), (2, "acme"), (3, "other"), (4, "acme")] {
        let body = json!({"user_id": user, "scope": {"tenant": tenant}});
        sidecar.client.post("/api/v1/presence/heartbeat", body).await;
    }
    let ids = |answer: &Value| -> Vec<(i64, String)> {
        let users = answer["data"].as_array().unwrap().iter();
        users.map(|user| (user["user_id"].as_i64().unwrap(), user["status"].as_str().unwrap().to_owned())).collect()
    };
    let path = "/api/v1/presence/watched";
    let listed = sidecar.client.with_token(&token(9, json!({"tenant": "acme", "watch": [2, 3, 1]})));
    let expected = [(2, "online"), (3, "offline"), (1, "online")].map(|(user, status)| (user, status.to_owned()));
    assert_eq!(ids(&listed.get(path).await.json), expected);
    let page = listed.get(&format!("{path}?limit=2")).await.json;
    assert_eq!((ids(&page), &page["next_cursor"]), (expected[..2].to_vec(), &json!("2")));
    assert_eq!(ids(&listed.get(&format!("{path}?limit=2&cursor=2")).await.json), expected[2..]);
    assert_eq!(ids(&listed.get(&format!("{path}?cursor=9")).await.json), []);

    let claims = json!({"tenant": "acme", "watch": {"scope": true}});
    let scope = sidecar.client.with_token(&token(9, claims.clone()));
    let all = scope.get(path).await.json;
    assert_eq!(ids(&all).iter().map(|(user, _)| *user).collect::<Vec<_>>(), [1, 2, 4]);
    assert_eq!(sidecar.client.with_token("").get(path).await.status, 401);
    assert_eq!(ids(&sidecar.client.with_token(&token(9, json!({}))).get(path).await.json), []);
    for unusable in [json!("all"), json!([1, {}]), json!({"scope": "acme"})] {
        let answer = sidecar.client.with_token(&token(9, json!({"watch": unusable}))).get(path).await;
        assert_eq!((answer.status, &answer.json["message"]), (403, &json!("The token's watch is not usable.")));
    }

    let mut source = EventSource::open(&sidecar.client, &format!("token={}&snapshot=1", token(9, claims))).await;
    let snapshot = source.next(&["snapshot"]).await.unwrap().data;
    assert_eq!((&snapshot["scope"], &snapshot["last"]), (&json!(true), &json!(true)));
    assert_eq!(snapshot["users"].as_array().unwrap().len(), 3);
    for (user, tenant) in [(5, "other"), (6, "acme")] {
        let body = json!({"user_id": user, "scope": {"tenant": tenant}});
        sidecar.client.post("/api/v1/presence/heartbeat", body).await;
    }
    assert_eq!(source.next(&["online"]).await.unwrap().data["user_id"], 6);
}
