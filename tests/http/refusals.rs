//! Invalid requests get a 4xx response in Laravel's JSON and change nothing.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Sidecar;

const HEARTBEAT: &str = "/api/v1/presence/heartbeat";

#[tokio::test]
async fn invalid_values_are_reported_by_field() {
    let sidecar = Sidecar::start().await;
    let type_sentence = "must be a string or a 64-bit integer.";
    let separator = "must not contain \"|\" or control characters.";
    let long = "x".repeat(256);
    let big = json!({"user_id": 1, "meta": {"text": "x".repeat(8 * 1024)}});
    let cases: Vec<(Value, &str, String)> = vec![
        (json!({}), "user_id", "The user id field is required.".into()),
        (json!({"user_id": null}), "user_id", format!("The user id field {type_sentence}")),
        (json!({"user_id": true}), "user_id", format!("The user id field {type_sentence}")),
        (json!({"user_id": 1.5}), "user_id", format!("The user id field {type_sentence}")),
        (json!({"user_id": 18_446_744_073_709_551_615_u64}), "user_id", format!("The user id field {type_sentence}")),
        (json!({"user_id": []}), "user_id", format!("The user id field {type_sentence}")),
        (json!({"user_id": "a|b"}), "user_id", format!("The user id field {separator}")),
        (json!({"user_id": "a\nb"}), "user_id", format!("The user id field {separator}")),
        (json!({"user_id": "a\u{85}b"}), "user_id", format!("The user id field {separator}")),
        (json!({"user_id": long}), "user_id", "The user id field must not be greater than 255 characters.".into()),
        (json!({"user_id": 1, "scope": {"tenant": "a|b"}}), "scope.tenant", format!("The tenant field {separator}")),
        (json!({"user_id": 1, "scope": {"guard": 1.5}}), "scope.guard", format!("The guard field {type_sentence}")),
        (json!({"user_id": 1, "scope": "acme"}), "scope", "The scope field must be an object.".into()),
        (json!({"user_id": 1, "meta": "text"}), "meta", "The meta field must be an object or an array.".into()),
        (json!({"user_id": 1, "active": 1}), "active", "The active field must be a boolean.".into()),
        (json!({"user_id": 1, "session": 5}), "session", "The session field must be a string.".into()),
        (json!({"user_id": 1, "sent_at": "now"}), "sent_at", "The sent at field must be a 64-bit integer.".into()),
        (json!({"user_id": 1, "sent_at": 1.5}), "sent_at", "The sent at field must be a 64-bit integer.".into()),
        (json!({"user_id": 1, "sent_at": -1e19}), "sent_at", "The sent at field must be a 64-bit integer.".into()),
        (json!({"user_id": 9.3e18}), "user_id", format!("The user id field {type_sentence}")),
        (json!([1, null, null, null, null]), "body", "The body field must be an object.".into()),
        (json!({"user_id": 1, "scope": ["a", null, null, null]}), "scope", "The scope field must be an object.".into()),
        (big, "meta", "The meta field must not be greater than 8 KiB of JSON.".into()),
        (deep(65), "meta", "The meta field must not be nested deeper than 64 levels.".into()),
    ];
    for (body, field, sentence) in cases {
        let response = sidecar.client.post(HEARTBEAT, body.clone()).await;
        assert_eq!(response.status, 422, "{body}: {}", response.text);
        assert_eq!(response.json, json!({"message": sentence, "errors": {field: [sentence]}}), "{body}");
    }
    assert_eq!(sidecar.client.changes().await, Vec::<Value>::new());
    let accepted = sidecar.client.post(HEARTBEAT, deep(64)).await;
    assert_eq!(accepted.status, 200, "{}", accepted.text);
}

/// A heartbeat whose meta is nested; brackets in a string do not count.
fn deep(levels: usize) -> Value {
    let meta = (1..levels).fold(json!(["[[{{"]), |inner, _| json!([inner]));
    json!({"user_id": 1, "meta": meta})
}

#[tokio::test]
async fn one_invalid_item_refuses_the_batch_and_is_named() {
    let sidecar = Sidecar::start().await;
    let response = sidecar.client.post("/api/v1/presence/heartbeats", json!([{"user_id": 1}, {"user_id": {}}])).await;
    assert_eq!((response.status, response.json["errors"]["1.user_id"].is_array()), (422, true), "{}", response.text);
    let many: Vec<_> = (0..1_001).map(|user| json!({"user_id": user})).collect();
    assert_eq!(sidecar.client.post("/api/v1/presence/heartbeats", json!(many)).await.status, 422);
    let ids: Vec<_> = (0..1_001).collect();
    assert_eq!(sidecar.client.post("/api/v1/presence/many", json!({"user_ids": ids})).await.status, 422);
    assert_eq!(sidecar.client.changes().await, Vec::<Value>::new());
}

