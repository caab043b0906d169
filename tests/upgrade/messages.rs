//! Clients, messages and queued fan-out of 0.1.0.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fixture::{ADMIN, Fixture, OPERATOR, Webhooks, operate};
use super::{assert_covers, eventually, list, on_every_store, text};
use crate::messaging::Device;
use crate::support::Client;

/// The clients as 0.1.0 registered them, each beside what was recorded of it.
fn devices<'a>(fixture: &'a Fixture, client: &Client) -> Vec<(Device, &'a Value)> {
    let recorded = list(&fixture.expected["messages"]["clients"]);
    recorded.iter().map(|recorded| (Device::new(client, recorded), recorded)).collect()
}

/// Publishes a body under a key.
async fn publish(client: &Client, key: &str, body: String) {
    let request = client.with_token("").request(reqwest::Method::POST, "/api/v1/messages/publish");
    let request = request.header("X-Admin-Token", ADMIN).header("Idempotency-Key", key);
    let answer = client.send(request.header("Content-Type", "application/json").body(body)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Waits until a client's newest message is of this type; returns type and payload of all its messages.
async fn received(device: &Device, newest: &str) -> Vec<(String, Value)> {
    eventually("a message does not arrive", async || {
        let messages = device.messages("?cursor=-1").await;
        let ids: Vec<i64> = messages.iter().map(|message| message["id"].as_i64().unwrap()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
        let opened = messages.iter().map(|message| {
            let plain = device.open(message).expect("a message opens with the client's key");
            (text(&message["type"]).to_owned(), plain["payload"].clone())
        });
        let opened: Vec<_> = opened.collect();
        opened.last().is_some_and(|(kind, _)| kind == newest).then_some(opened)
    })
    .await
}

/// What 0.1.0 stored for a client, and what it had queued for all of them.
fn expected(fixture: &Fixture, recorded: &Value) -> Vec<(String, Value)> {
    let queued = &fixture.expected["messages"]["queued"];
    let stored = list(&recorded["messages"]).iter().map(|message| (&message["type"], &message["payload"]["payload"]));
    let all = stored.chain([(&queued["type"], &queued["payload"])]);
    all.map(|(kind, payload)| (text(kind).to_owned(), payload.clone())).collect()
}

async fn stored_messages_are_read_and_queued_fan_out_completes(fixture: Fixture) {
    assert!(!list(&fixture.expected["fan_outs"]).is_empty(), "0.1.0 left fan-out in the queue");
    let sidecar = fixture.start(Webhooks::down());
    for (device, recorded) in devices(&fixture, &sidecar.client) {
        let all = received(&device, "queued").await;
        assert_eq!(all, expected(&fixture, recorded), "{}", recorded["name"]);
        let acknowledged = recorded["acknowledged"].as_i64().unwrap();
        let behind = device.messages("").await;
        let count = list(&recorded["messages"]).iter().filter(|message| message["id"].as_i64() > Some(acknowledged));
        assert_eq!(behind.len(), count.count() + 1, "a poll begins behind what was acknowledged to 0.1.0");
        let path = format!("/clients/{}/messages", device.id);
        let opened = operate(&sidecar.client, &path).await;
        let before = list(&recorded["messages"]).len();
        assert_covers(&list(&opened["messages"])[..before].into(), &recorded["messages"]);
        let last = behind[behind.len() - 1]["id"].as_i64().unwrap();
        assert_eq!(device.acknowledge(last).await.status, 200);
        assert_eq!(device.poll("").await.status, 204);
    }
    assert_eq!(operate(&sidecar.client, "/fan-outs?state=pending").await["data"], json!([]));
    assert_eq!(operate(&sidecar.client, "/fan-outs?state=dead").await["data"], json!([]));
}

async fn clients_keep_their_credentials_and_get_new_messages(fixture: Fixture) {
    let sidecar = fixture.start(Webhooks::down());
    let devices = devices(&fixture, &sidecar.client);
    for (device, recorded) in &devices {
        let body = json!({"fingerprint": recorded["fingerprint"], "name": recorded["name"]});
        let known = sidecar.client.with_token("").post("/api/v1/clients/register", body).await;
        let same = json!({"client_id": device.id, "personal_token": device.key, "api_token": device.token});
        assert_eq!((known.status, known.json), (200, same), "{}", known.text);
    }
    let clients = operate(&sidecar.client, "/clients").await;
    let names = |clients: &Value| -> BTreeSet<String> {
        list(clients).iter().map(|client| text(&client["name"]).to_owned()).collect()
    };
    assert_eq!(names(&clients["clients"]), names(&fixture.expected["messages"]["clients"]));

    let [(till, _), (kiosk, _), (display, recorded)] = &devices[..] else { panic!("there are three clients") };
    let relayed = json!({"type": "relayed", "to_client_ids": [kiosk.id, display.id], "payload": {"n": 1}});
    assert_eq!(till.post("/messages/send", &till.seal(&relayed)).await.json, json!({"status": "accepted"}));
    let ids = [&till.id, &kiosk.id, &display.id];
    publish(&sidecar.client, "new", json!({"to_client_ids": ids, "type": "new", "payload": {"n": 2}}).to_string())
        .await;
    let all = received(display, "new").await;
    let before = expected(&fixture, recorded);
    assert_eq!(all[..before.len()], before, "what was queued before comes before");
    let new = [("relayed".to_owned(), json!({"n": 1})), ("new".to_owned(), json!({"n": 2}))];
    assert_eq!(all[before.len()..], new);
    assert_eq!(received(kiosk, "new").await[..].iter().filter(|(kind, _)| kind == "relayed").count(), 1);

    let rotated = till.post("/clients/rotate", &json!({})).await;
    assert_eq!(rotated.status, 200, "{}", rotated.text);
    assert_eq!(till.poll("").await.status, 401, "the token of 0.1.0 was replaced");
    assert_eq!(Device::new(&sidecar.client, &rotated.json).poll("?cursor=-1").await.status, 200);
    let request = sidecar
        .client
        .with_token("")
        .request(reqwest::Method::POST, &format!("/api/v1/operators/clients/{}/revoke", kiosk.id));
    let revoked = sidecar.client.send(request.header("X-Operator-Token", OPERATOR)).await;
    assert_eq!((revoked.status, kiosk.poll("").await.status), (200, 401), "{}", revoked.text);
}

async fn what_0_1_0_took_is_not_stored_again(fixture: Fixture) {
    let sidecar = fixture.start(Webhooks::down());
    let recorded = &fixture.expected["messages"];
    let devices = devices(&fixture, &sidecar.client);
    for publication in [&recorded["published"], &recorded["queued"]] {
        publish(&sidecar.client, text(&publication["key"]), text(&publication["body"]).to_owned()).await;
    }
    let sender = devices.iter().find(|(device, _)| device.id == text(&recorded["sent"]["by"])).unwrap();
    let sent = sender.0.post("/messages/send", &recorded["sent"]["body"]).await;
    assert_eq!(sent.json, json!({"status": "accepted"}), "{}", sent.text);
    let ids: Vec<&str> = devices.iter().map(|(device, _)| device.id.as_str()).collect();
    publish(&sidecar.client, "end", json!({"to_client_ids": ids, "type": "end", "payload": {"n": 3}}).to_string())
        .await;
    for (device, recorded) in &devices {
        let mut all = received(device, "end").await;
        all.pop();
        assert_eq!(all, expected(&fixture, recorded), "{}", recorded["name"]);
    }
}

on_every_store!(
    stored_messages_are_read_and_queued_fan_out_completes,
    clients_keep_their_credentials_and_get_new_messages,
    what_0_1_0_took_is_not_stored_again,
);
