//! The heartbeat route for browsers.

use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use super::tokens::token;
use crate::support::Sidecar;

const ROUTE: &str = "/presence/heartbeat";

#[tokio::test]
async fn browser_heartbeat_stores_address_and_user_agent_as_php_does() {
    let sidecar = Sidecar::start().await;
    let browser = sidecar.client.with_token(&token(7, json!({"sid": "tab-1"})));
    let agent = format!("Mozilla/5.0 {}", "é".repeat(200));
    let response = browser.send(browser.request(Method::POST, ROUTE).header("user-agent", &agent)).await;
    assert_eq!((response.status, &response.json), (200, &json!({"ok": true})), "{}", response.text);
    let status = sidecar.client.get("/api/v1/presence/status/7").await.json;
    assert_eq!(status["meta"]["ip"], "127.0.0.1");
    let recorded = status["meta"]["ua"].as_str().unwrap();
    assert_eq!(recorded.len(), 254, "cut between characters: {recorded}");
    assert!(agent.starts_with(recorded), "{recorded}");
    let latin = HeaderValue::from_bytes(b"Mozilla \xe9").unwrap();
    assert_eq!(browser.send(browser.request(Method::POST, ROUTE).header("user-agent", latin)).await.status, 200);
    let recorded = sidecar.client.get("/api/v1/presence/status/7").await.json["meta"]["ua"].clone();
    assert_eq!(recorded, "Mozilla \u{fffd}", "bytes that are no UTF-8 are marked");
    assert_eq!(status["sessions"][0]["id"], "tab-1");
}

#[tokio::test]
async fn beacon_with_token_in_body_ends_its_session() {
    let sidecar = Sidecar::start().await;
    let anonymous = sidecar.client.with_token("");
    let beacon = async |body: Value| {
        let request = anonymous.request(Method::POST, ROUTE).header("content-type", "text/plain;charset=UTF-8");
        anonymous.send(request.body(body.to_string())).await.status
    };
    let token = token(7, json!({"sid": "tab-1"}));
    assert_eq!(beacon(json!({"token": token})).await, 200);
    assert_eq!(sidecar.client.get("/api/v1/presence/status/7").await.json["status"], "online");
    assert_eq!(beacon(json!({"token": token, "active": false})).await, 200);
    assert_eq!(sidecar.client.get("/api/v1/presence/status/7").await.json["status"], "away");
    assert_eq!(beacon(json!({"token": token, "end": true})).await, 200);
    assert_eq!(sidecar.client.get("/api/v1/presence/status/7").await.json["status"], "offline");
    assert_eq!(beacon(json!({"token": "forged"})).await, 401);
    assert_eq!(beacon(json!({})).await, 401);
}

#[tokio::test]
async fn heartbeat_sent_before_the_end_of_its_page_is_ignored() {
    let sidecar = Sidecar::start().await;
    let browser = sidecar.client.with_token(&token(7, json!({"sid": "tab-1"})));
    for (body, status) in [
        (json!({"end": true, "sent_at": 1_772_600_767_001_i64}), "offline"),
        (json!({"active": false, "sent_at": 1_772_600_767_000_i64}), "offline"),
        (json!({"active": false, "sent_at": 1_772_600_767_002_i64}), "away"),
    ] {
        assert_eq!(browser.post(ROUTE, body.clone()).await.json, json!({"ok": true}));
        assert_eq!(sidecar.client.get("/api/v1/presence/status/7").await.json["status"], status, "{body}");
    }
}

#[tokio::test]
async fn browser_route_refuses_a_service_token() {
    let sidecar = Sidecar::start().await;
    assert_eq!(sidecar.client.post(ROUTE, json!({})).await.status, 401);
    assert_eq!(sidecar.client.post(ROUTE, json!({"token": token(1, json!({}))})).await.status, 401);
}

#[tokio::test]
async fn browser_heartbeat_for_another_user_is_forbidden() {
    let sidecar = Sidecar::start().await;
    let browser = sidecar.client.with_token(&token(7, json!({})));
    assert_eq!(browser.post(ROUTE, json!({"user_id": 8})).await.status, 403);
    assert_eq!(browser.post(ROUTE, json!({"user_id": "7"})).await.status, 200);
    assert_eq!(sidecar.client.get("/api/v1/presence/status/8").await.json["status"], "offline");
}

