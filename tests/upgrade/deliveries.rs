//! Webhooks that 0.1.0 had not delivered.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::fixture::{Fixture, Webhooks};
use super::presence::expired;
use super::{assert_covers, eventually, list, on_every_store, text};
use crate::support::{Client, Post, Reaction, Receiver};

async fn deliveries(client: &Client, state: &str) -> Vec<Value> {
    let answer = client.get(&format!("/api/v1/webhooks/deliveries?limit=1000&state={state}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    list(&answer.json["data"]).to_vec()
}

/// Those of `deliveries` whose ids are in `recorded`, in its order.
fn those_of(recorded: &Value, deliveries: &[Value]) -> Vec<Value> {
    let find = |job: &Value| deliveries.iter().find(|now| now["id"] == job["id"]).cloned();
    list(recorded).iter().filter_map(find).collect()
}

/// A recorded list without what every further try changes.
fn without_tries(recorded: &Value) -> Value {
    let mut jobs = recorded.clone();
    for job in jobs.as_array_mut().unwrap() {
        job.as_object_mut().unwrap().retain(|name, _| !["tries", "last", "next_try_at"].contains(&name.as_str()));
    }
    jobs
}

async fn deliveries_and_dead_letters_keep_their_ids(fixture: Fixture) {
    let sidecar = fixture.start(Webhooks::down());
    let new = expired(&fixture, &sidecar.client).await.len() - fixture.changes().len();
    let (pending, dead) = (deliveries(&sidecar.client, "pending").await, deliveries(&sidecar.client, "dead").await);
    let recorded = &fixture.expected["pending"];
    assert_covers(&those_of(recorded, &pending).into(), &without_tries(recorded));
    let at_default = pending.iter().filter(|job| job["endpoint"] == "default").count();
    let before = list(recorded).iter().filter(|job| job["endpoint"] == "default").count();
    assert_eq!(at_default, before + new, "what has expired waits, too");
    assert_covers(&dead.into(), &fixture.expected["dead"]);
    for state in ["pending", "dead"] {
        let recorded = list(&fixture.expected[state]).iter();
        let ids: Vec<&str> = recorded.clone().map(|job| text(&job["id"]).split_once('@').unwrap().0).collect();
        assert!(!ids.is_empty(), "the fixture has {state} deliveries");
        assert!(ids.iter().all(|id| fixture.changes().iter().any(|change| change["id"] == *id)), "{state}: {ids:?}");
    }
}

/// Name, such as `id@endpoint`, and body of a post.
fn named(post: &Post) -> (String, Value) {
    let body = post.json();
    (format!("{}@{}", text(&body["id"]), post.target.trim_start_matches('/')), body)
}

async fn deliveries_arrive_in_order_and_a_dead_letter_is_replayed(fixture: Fixture) {
    let receiver = Receiver::start().await;
    let sidecar = fixture.start(Webhooks::to(&receiver.url));
    let log = expired(&fixture, &sidecar.client).await;
    let returned = json!({"user_id": 42, "meta": {"version": "new"}});
    let came = sidecar.client.post("/api/v1/presence/heartbeat", returned).await;
    assert_eq!(came.json["transition"], "came_online", "{}", came.text);
    let dead = text(&fixture.expected["dead"][0]["id"]).to_owned();
    let replayed = sidecar.client.post(&format!("/api/v1/webhooks/deliveries/{dead}/replay"), json!({})).await;
    assert_eq!(replayed.json, json!({"replayed": 1}), "{}", replayed.text);
    eventually("deliveries are pending", async || {
        deliveries(&sidecar.client, "pending").await.is_empty().then_some(())
    })
    .await;
    assert_eq!(deliveries(&sidecar.client, "dead").await, Vec::<Value>::new());

    let changes: HashMap<String, Value> =
        sidecar.client.changes().await.into_iter().map(|change| (text(&change["id"]).to_owned(), change)).collect();
    let posts: Vec<(String, Value)> = receiver.posts().iter().map(named).collect();
    let names: HashSet<&str> = posts.iter().map(|(name, _)| name.as_str()).collect();
    let waiting = list(&fixture.expected["pending"]).iter().map(|job| text(&job["id"])).chain([dead.as_str()]);
    assert_eq!(waiting.filter(|name| !names.contains(name)).collect::<Vec<_>>(), Vec::<&str>::new());
    let new = log[fixture.changes().len()..].iter().map(|change| format!("{}@default", text(&change["id"])));
    assert_eq!(new.filter(|name| !names.contains(name.as_str())).collect::<Vec<_>>(), Vec::<String>::new());
    assert!(posts.iter().any(|(_, body)| body["user_id"] == 42 && body["meta"]["version"] == "new"));

    let mut last: HashMap<(String, String), u64> = HashMap::new();
    for (name, body) in &posts {
        let change = &changes[text(&body["id"])];
        for member in ["user_id", "seq", "event", "status", "scope"] {
            assert_eq!(body[member], change[member], "{body}");
        }
        if *name != dead {
            let lane = (name.split_once('@').unwrap().1.to_owned(), body["user_id"].to_string());
            let seq = body["seq"].as_u64().unwrap();
            let before = last.insert(lane, seq).unwrap_or(0);
            assert!(seq > before, "{name} came after {before}");
        }
    }
}

async fn an_offline_that_is_held_is_retracted_when_its_user_is_back(fixture: Fixture) {
    fixture.hold_again();
    let sidecar = fixture.start(Webhooks { debounce: 3600, ..Webhooks::down() });
    let events = async || {
        let pending = deliveries(&sidecar.client, "pending").await;
        let of_user = pending.iter().filter(|job| job["user_id"] == 5);
        of_user.map(|job| format!("{} {}", text(&job["endpoint"]), text(&job["event"]))).collect::<Vec<_>>()
    };
    assert_eq!(events().await, ["default online", "default offline", "crm online", "crm offline"]);
    let body = json!({"user_id": 5, "scope": {"tenant": "acme", "location": "berlin"}});
    let back = sidecar.client.post("/api/v1/presence/heartbeat", body).await;
    assert_eq!(back.json["transition"], "came_online", "{}", back.text);
    assert_eq!(events().await, ["default online", "crm online"], "on the whole nothing has changed");
}

async fn deliveries_that_waited_for_too_long_are_dead_letters_and_can_be_replayed(fixture: Fixture) {
    let down = Webhooks { patient: false, ..Webhooks::down() };
    let sidecar = fixture.start(down);
    let recorded = &fixture.expected["pending"];
    eventually("deliveries from the time of the recording are still tried", async || {
        let dead = deliveries(&sidecar.client, "dead").await;
        (those_of(recorded, &dead).len() == list(recorded).len()).then_some(())
    })
    .await;
    let receiver = Receiver::on(down.port, None, |_| Reaction::Answer(204, "")).await;
    let replayed = sidecar.client.post("/api/v1/webhooks/deliveries/replay", json!({})).await;
    assert!(replayed.json["replayed"].as_u64().unwrap() >= list(recorded).len() as u64, "{}", replayed.text);
    eventually("what is replayed does not arrive", async || {
        let names: HashSet<String> = receiver.posts().iter().map(|post| named(post).0).collect();
        list(recorded).iter().all(|job| names.contains(text(&job["id"]))).then_some(())
    })
    .await;
}

on_every_store!(
    deliveries_and_dead_letters_keep_their_ids,
    deliveries_arrive_in_order_and_a_dead_letter_is_replayed,
    an_offline_that_is_held_is_retracted_when_its_user_is_back,
    deliveries_that_waited_for_too_long_are_dead_letters_and_can_be_replayed,
);
