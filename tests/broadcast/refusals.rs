//! Requests that the server refuses.

use std::time::Duration;

use serde_json::{Value, json};

use super::publishing_to;
use crate::support::{Client, Reverb};

async fn dead_letters(client: &Client, count: usize) -> Vec<Value> {
    let found = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let answer = client.get("/api/v1/webhooks/deliveries?state=dead&endpoint=broadcast").await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let dead = answer.json["data"].as_array().unwrap().clone();
            if dead.len() >= count {
                return dead;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("there are fewer than {count} dead letters"))
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_secret_and_unknown_application_become_dead_letters_that_say_why() {
    for (name, value, last) in [
        ("REVERB_APP_SECRET", "another-secret", "HTTP 401: Authentication signature invalid."),
        ("REVERB_APP_ID", "nope", "HTTP 404: No matching application for ID [nope]."),
    ] {
        let server = Reverb::start().await;
        let sidecar = publishing_to(&server, &[(name, value)]).await;
        sidecar.client.heartbeat("ada").await;
        let dead = dead_letters(&sidecar.client, 1).await;
        assert_eq!(dead[0]["last"], last);
        assert_eq!((&dead[0]["endpoint"], &dead[0]["user_id"]), (&json!("broadcast"), &json!("ada")));
        assert_eq!(server.statuses().len(), 1, "it is not retried");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn change_larger_than_the_server_takes_does_not_take_others_with_it() {
    let server = Reverb::start().await;
    // The server takes 10,000 bytes, whatever the sidecar believes.
    let sidecar = publishing_to(&server, &[("PRESENCE__BROADCAST__MAX_BYTES", "50000")]).await;
    let mut users: Vec<Value> = (0..20).map(|user| json!({"user_id": user})).collect();
    users.insert(7, json!({"user_id": "large", "meta": {"text": "\"".repeat(3_000)}}));
    sidecar.client.post("/api/v1/presence/heartbeats", json!(users)).await;
    let dead = dead_letters(&sidecar.client, 1).await;
    assert_eq!(dead[0]["user_id"], "large");
    assert_eq!(dead[0]["last"], "HTTP 413: Payload too large.");
    server.wait_until(|events| events.len() == 40).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn change_on_more_channels_than_fit_into_a_request_arrives_on_all() {
    let server = Reverb::start().await;
    let channels: Vec<String> =
        (0..60).map(|number| format!("status.of.a.department.with.a.long.name.{number:02}")).collect();
    let sidecar = publishing_to(&server, &[("PRESENCE__BROADCAST__CHANNELS__PUBLIC", &channels.join(","))]).await;
    for user in ["ada", "grace"] {
        sidecar.client.heartbeat(user).await;
    }
    let events = server.wait_until(|events| events.len() == 2 * 61).await;
    for channel in &channels {
        assert_eq!(events.iter().filter(|event| event.channel == *channel).count(), 2, "{channel}");
    }
    assert!(server.statuses().iter().all(|status| *status == 200), "{:?}", server.statuses());
}
