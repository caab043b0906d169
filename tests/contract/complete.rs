//! Each operation documents what readers of Swagger UI and client generators need.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{document, operations, resolved};
use crate::support::Sidecar;

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_has_a_unique_id_a_summary_and_a_tag() {
    let document = document(&Sidecar::start().await).await;
    let mut ids = HashSet::new();
    for operation in operations(&document) {
        assert!(!operation.id().is_empty() && ids.insert(operation.id().to_owned()), "{operation:?}");
        let summary = operation.details["summary"].as_str().unwrap_or_default();
        assert!(!summary.is_empty() && summary.len() < 80 && !summary.contains('\n'), "{operation:?}");
        assert!(operation.details["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{operation:?}");
    }
    let expected = "browser_heartbeat changes counts heartbeat heartbeats many offline online roster status snapshot \
                    stream deliveries replay_delivery replay_deliveries register_client rotate_client publish send poll \
                    acknowledge clients client_messages revoke_client fan_outs replay_fan_outs";
    for id in expected.split(' ') {
        assert!(ids.contains(id), "there is no operation {id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_documents_its_errors() {
    let document = document(&Sidecar::start().await).await;
    for operation in operations(&document) {
        let responses = operation.details["responses"].as_object().unwrap();
        let refusal = if operation.is_of_messaging() { "403" } else { "401" };
        assert!(responses.contains_key("401") || responses.contains_key(refusal), "{operation:?}");
        let open = operation.id() == "register_client";
        assert!(open || !operation.details["security"].as_array().unwrap().is_empty(), "{operation:?}");
        for (status, response) in responses.iter().filter(|(status, _)| *status != "204") {
            let content = &response["content"];
            let schema = match &content["text/event-stream"] {
                Value::Null => &content["application/json"]["schema"],
                events => &events["schema"],
            };
            assert!(!response["description"].as_str().unwrap().is_empty(), "{operation:?}");
            assert!(schema.is_object(), "{status} of {operation:?} has no schema");
            let message = &resolved(&document, schema)["properties"]["message"];
            assert_eq!(message.is_object(), status.starts_with(['4', '5']), "{status} of {operation:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_without_a_token_returns_the_documented_error() {
    let sidecar = Sidecar::with(&[("APP_KEY", "0123456789abcdef0123456789abcdef".to_owned())]).await;
    let (document, anonymous) = (document(&sidecar).await, sidecar.client.with_token(""));
    for operation in operations(&document) {
        let (status, message) = match operation.id() {
            "register_client" => continue,
            "publish" => (403, "Invalid admin token"),
            "clients" | "client_messages" | "revoke_client" | "fan_outs" | "replay_fan_outs" => {
                (401, "Missing operator token")
            }
            _ if operation.is_of_messaging() => (401, "Missing credentials"),
            _ => (401, "Unauthenticated."),
        };
        let method = operation.method.to_uppercase().parse().unwrap();
        let request = anonymous.request(method, &operation.path.replace("{user_id}", "7"));
        let response = anonymous.send(request.json(&json!({"user_id": 7, "user_ids": [7]}))).await;
        assert_eq!((response.status, &response.json), (status, &json!({"message": message})), "{operation:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_parameter_and_property_is_described() {
    let document = document(&Sidecar::start().await).await;
    for operation in operations(&document) {
        for parameter in operation.details["parameters"].as_array().into_iter().flatten() {
            assert!(is_described(parameter), "{parameter} of {}", operation.id());
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (property, part) in schema["properties"].as_object().into_iter().flatten() {
            let referred = part["allOf"].as_array().into_iter().flatten().chain([part]);
            let described = referred.map(|part| resolved(&document, part)).any(is_described) || is_described(part);
            assert!(described, "{name}.{property} has no description");
        }
    }
}

fn is_described(part: &Value) -> bool {
    part["description"].as_str().is_some_and(|text| !text.is_empty())
}
