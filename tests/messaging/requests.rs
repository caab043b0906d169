//! Requests are parsed as PHP does, and errors have Laravel's sentences and order.

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{ADMIN, Harness, OPERATOR};
use crate::support::{Answer, Engine};

const PUBLISH: &str = "/api/v1/messages/publish";
const REGISTER: &str = "/api/v1/clients/register";

async fn publish(harness: &Harness, body: &Value) -> Answer {
    let request = harness.anonymous().request(Method::POST, PUBLISH).header("X-Admin-Token", ADMIN);
    harness.anonymous().send(request.json(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn publication_errors_have_the_order_of_laravel() {
    let harness = Harness::start(Engine::Sqlite).await;
    let answer = publish(&harness, &json!({"to_client_ids": ["nope"]})).await;
    assert_eq!(
        (answer.status, &answer.json["message"]),
        (422, &json!("The type field is required. (and 2 more errors)"))
    );
    let fields: Vec<_> = answer.json["errors"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["type", "payload", "to_client_ids.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgement_errors_have_the_sentences_of_laravel() {
    let harness = Harness::start(Engine::Sqlite).await;
    let device = harness.register("one").await;
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
async fn recipient_ids_are_trimmed() {
    let harness = Harness::start(Engine::Sqlite).await;
    let device = harness.register("one").await;
    let body = json!({"to_client_ids": [format!(" {}\u{a0}", device.id)], "type": "event", "payload": [1]});
    assert_eq!(publish(&harness, &body).await.json, json!({"queued": 1}));
    assert_eq!(device.messages("").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_ids_and_cursors_are_empty_when_php_considers_them_empty() {
    let harness = Harness::start(Engine::Sqlite).await;
    let device = harness.register("one").await;
    let clients = |token: &str| {
        harness.anonymous().request(Method::GET, "/api/v1/operators/clients").header("X-Operator-Token", token)
    };
    for (token, status) in [("0", 401), ("00", 403), (OPERATOR, 200)] {
        assert_eq!(harness.anonymous().send(clients(token)).await.status, status, "{token}");
    }
    let http = harness.anonymous().with_token(&device.token);
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
        harness.publish(&[&device], "event", json!({"n": n})).await;
    }
    device.acknowledge(1).await;
    assert_eq!(device.messages("?cursor=0").await.len(), 1, "after the acknowledged id");
    assert_eq!(device.messages("?cursor[]=0").await.len(), 2, "after 0");
    assert_eq!(device.messages("?cursor[x][]=1").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn post_with_a_method_override_returns_405_before_any_other_error() {
    let harness = Harness::start(Engine::Sqlite).await;
    let post = |path: &str| harness.anonymous().request(Method::POST, path);
    let body = json!({"fingerprint": "one"});
    let query = format!("{REGISTER}?_method=DELETE");
    for (request, method) in [
        (post(REGISTER).header("X-HTTP-Method-Override", "PUT").json(&body), "PUT"),
        (post(&query).json(&body), "DELETE"),
        (post(&query).json(&json!({"_method": "patch"})), "PATCH"),
        (post(&query).header("X-HTTP-Method-Override", "0").json(&body), "DELETE"),
        (post(PUBLISH).header("X-HTTP-Method-Override", "PUT"), "PUT"),
        // The body is read only for a caller with the token.
        (post(PUBLISH).header("X-Admin-Token", ADMIN).json(&json!({"_method": "PUT"})), "PUT"),
    ] {
        let answer = harness.anonymous().send(request).await;
        assert_eq!((answer.status, &answer.headers["allow"]), (405, &"POST".parse().unwrap()), "{}", answer.text);
        assert!(answer.text.starts_with(&format!("{{\"message\":\"The {method} method is not")), "{}", answer.text);
    }
    for request in [
        post(&query).header("X-HTTP-Method-Override", "post").json(&body),
        post(&query).json(&json!({"fingerprint": "two", "_method": null})),
        post(REGISTER).json(&json!({"fingerprint": "three", "_method": true})),
    ] {
        assert_eq!(harness.anonymous().send(request).await.status, 201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_of_both_types_are_parsed_like_json() {
    let harness = Harness::start(Engine::Sqlite).await;
    let device = harness.register("one").await;
    let id = &device.id;
    let parts = [("to_client_ids[]", id.as_str()), ("type", "event"), ("payload[text]", "Grüße\r\n")];
    let parts =
        parts.map(|(name, text)| format!("--x1\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n"));
    let file = "--x1\r\nContent-Disposition: form-data; name=\"type\"; filename=\"f\"\r\n\r\nnone\r\n";
    let multipart = format!("{}{file}--x1--\r\n", parts.concat());
    let form = format!("to_client_ids[]={id}&type=event&payload[text]=Gr%C3%BC%C3%9Fe%0D%0A");
    for (kind, body, status) in [
        ("multipart/form-data; boundary=x1", &multipart, 200),
        ("Multipart/Form-Data; boundary=\"x1\"", &multipart, 200),
        ("multipart/form-data", &multipart, 422),
        ("multipart/form-data; boundary=other", &multipart, 422),
        ("Application/X-WWW-Form-URLEncoded;charset=utf-8", &form, 200),
        ("application/x-www-form-urlencodedx", &form, 422),
    ] {
        let request = harness.anonymous().request(Method::POST, PUBLISH).header("X-Admin-Token", ADMIN);
        let answer = harness.anonymous().send(request.header("content-type", kind).body(body.clone())).await;
        assert_eq!(answer.status, status, "{kind}: {}", answer.text);
    }
    let messages = device.messages("").await;
    assert_eq!(messages.len(), 3);
    for message in messages {
        assert_eq!(device.open(&message).unwrap()["payload"], json!({"text": "Grüße\r\n"}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_requests_with_invalid_parameters_name_the_error() {
    let harness = Harness::start(Engine::Sqlite).await;
    for limit in ["abc", "0", "1001"] {
        let answer = harness.get_as_operator(&format!("/clients?limit={limit}")).await;
        let sentence = "The limit field must be an integer between 1 and 1000.";
        assert_eq!((answer.status, &answer.json["message"]), (422, &json!(sentence)), "{limit}");
    }
    let unknown = harness.get_as_operator("/clients/%ff/messages").await;
    let sentence = "The route api/v1/operators/clients/%ff/messages could not be found.";
    assert_eq!((unknown.status, &unknown.json["message"]), (404, &json!(sentence)));
}
