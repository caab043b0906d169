//! The configuration in use and the checks, for those who operate a sidecar.

use serde_json::{Value, json};

use super::tokens::token;
use crate::support::{RedisServer, Sidecar};

/// The check of a subject.
fn check<'a>(checks: &'a Value, subject: &str) -> &'a Value {
    let found = checks["checks"].as_array().unwrap().iter().find(|check| check["subject"] == subject);
    found.unwrap_or_else(|| panic!("no check of {subject}: {checks}"))
}

#[tokio::test]
async fn configuration_names_origins_and_masks_secrets() {
    let secrets = [
        ("REDIS_PASSWORD", "password-of-redis-0123456789"),
        ("PRESENCE_WEBHOOK_SECRET", "secret-of-webhooks-0123456789"),
        ("APP_KEY", "base64:J/hj9jz2Qf+Lj8cXC6Adgad1nWlF3WMGc440uVPzRzE="),
        ("OPERATOR_TOKENS", "operator-token-0123456789abcdef"),
    ];
    let mut environment = secrets.map(|(name, value)| (name, value.to_owned())).to_vec();
    environment.push(("PRESENCE_TTL", "277".to_owned()));
    let sidecar = Sidecar::with(&environment).await;
    for refused in ["", "wrong", &token(1, json!({})), "operator-token-0123456789abcdef"] {
        assert_eq!(sidecar.client.with_token(refused).get("/api/v1/configuration").await.status, 401, "{refused}");
        assert_eq!(sidecar.client.with_token(refused).get("/api/v1/checks").await.status, 401, "{refused}");
    }
    let response = sidecar.client.get("/api/v1/configuration").await;
    assert_eq!(response.status, 200, "{}", response.text);
    let settings = response.json["settings"].as_array().unwrap();
    let setting = |key: &str| settings.iter().find(|setting| setting["key"] == key).unwrap();
    assert_eq!(
        setting("cache.ttl_seconds"),
        &json!({"key": "cache.ttl_seconds", "value": "277", "from": "environment PRESENCE_TTL"})
    );
    assert_eq!(setting("server.workers")["from"], "default");
    assert!(response.json["warnings"].is_array());
    for (name, secret) in secrets {
        assert!(!response.text.contains(secret.trim_start_matches("base64:")), "{name} is shown");
    }
    assert!(!response.text.contains(crate::support::TOKEN), "the service token is shown");
}

#[tokio::test]
async fn checks_find_what_the_doctor_finds() {
    require!("redis-server");
    let redis = RedisServer::start();
    let sidecar = Sidecar::on(&redis).await;
    let response = sidecar.client.get("/api/v1/checks").await;
    assert_eq!(response.status, 200, "{}", response.text);
    assert_eq!(
        check(&response.json, "configuration"),
        &json!({"subject": "configuration", "what": "valid", "fix": null})
    );
    assert!(check(&response.json, "store")["what"].as_str().unwrap().contains(&redis.port().to_string()));
    drop(redis);
    let response = sidecar.client.get("/api/v1/checks").await;
    assert_eq!(response.status, 200, "{}", response.text);
    let store = check(&response.json, "store");
    assert!(store["fix"].as_str().is_some_and(|fix| fix.contains("REDIS_HOST")), "{store}");
}
