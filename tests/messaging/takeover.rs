//! A database of the reference server is used as it is.

use serde_json::{Value, json};

use super::harness::{Device, Harness};
use crate::support::{TestDatabase, fixture, vectors};

async fn start_on_reference_database() -> (Harness, Value) {
    let database = TestDatabase::of_file(&fixture("vectors/laravel-messaging.sqlite"));
    (Harness::on(database, &[]).await, vectors("laravel-messaging.json"))
}

fn without(list: &Value, name: &str) -> Vec<Value> {
    let stripped = list.as_array().unwrap().iter().cloned().map(|mut item| {
        item.as_object_mut().unwrap().shift_remove(name);
        item
    });
    stripped.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_the_reference_database_keep_their_credentials() {
    let (harness, recorded) = start_on_reference_database().await;
    for client in recorded["clients"].as_array().unwrap() {
        let device = Device::new(&harness.anonymous(), client);
        let polled = device.poll("").await;
        assert_eq!(json!(polled.status), client["poll_status"], "{}", polled.text);
        let messages = polled.json["messages"].as_array().cloned().unwrap_or_default();
        // An addition to the reference server.
        let polled = without(&json!(messages), "from_client_id");
        assert_eq!(polled, without(&client["poll"], "plaintext"));
        for (message, recorded) in messages.iter().zip(client["poll"].as_array().unwrap()) {
            assert_eq!(device.open(message).unwrap(), recorded["plaintext"]);
        }
        if let Some(last) = messages.last() {
            assert_eq!(device.acknowledge(last["id"].as_i64().unwrap()).await.json, json!({"status": "acked"}));
            assert_eq!(device.poll("").await.status, 204);
        }
        let sent = device.post("/messages/send", &device.seal(&json!({"type": "note", "payload": {"x": 1}}))).await;
        assert_eq!((sent.status, sent.json), (200, json!({"status": "accepted"})));
        assert_eq!(device.open(&device.messages("").await[0]).unwrap()["payload"], json!({"x": 1}));

        let again = json!({"fingerprint": client["fingerprint"]});
        let again = harness.anonymous().post("/api/v1/clients/register", again).await;
        assert_eq!((again.status, &again.json["api_token"]), (200, &client["api_token"]));
        let wrong = json!({"client_id": device.id, "api_token": "wrong", "personal_token": device.key});
        let wrong_token = Device::new(&harness.anonymous(), &wrong);
        assert_eq!(wrong_token.poll("").await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_read_the_messages_of_the_reference_database() {
    let (harness, recorded) = start_on_reference_database().await;
    let clients = harness.get_as_operator("/clients").await;
    assert_eq!(
        without(&clients.json["clients"], "status"),
        without(&recorded["operators_clients"]["clients"], "status")
    );
    for (id, messages) in recorded["operator_messages"].as_object().unwrap() {
        let answer = harness.get_as_operator(&format!("/clients/{id}/messages")).await;
        assert!(answer.json == *messages || (answer.status == 204 && *messages == 204), "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn client_without_a_stored_token_is_authenticated_by_its_hash() {
    let (harness, recorded) = start_on_reference_database().await;
    harness.database.sql("UPDATE clients SET api_token_encrypted = NULL");
    let device = Device::new(&harness.anonymous(), &recorded["clients"][1]);
    assert_eq!(device.poll("").await.status, 200);
    assert_eq!(device.poll("").await.status, 200);
    let credentials = json!({"client_id": device.id, "api_token": "wrong", "personal_token": device.key});
    assert_eq!(Device::new(&harness.anonymous(), &credentials).poll("").await.status, 401);
    assert_eq!(device.poll("").await.status, 200);
}