#[tokio::test]
async fn invalid_parameters_are_reported_by_name() {
    let sidecar = Sidecar::start().await;
    let cases = [
        ("roster?limit=0", "limit", "The limit field must be an integer between 1 and 1000."),
        ("roster?limit=x", "limit", "The limit field must be an integer between 1 and 1000."),
        ("roster?status=offline", "status", "The status field must be online or away."),
        ("changes?after=x", "after", "The after field must be a cursor that the change log gave out."),
        (
            "changes?after=18446744073709551615-18446744073709551615",
            "after",
            "The after field must be a cursor that the change log gave out.",
        ),
        ("counts?tenant=a%7Cb", "tenant", "The tenant field must not contain \"|\" or control characters."),
        ("status/a%7Cb", "user_id", "The user id field must not contain \"|\" or control characters."),
    ];
    for (path, field, sentence) in cases {
        let response = sidecar.client.get(&format!("/api/v1/presence/{path}")).await;
        assert_eq!(response.json, json!({"message": sentence, "errors": {field: [sentence]}}), "{path}");
        assert_eq!(response.status, 422);
    }
}

#[tokio::test]
async fn malformed_json_returns_400_and_another_media_type_415() {
    let sidecar = Sidecar::start().await;
    let send = async |content_type: &str, body: String| {
        let request = sidecar.client.request(Method::POST, HEARTBEAT).header("content-type", content_type).body(body);
        sidecar.client.send(request).await
    };
    let deep = format!("{{\"x\": {}", "[".repeat(100_000));
    for body in ["", "{", "{\"user_id\": 1,}", "{\"user_id\": 1} x", deep.as_str()] {
        let response = send("application/json", body.to_owned()).await;
        assert_eq!(response.status, 400, "{}", response.text);
        assert!(response.json["message"].as_str().unwrap().starts_with("The request body is not valid JSON"));
    }
    let deep_meta = format!("{{\"user_id\": 1, \"meta\": {}{}}}", "[".repeat(3_000), "]".repeat(3_000));
    assert_eq!(send("application/json", deep_meta).await.status, 422);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        assert_eq!(send(kind, "{\"user_id\": 1}".into()).await.status, 415);
    }
    assert_eq!(send("Application/JSON; charset=UTF-8", "{\"user_id\": 1}".into()).await.status, 200);
    assert_eq!(send("application/vnd.api+json", "{\"user_id\": 1}".into()).await.status, 200);
}

#[tokio::test]
async fn body_of_64_mib_returns_413_to_its_sender() {
    let sidecar = Sidecar::start().await;
    let body = vec![b' '; 64 * 1024 * 1024];
    let request = sidecar.client.request(Method::POST, HEARTBEAT).header("content-type", "application/json");
    let response = sidecar.client.send(request.body(body)).await;
    assert_eq!((response.status, response.json), (413, json!({"message": "The POST data is too large."})));
    assert_eq!(sidecar.client.heartbeat(1).await.status, 200);
}

#[tokio::test]
async fn unknown_routes_and_methods_return_laravels_errors() {
    let sidecar = Sidecar::start().await;
    let nothing = sidecar.client.get("/nothing/here").await;
    assert_eq!((nothing.status, nothing.json), (404, json!({"message": "The route nothing/here could not be found."})));
    let get = sidecar.client.get("/presence/heartbeat").await;
    let sentence = "The GET method is not supported for route presence/heartbeat. Supported methods: POST.";
    assert_eq!((get.status, &get.json["message"]), (405, &json!(sentence)));
    assert_eq!(get.headers["allow"], "POST");
    let put = sidecar.client.send(sidecar.client.request(Method::PUT, "/up")).await;
    assert_eq!((put.status, put.headers["allow"].to_str().unwrap()), (405, "GET, HEAD"));
}

#[tokio::test]
async fn every_response_has_a_request_id_and_a_valid_one_is_kept() {
    let sidecar = Sidecar::start().await;
    let own = sidecar.client.get("/up").await.headers["x-request-id"].clone();
    assert_eq!(own.len(), 36);
    for (sent, kept) in [("trace-1.a_b", true), ("bad id", false), (&"x".repeat(129), false)] {
        let request = sidecar.client.request(Method::GET, "/nothing").header("x-request-id", sent);
        let response = sidecar.client.send(request).await;
        assert_eq!(response.headers["x-request-id"] == sent, kept, "{sent}");
    }
}