#[tokio::test]
async fn rate_limit_counts_per_user_with_laravels_headers() {
    let sidecar = Sidecar::start().await;
    let browser = sidecar.client.with_token(&token(7, json!({})));
    for left in (0..60).rev() {
        let response = browser.post(ROUTE, json!({})).await;
        assert_eq!((response.status, response.headers["x-ratelimit-limit"].as_bytes()), (200, b"60".as_slice()));
        assert_eq!(response.headers["x-ratelimit-remaining"], left.to_string().as_str());
    }
    let refused = browser.post(ROUTE, json!({})).await;
    assert_eq!((refused.status, &refused.json), (429, &json!({"message": "Too Many Attempts."})));
    let number = |name: &str| refused.headers[name].to_str().unwrap().parse::<i64>().unwrap();
    assert_eq!((number("x-ratelimit-limit"), number("x-ratelimit-remaining")), (60, 0));
    assert!((1..=60).contains(&number("retry-after")));
    assert!((0..=1).contains(&(number("x-ratelimit-reset") - super::tokens::seconds(number("retry-after")))));
    let other = sidecar.client.with_token(&token(8, json!({})));
    assert_eq!(other.post(ROUTE, json!({})).await.status, 200);
}

#[tokio::test]
async fn cors_allows_configured_origins_only() {
    let sidecar = Sidecar::with(&[("PRESENCE__SERVER__ALLOWED_ORIGINS", "https://app.test".to_owned())]).await;
    let preflight = async |origin: &str| {
        let request = sidecar.client.request(Method::OPTIONS, ROUTE).header("origin", origin);
        sidecar.client.send(request.header("access-control-request-method", "POST")).await
    };
    let allowed = preflight("https://app.test").await;
    assert_eq!(
        (allowed.status, &allowed.headers["access-control-allow-origin"]),
        (204, &"https://app.test".parse().unwrap())
    );
    let headers = allowed.headers["access-control-allow-headers"].to_str().unwrap();
    for name in ["authorization", "x-requested-with", "x-socket-id"] {
        assert!(headers.split(", ").any(|allowed| allowed == name), "{name} is not in {headers}");
    }
    let refused = preflight("https://evil.test").await;
    assert!(!refused.headers.contains_key("access-control-allow-origin"));
    let browser = sidecar.client.with_token(&token(7, json!({})));
    let response = browser.send(browser.request(Method::POST, ROUTE).header("origin", "https://app.test")).await;
    assert_eq!(
        (response.status, &response.headers["access-control-allow-origin"]),
        (200, &"https://app.test".parse().unwrap())
    );
}

#[tokio::test]
async fn cors_allows_configured_headers_besides_those_of_the_api() {
    let origin = ("PRESENCE__SERVER__ALLOWED_ORIGINS", "https://app.test".to_owned());
    let more = ("PRESENCE__SERVER__ALLOWED_HEADERS", "X-Device,X-Trace".to_owned());
    let sidecar = Sidecar::with(&[origin, more]).await;
    let request = sidecar.client.request(Method::OPTIONS, ROUTE).header("origin", "https://app.test");
    let allowed = sidecar.client.send(request.header("access-control-request-method", "POST")).await;
    let headers = allowed.headers["access-control-allow-headers"].to_str().unwrap();
    assert!(headers.ends_with(", x-device, x-trace") && headers.contains("authorization"), "{headers}");
}

#[tokio::test]
async fn browser_route_follows_its_prefix_and_can_be_disabled() {
    let moved = Sidecar::with(&[("PRESENCE__ROUTING__PREFIX", "app/online".to_owned())]).await;
    let browser = moved.client.with_token(&token(7, json!({})));
    assert_eq!(browser.post("/app/online/heartbeat", json!({})).await.status, 200);
    assert_eq!(browser.post(ROUTE, json!({})).await.status, 404);
    let document = moved.client.get("/openapi.json").await.json;
    assert!(document["paths"]["/app/online/heartbeat"].is_object() && document["paths"][ROUTE].is_null());
    let without = Sidecar::with(&[("PRESENCE__ROUTING__REGISTER_HEARTBEAT_ROUTE", "false".to_owned())]).await;
    assert_eq!(without.client.with_token(&token(7, json!({}))).post(ROUTE, json!({})).await.status, 404);
}

#[tokio::test]
async fn forwarded_address_is_used_behind_trusted_proxies_only() {
    let forwarded = async |sidecar: &Sidecar, value: &str| {
        let browser = sidecar.client.with_token(&token(7, json!({})));
        let request = browser.request(Method::POST, ROUTE).header("x-forwarded-for", value);
        assert_eq!(browser.send(request).await.status, 200);
        sidecar.client.get("/api/v1/presence/status/7").await.json["meta"]["ip"].clone()
    };
    let plain = Sidecar::start().await;
    assert_eq!(forwarded(&plain, "203.0.113.9").await, "127.0.0.1");
    let behind = Sidecar::with(&[("PRESENCE__SERVER__TRUSTED_PROXIES", "127.0.0.0/8,10.0.0.0/8".to_owned())]).await;
    assert_eq!(forwarded(&behind, "203.0.113.9").await, "203.0.113.9");
    assert_eq!(forwarded(&behind, "198.51.100.1, 203.0.113.9, 10.1.2.3").await, "203.0.113.9");
    assert_eq!(forwarded(&behind, "garbage, 10.1.2.3").await, "10.1.2.3");
}
