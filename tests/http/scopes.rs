//! The scope of a request, for applications and for browsers.

use reqwest::Method;
use serde_json::{Value, json};

use super::tokens::token;
use crate::support::Sidecar;

async fn post_heartbeat(sidecar: &Sidecar, headers: &[(&str, &str)], path: &str, body: Value) -> Value {
    let mut request = sidecar.client.request(Method::POST, path).json(&body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = sidecar.client.send(request).await;
    assert_eq!(response.status, 200, "{}", response.text);
    sidecar.client.changes().await.last().unwrap()["scope"].clone()
}

fn scope(tenant: Value, location: Value, domain: Value, guard: Value) -> Value {
    json!({"tenant": tenant, "location": location, "domain": domain, "guard": guard})
}

#[tokio::test]
async fn scope_is_taken_from_the_body_without_rules() {
    let sidecar = Sidecar::start().await;
    let body = json!({"user_id": 1, "scope": {"tenant": "acme", "location": 7, "domain": "a.test", "guard": "api"}});
    let found =
        post_heartbeat(&sidecar, &[("X-Tenant-Id", "other"), ("host", "b.test")], "/api/v1/presence/heartbeat", body)
            .await;
    assert_eq!(found, scope(json!("acme"), json!(7), json!("a.test"), json!("api")));
    let found = post_heartbeat(&sidecar, &[], "/api/v1/presence/heartbeat", json!({"user_id": 1, "scope": null})).await;
    assert_eq!(found, scope(Value::Null, Value::Null, Value::Null, json!("web")));
}

#[tokio::test]
async fn empty_php_array_is_an_empty_scope() {
    let sidecar = Sidecar::start().await;
    for empty in [json!([]), json!({})] {
        for (path, body) in [
            ("heartbeat", json!({"user_id": 1, "scope": empty})),
            ("heartbeats", json!([{"user_id": 1, "scope": empty}])),
            ("many", json!({"user_ids": [1], "scope": empty})),
            ("offline", json!({"user_id": 1, "scope": empty})),
            ("online", json!({"user_id": 1, "scope": empty})),
        ] {
            let response = sidecar.client.post(&format!("/api/v1/presence/{path}"), body.clone()).await;
            assert_eq!(response.status, 200, "{path} {body}: {}", response.text);
        }
        let browser = sidecar.client.with_token(&token(1, json!({"scope": empty})));
        assert_eq!(browser.post("/presence/heartbeat", json!({"scope": empty})).await.status, 200);
    }
    let nowhere = scope(Value::Null, Value::Null, Value::Null, json!("web"));
    assert!(sidecar.client.changes().await.iter().all(|change| change["scope"] == nowhere));
    for list in [json!([[]]), json!(["acme"]), json!([null])] {
        let body = json!({"user_id": 1, "scope": list});
        assert_eq!(sidecar.client.post("/api/v1/presence/heartbeat", body).await.status, 422, "{list}");
    }
}

#[tokio::test]
async fn presence_is_separate_per_tenant() {
    let sidecar = Sidecar::start().await;
    sidecar.client.post("/api/v1/presence/heartbeat", json!({"user_id": 1, "scope": {"tenant": "a"}})).await;
    for (query, status, present) in [("", "offline", 0), ("?tenant=a", "online", 1), ("?tenant=b", "offline", 0)] {
        let response = sidecar.client.get(&format!("/api/v1/presence/status/1{query}")).await;
        assert_eq!(response.json["status"], status, "{query}");
        let counts = sidecar.client.get(&format!("/api/v1/presence/counts{query}")).await;
        assert_eq!(counts.json["present"], present, "{query}");
    }
}

#[tokio::test]
async fn rules_apply_in_order_to_requests_of_applications() {
    let sidecar = Sidecar::with(&[
        ("PRESENCE__SCOPE__RESOLVER__TENANT", "body,header:X-Tenant-Id,literal:nobody".to_owned()),
        ("PRESENCE__SCOPE__RESOLVER__LOCATION", "query:loc".to_owned()),
        ("PRESENCE__SCOPE__RESOLVER__DOMAIN", "host".to_owned()),
    ])
    .await;
    let path = "/api/v1/presence/heartbeat?loc=hq";
    let headers = [("X-Tenant-Id", "from-header"), ("host", "App.Test:8080")];
    let found = post_heartbeat(&sidecar, &headers, path, json!({"user_id": 1, "scope": {"tenant": "t"}})).await;
    assert_eq!(found, scope(json!("t"), json!("hq"), json!("app.test"), json!("web")));
    let found = post_heartbeat(&sidecar, &headers, path, json!({"user_id": 2})).await;
    assert_eq!(found["tenant"], "from-header");
    let found = post_heartbeat(&sidecar, &headers[1..], path, json!({"user_id": 3})).await;
    assert_eq!(found["tenant"], "nobody");
}

#[tokio::test]
async fn browser_scope_comes_from_its_token_only() {
    let sidecar = Sidecar::with(&[
        ("PRESENCE__SCOPE__RESOLVER__TENANT", "body,query,header:X-Tenant-Id,claim:tenant_id".to_owned()),
        ("PRESENCE__SCOPE__RESOLVER__DOMAIN", "host,claim:dom".to_owned()),
    ])
    .await;
    let browser = sidecar.client.with_token(&token(1, json!({"tenant_id": "mine", "dom": "app.test"})));
    let request = browser.request(Method::POST, "/presence/heartbeat?tenant=other").header("X-Tenant-Id", "other");
    assert_eq!(browser.send(request.header("host", "other.test")).await.status, 200);
    let found = sidecar.client.changes().await.pop().unwrap();
    assert_eq!(found["scope"], scope(json!("mine"), Value::Null, json!("app.test"), json!("web")));
    for wish in [json!({"tenant": "other"}), json!({"location": "x"}), json!({"guard": "api"})] {
        let response = browser.post("/presence/heartbeat", json!({"scope": wish})).await;
        assert_eq!(
            (response.status, &response.json["message"]),
            (403, &json!("The token is for another scope.")),
            "{wish}"
        );
    }
    assert_eq!(browser.post("/presence/heartbeat", json!({"scope": {"tenant": "mine"}})).await.status, 200);
    assert_eq!(sidecar.client.changes().await.len(), 1);
}

#[tokio::test]
async fn scope_claim_is_the_scope_by_default() {
    let sidecar = Sidecar::start().await;
    for (user, claims) in [(1, json!({"scope": {"tenant": "acme"}})), (2, json!({"tenant": "acme"}))] {
        let browser = sidecar.client.with_token(&token(user, claims));
        assert_eq!(browser.post("/presence/heartbeat", json!({})).await.status, 200);
        assert_eq!(sidecar.client.changes().await.pop().unwrap()["scope"]["tenant"], "acme");
        let status = browser.get(&format!("/api/v1/presence/status/{user}?tenant=acme")).await;
        assert_eq!(status.json["status"], "online");
    }
    let odd = sidecar.client.with_token(&token(3, json!({"scope": {"tenant": "a|b"}})));
    assert_eq!(odd.post("/presence/heartbeat", json!({})).await.status, 403);
}

#[tokio::test]
async fn claim_that_would_mean_the_global_scope_is_refused() {
    let rules = [("PRESENCE__SCOPE__RESOLVER__LOCATION", "claim:site".to_owned())];
    let sidecar = Sidecar::with(&rules).await;
    let heartbeat = async |claims: Value| {
        let browser = sidecar.client.with_token(&token(1, claims));
        browser.post("/presence/heartbeat", json!({})).await
    };
    for claims in [
        json!({"scope": {"Tenant": "acme"}}),
        json!({"scope": {"tenant ": "acme"}}),
        json!({"scope": {"tenant": "acme", "team": 7}}),
        json!({"scope": {"tenant": ""}}),
        json!({"scope": {"tenant": 0}}),
        json!({"scope": {"tenant": "0"}}),
        json!({"scope": {"tenant": false}}),
        json!({"scope": {"tenant": "acme", "domain": ""}}),
        json!({"scope": {"guard": ""}}),
        json!({"tenant": ""}),
        json!({"tenant": "0"}),
        json!({"site": ""}),
        json!({"site": 0}),
    ] {
        let response = heartbeat(claims.clone()).await;
        assert_eq!(
            (response.status, &response.json["message"]),
            (403, &json!("The token's scope is not usable.")),
            "{claims}"
        );
    }
    assert_eq!(sidecar.client.changes().await.len(), 0);
    assert_eq!(heartbeat(json!({"scope": {"tenant": "acme", "location": null}})).await.status, 200);
}

#[tokio::test]
async fn tenant_that_reads_as_another_part_is_422() {
    let sidecar = Sidecar::start().await;
    for tenant in ["loc:paris", "dom:a.test", "guard:web", "user:7", "lo\u{a0}c:paris", "\u{2003}loc:paris"] {
        let heartbeat = json!({"user_id": 1, "scope": {"tenant": tenant}});
        let browser = sidecar.client.with_token(&token(1, json!({"scope": {"tenant": tenant}})));
        let path = format!("/api/v1/presence/counts?tenant={}", tenant.replace(':', "%3A"));
        for response in [
            sidecar.client.post("/api/v1/presence/heartbeat", heartbeat).await,
            browser.post("/presence/heartbeat", json!({})).await,
            sidecar.client.get(&path).await,
        ] {
            let sentence = "The tenant field must not begin with \"loc:\", \"dom:\", \"guard:\" or \"user:\".";
            assert_eq!(
                (response.status, &response.json["errors"]["scope.tenant"][0]),
                (422, &json!(sentence)),
                "{tenant}"
            );
        }
    }
    for (part, value) in [("tenant", " "), ("location", "\u{a0}"), ("domain", "\u{2003} "), ("guard", " ")] {
        let response =
            sidecar.client.post("/api/v1/presence/heartbeat", json!({"user_id": 1, "scope": {part: value}})).await;
        let sentence = format!("The {part} field must not be blank.");
        assert_eq!((response.status, &response.json["message"]), (422, &json!(sentence)), "{part}");
    }
    for tenant in ["locale", "Loc:paris", "my loc:paris", "New York"] {
        let body = json!({"user_id": 1, "scope": {"tenant": tenant, "location": "loc:x", "domain": "user:7"}});
        assert_eq!(sidecar.client.post("/api/v1/presence/heartbeat", body).await.status, 200, "{tenant}");
    }
}

#[tokio::test]
async fn blank_user_id_is_422() {
    let sidecar = Sidecar::start().await;
    for blank in ["", " ", "\u{a0}\u{2003}"] {
        for (path, body, field) in [
            ("heartbeat", json!({"user_id": blank}), "user_id"),
            ("online", json!({"user_id": blank}), "user_id"),
            ("offline", json!({"user_id": blank}), "user_id"),
            ("heartbeats", json!([{"user_id": 1}, {"user_id": blank}]), "1.user_id"),
            ("many", json!({"user_ids": [1, blank]}), "user_ids.1"),
        ] {
            let response = sidecar.client.post(&format!("/api/v1/presence/{path}"), body).await;
            let errors = response.json["errors"].as_object().unwrap_or_else(|| panic!("{path}: {}", response.text));
            assert_eq!(response.status, 422, "{path} {blank:?}");
            assert!(errors.len() == 1 && errors.contains_key(field), "{path}: {}", response.text);
            assert!(errors[field][0].as_str().unwrap().ends_with(" must not be blank."), "{}", response.text);
        }
    }
    assert_eq!(sidecar.client.get("/api/v1/presence/status/%20").await.status, 422);
    assert_eq!(sidecar.client.get("/api/v1/presence/counts").await.json["present"], 0);
}
