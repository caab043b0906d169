//! A sidecar accepts the examples of the document.

use serde_json::{Map, Value};

use super::{Operation, document, operations, resolved, user_token};
use crate::support::Sidecar;

/// An example of a schema: its own, or one built from the examples of its parts, as Swagger UI does.
fn example(document: &Value, schema: &Value) -> Option<Value> {
    let schema = resolved(document, schema);
    if !schema["example"].is_null() {
        return Some(schema["example"].clone());
    }
    let of_part = |part: &Value| example(document, part);
    match schema["type"].as_str() {
        Some("object") => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            let given = properties.filter_map(|(name, part)| Some((name.clone(), of_part(part)?)));
            Some(Value::Object(given.collect::<Map<_, _>>()))
        }
        Some("array") => Some(Value::Array(of_part(&schema["items"]).into_iter().collect())),
        Some("boolean") => Some(Value::Bool(true)),
        _ => ["oneOf", "anyOf", "allOf"].iter().find_map(|list| schema[list].as_array()?.iter().find_map(of_part)),
    }
}

/// The example of an operation's body.
fn body(document: &Value, operation: Operation<'_>) -> Option<Value> {
    let content = &operation.details["requestBody"]["content"]["application/json"];
    match &content["example"] {
        Value::Null if content.is_null() => None,
        Value::Null => example(document, &content["schema"]),
        example => Some(example.clone()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn example_of_every_body_is_accepted() {
    let sidecar = Sidecar::start().await;
    let document = document(&sidecar).await;
    let mut sent = 0;
    for operation in operations(&document).into_iter().filter(|operation| !operation.is_of_messaging()) {
        let Some(body) = body(&document, operation) else {
            assert!(operation.details["requestBody"].is_null(), "{operation:?} has a body without an example");
            continue;
        };
        let caller = match operation.details["security"][0]["user"].is_null() {
            true => sidecar.client.clone(),
            false => sidecar.client.with_token(&user_token(&body["user_id"], &body["scope"])),
        };
        assert_eq!(operation.method, "post", "{operation:?}");
        let response = caller.post(operation.path, body.clone()).await;
        assert_eq!(response.status, 200, "{} with {body}: {}", operation.id(), response.text);
        sent += 1;
    }
    assert!(sent >= 6, "only {sent} operations have a body");
}

#[tokio::test(flavor = "multi_thread")]
async fn examples_of_all_parameters_are_accepted() {
    let sidecar = Sidecar::start().await;
    let document = document(&sidecar).await;
    let gets = operations(&document).into_iter().filter(|operation| operation.method == "get");
    let gets = gets.filter(|operation| !operation.is_of_messaging());
    for operation in gets.filter(|operation| operation.id() != "stream") {
        let mut path = operation.path.to_owned();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for parameter in operation.details["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let Some(value) = example(&document, &parameter["schema"]) else { continue };
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            match parameter["in"].as_str() {
                Some("path") => path = path.replace(&format!("{{{name}}}"), &text),
                _ => _ = query.append_pair(name, &text),
            }
        }
        let path = format!("{path}?{}", query.finish());
        let is_for_pages =
            operation.details["security"].as_array().is_some_and(|all| all.iter().all(|one| !one["user"].is_null()));
        let caller = match is_for_pages {
            true => sidecar.client.with_token(&user_token(&Value::from(42), &Value::Object(Map::new()))),
            false => sidecar.client.clone(),
        };
        let response = caller.get(&path).await;
        assert_eq!(response.status, 200, "{path}: {}", response.text);
    }
}
