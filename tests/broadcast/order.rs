//! What arrives, and in which order.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{metric, publishing_to, statuses_of};
use crate::support::{Published, RedisServer, Reverb, Sidecar, on_redis};

#[tokio::test(flavor = "multi_thread")]
async fn change_is_published_on_public_channel_without_meta_and_on_private_channel_with_it() {
    let server = Reverb::start().await;
    let sidecar = publishing_to(&server, &[]).await;
    let body = json!({"user_id": "acme:7", "meta": {"ip": "10.0.0.1"}, "scope": {"tenant": 7}});
    sidecar.client.post("/api/v1/presence/heartbeat", body).await;
    let events = server.wait_until(|events| events.len() == 2).await;
    let change = sidecar.client.changes().await.remove(0);
    let [public, private] = &events[..] else { panic!("{events:?}") };
    assert_eq!(
        (public.channel.as_str(), private.channel.as_str()),
        ("status.global", "private-presence.user.acme=3A7")
    );
    for event in &events {
        assert_eq!(event.name, "presence.updated");
        for member in ["id", "user_id", "seq", "scope", "event", "status"] {
            assert_eq!(event.data[member], change[member], "{member}");
        }
    }
    assert_eq!(public.data["meta"], json!({"status": "online"}));
    assert_eq!(private.data["meta"], json!({"ip": "10.0.0.1", "status": "online"}));
    assert_eq!(server.statuses(), [200]);
    assert!((metric(&sidecar.client, "presence_broadcast_changes_total").await - 1.0).abs() < f64::EPSILON);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_all_kinds_arrive_and_meta_too_large_is_left_out() {
    let server = Reverb::start().await;
    let sidecar = publishing_to(&server, &[]).await;
    let ids = [json!("a:b"), json!("a+b"), json!("a/b"), json!("a b"), json!("Zoë"), json!("日本"), json!(42)];
    for id in &ids {
        // Quotes double within JSON, and again within the JSON of the request.
        let meta = json!({"text": "\"".repeat(3_000), "name": "Ж"});
        let body = json!({"user_id": id, "meta": meta});
        assert_eq!(sidecar.client.post("/api/v1/presence/heartbeat", body).await.status, 200);
    }
    let events = server.wait_until(|events| events.len() == 2 * ids.len()).await;
    for id in &ids {
        assert_eq!(statuses_of(&events, id), ["online"], "{id}");
    }
    for private in events.iter().filter(|event| event.channel != "status.global") {
        assert_eq!(private.data["meta"], json!({"status": "online"}), "{}", private.channel);
    }
    assert!(server.statuses().iter().all(|status| *status == 200), "{:?}", server.statuses());
}

/// The statuses of each user, from the public channel.
fn by_user(events: &[Published]) -> BTreeMap<String, Vec<(u64, Value)>> {
    let mut users: BTreeMap<String, Vec<(u64, Value)>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.channel == "status.global") {
        let change = (event.data["seq"].as_u64().unwrap(), event.data["status"].clone());
        users.entry(event.data["user_id"].to_string()).or_default().push(change);
    }
    users
}

async fn publishes_in_order(environment: &[(&str, String)], server: &Reverb) {
    let (users, rounds) = (200_usize, 5_usize);
    let sidecar = Sidecar::with(environment).await;
    for round in 0..rounds {
        let call = if round % 2 == 0 { "heartbeat" } else { "offline" };
        let path = format!("/api/v1/presence/{call}");
        let calls = (0..users).map(|user| sidecar.client.post(&path, json!({"user_id": user})));
        for answer in futures_util::future::join_all(calls).await {
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
    }
    let events = server.wait_until(|events| events.len() >= 2 * users * rounds).await;
    let seen = by_user(&events);
    assert_eq!(seen.len(), users);
    for (user, changes) in seen {
        assert!(changes.is_sorted_by(|before, after| before.0 < after.0), "{user}: {changes:?}");
        let statuses: Vec<&Value> = changes.iter().map(|(_, status)| status).collect();
        assert_eq!(statuses, ["online", "offline", "online", "offline", "online"], "{user}");
    }
    assert!(server.statuses().iter().all(|status| *status == 200), "{:?}", server.statuses());
    let requests = server.statuses().len();
    assert!(requests < users * rounds / 2, "{requests} requests: changes are batched");
}

#[tokio::test(flavor = "multi_thread")]
async fn thousand_transitions_of_200_users_arrive_in_order_and_none_twice() {
    let server = Reverb::start().await;
    publishes_in_order(&server.environment(), &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thousand_transitions_through_redis_arrive_in_order_and_none_twice() {
    require!("redis-server");
    let (server, redis) = (Reverb::start().await, RedisServer::start());
    let environment = [server.environment(), on_redis(&redis)].concat();
    publishes_in_order(&environment, &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_for_pusher_have_at_most_ten_items() {
    let server = Reverb::start().await;
    let environment = [
        ("PRESENCE__BROADCAST__CONNECTION", "pusher".to_owned()),
        ("PUSHER_APP_ID", crate::support::APP_ID.to_owned()),
        ("PUSHER_APP_KEY", crate::support::APP_KEY.to_owned()),
        ("PUSHER_APP_SECRET", crate::support::APP_SECRET.to_owned()),
        ("PUSHER_HOST", "127.0.0.1".to_owned()),
        ("PUSHER_PORT", server.port.to_string()),
        ("PUSHER_SCHEME", "http".to_owned()),
    ];
    let sidecar = Sidecar::with(&environment).await;
    let users: Vec<Value> = (0..40).map(|user| json!({"user_id": user})).collect();
    sidecar.client.post("/api/v1/presence/heartbeats", json!(users)).await;
    server.wait_until(|events| events.len() == 80).await;
    assert!(server.statuses().len() >= 8, "{:?}", server.statuses());
}
