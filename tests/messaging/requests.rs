//! What a request brings is read as PHP reads it, and what is wrong with it told in Laravel's order.

use reqwest::Method;
use serde_json::{Value, json};

use super::ground::{ADMIN, Ground, OPERATOR};
use crate::support::{Answer, Engine};

const PUBLISH: &str = "/api/v1/messages/publish";

async fn publish(ground: &Ground, body: &Value) -> Answer {
    let request = ground.nobody().request(Method::POST, PUBLISH).header("X-Admin-Token", ADMIN);
    ground.nobody().send(request.json(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_publication_is_told_in_laravel_s_order() {
    let ground = Ground::start(Engine::Sqlite).await;
    let answer = publish(&ground, &json!({"to_client_ids": ["nope"]})).await;
    assert_eq!(
        (answer.status, &answer.json["message"]),
        (422, &json!("The type field is required. (and 2 more errors)"))
    );
    let fields: Vec<_> = answer.json["errors"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["type", "payload", "to_client_ids.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_acknowledgement_is_told_as_laravel_tells_it() {
    let ground = Ground::start(Engine::Sqlite).await;
    let device = ground.register("one").await;
    let (integer, least) =
        ("The last received id field must be an integer.", "The last received id field must be at least 1.");
    for (id, sentences) in
        [(json!(false), vec![integer, least]), (json!(1e14), vec![integer]), (json!("0"), vec![least])]
    {
        let answer = device.post("/messages/ack", &json!({"last_received_id": id})).await;
        assert_eq!((answer.status, &answer.json["errors"]["last_received_id"]), (422, &json!(sentences)), "{id}");
    }
    assert_eq!(device.post("/messages/ack", &json!({"last_received_id": "7\u{a0}"})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_trimmed_as_all_texts_are() {
    let ground = Ground::start(Engine::Sqlite).await;
    let device = ground.register("one").await;
    let body = json!({"to_client_ids": [format!(" {}\u{a0}", device.id)], "type": "event", "payload": [1]});
    assert_eq!(publish(&ground, &body).await.json, json!({"queued": 1}));
    assert_eq!(device.messages("").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_php_takes_for_nothing_is_nothing_and_all_else_is_something() {
    let ground = Ground::start(Engine::Sqlite).await;
    let device = ground.register("one").await;
    let clients = |token: &str| {
        ground.nobody().request(Method::GET, "/api/v1/operators/clients").header("X-Operator-Token", token)
    };
    for (token, status) in [("0", 401), ("00", 403), (OPERATOR, 200)] {
        assert_eq!(ground.nobody().send(clients(token)).await.status, status, "{token}");
    }
    let http = ground.nobody().with_token(&device.token);
    for (id, sentence) in [
        (json!(true), "Invalid token"),
        (json!(1.5), "Invalid token"),
        (json!(["x"]), "Invalid token"),
        (json!(7), "Invalid token"),
        (json!(false), "Missing credentials"),
        (json!(0), "Missing credentials"),
        (json!("0"), "Missing credentials"),
        (json!([]), "Missing credentials"),
        (json!(null), "Missing credentials"),
    ] {
        let answer = http.post("/api/v1/messages/ack", json!({"client_id": id, "last_received_id": 1})).await;
        assert_eq!((answer.status, &answer.json["message"]), (401, &json!(sentence)), "{id}");
    }
    for n in 0..2 {
        ground.publish(&[&device], "event", json!({"n": n})).await;
    }
    device.acknowledge(1).await;
    assert_eq!(device.messages("?cursor=0").await.len(), 1, "behind what is acknowledged");
    assert_eq!(device.messages("?cursor[]=0").await.len(), 2, "behind 0");
    assert_eq!(device.messages("?cursor[x][]=1").await.len(), 1);
}
