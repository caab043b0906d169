//! The fast path gives the same responses as the framework, which serves requests with a query.

use reqwest::Method;
use serde_json::json;

use super::tokens::token;
use crate::support::{Sidecar, TOKEN};

const CONTENT_TYPES: [&str; 5] =
    ["application/json", "application/problem+json; charset=utf-8", "text/plain", "json", ""];

async fn assert_same_response(sidecar: &Sidecar, request: impl Fn(&str) -> reqwest::RequestBuilder, case: &str) -> u16 {
    let fast = sidecar.client.send(request("")).await;
    let framework = sidecar.client.send(request("?no=parameter")).await;
    assert_eq!((fast.status, &fast.json), (framework.status, &framework.json), "{case}");
    let mut headers = [&fast, &framework].map(|response| response.headers.clone());
    headers.iter_mut().for_each(|headers| ["date", "x-request-id"].iter().for_each(|name| _ = headers.remove(*name)));
    assert_eq!(headers[0], headers[1], "{case}");
    fast.status
}

#[tokio::test]
async fn fast_path_and_framework_give_the_same_response_to_every_body() {
    let sidecar = Sidecar::start().await;
    let bodies = [r#"{"user_ids": [1, "x", "2"]}"#, r#"{"user_ids": {}}"#, "{}", "[]", "{", "", "\u{1}"];
    for content_type in CONTENT_TYPES {
        for body in bodies {
            let request = |query: &str| {
                let request = sidecar.client.request(Method::POST, &format!("/api/v1/presence/many{query}"));
                let request = request.body(body);
                if content_type.is_empty() { request } else { request.header("content-type", content_type) }
            };
            assert_same_response(&sidecar, request, &format!("{content_type} {body}")).await;
        }
    }
    let heartbeat = |query: &str| {
        let request = sidecar.client.request(Method::POST, &format!("/api/v1/presence/heartbeat{query}"));
        request.json(&json!({"user_id": "a|b"}))
    };
    assert_eq!(assert_same_response(&sidecar, heartbeat, "heartbeat").await, 422);
}

#[tokio::test]
async fn fast_path_and_framework_give_the_same_response_to_every_token() {
    let sidecar = Sidecar::start().await;
    let (user, other) = (token(7, json!({})), token("8", json!({"scope": {"tenant": "acme"}})));
    let headers = [
        format!("Bearer {TOKEN}"),
        format!("bearer {TOKEN}"),
        format!("Bearer  {TOKEN}"),
        format!("Basic {TOKEN}"),
        format!("Bearer {TOKEN}x"),
        format!("Bearer {user}"),
        format!("Bearer {other}"),
        "Bearer ".to_owned(),
        String::new(),
    ];
    let anonymous = sidecar.client.with_token("");
    let mut statuses = Vec::new();
    for header in headers {
        for (method, path) in [(Method::GET, "status/7"), (Method::GET, "status/a-b"), (Method::POST, "many")] {
            let request = |query: &str| {
                let request = anonymous.request(method.clone(), &format!("/api/v1/presence/{path}{query}"));
                let request = if method == Method::POST { request.json(&json!({"user_ids": [7]})) } else { request };
                if header.is_empty() { request } else { request.header("authorization", &header) }
            };
            statuses.push(assert_same_response(&sidecar, request, &format!("{header} {path}")).await);
        }
    }
    assert!([200, 401, 403].iter().all(|status| statuses.contains(status)), "{statuses:?}");
}

#[tokio::test]
async fn fast_path_leaves_other_methods_to_the_framework() {
    let sidecar = Sidecar::start().await;
    for (method, path) in [(Method::GET, "heartbeat"), (Method::PUT, "many"), (Method::POST, "status/7")] {
        let request = |query: &str| sidecar.client.request(method.clone(), &format!("/api/v1/presence/{path}{query}"));
        assert_eq!(assert_same_response(&sidecar, request, path).await, 405, "{path}");
    }
}
