//! Service tokens, and user tokens as an application signs them.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use presence_sidecar::http::token_verifier::TokenVerifier;
use serde_json::{Value, json};

use crate::support::{Sidecar, TOKEN};

/// Unix seconds, `offset` seconds from now.
pub fn seconds(offset: i64) -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap() + offset
}

/// A token signed with `secret`.
pub fn signed(claims: &Value, secret: &str) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(secret.as_bytes()).unwrap()).unwrap()
}

/// A valid token for `sub`, with more claims.
pub fn token(sub: impl Into<Value>, more: Value) -> String {
    let mut claims = json!({"sub": sub.into(), "exp": seconds(60)});
    claims.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    signed(&claims, TOKEN)
}

#[tokio::test]
async fn api_requires_a_service_token() {
    let sidecar = Sidecar::start().await;
    let user = token(1, json!({}));
    for bad in ["", "wrong", &TOKEN[1..], &format!("{TOKEN}x"), user.as_str()] {
        let response = sidecar.client.with_token(bad).heartbeat(1).await;
        assert_eq!((response.status, &response.json["message"]), (401, &json!("Unauthenticated.")), "{bad}");
        assert_eq!(response.headers["www-authenticate"], "Bearer");
    }
    assert_eq!(sidecar.client.get("/api/v1/presence/counts").await.json["present"], 0);
}

#[tokio::test]
async fn each_of_several_service_tokens_is_valid() {
    let sidecar = Sidecar::with(&[("PRESENCE_TOKEN", "first-of-two-tokens,second-of-two-tokens".to_owned())]).await;
    for token in ["first-of-two-tokens", "second-of-two-tokens"] {
        assert_eq!(sidecar.client.with_token(token).heartbeat(1).await.status, 200);
    }
    assert_eq!(sidecar.client.with_token("first-of-two-tokens,second-of-two-tokens").heartbeat(1).await.status, 401);
}

#[tokio::test]
async fn user_token_reads_the_status_of_its_user_only() {
    let sidecar = Sidecar::start().await;
    sidecar.client.heartbeat(7).await;
    let user = sidecar.client.with_token(&token(7, json!({})));
    assert_eq!(user.get("/api/v1/presence/status/7").await.json["status"], "online");
    let other = user.get("/api/v1/presence/status/8").await;
    assert_eq!((other.status, &other.json["message"]), (403, &json!("The token is for another user.")));
    let scoped = user.get("/api/v1/presence/status/7?tenant=acme").await;
    assert_eq!((scoped.status, &scoped.json["message"]), (403, &json!("The token is for another scope.")));
}

#[tokio::test]
async fn expired_foreign_and_malformed_user_tokens_return_401() {
    let sidecar = Sidecar::start().await;
    let (now, later) = (seconds(0), seconds(60));
    let unsigned = format!("{}.{}.", "eyJhbGciOiJub25lIn0", "eyJzdWIiOjcsImV4cCI6OTk5OTk5OTk5OX0");
    let tokens = [
        signed(&json!({"sub": 7, "exp": now - 1}), TOKEN),
        signed(&json!({"sub": 7, "exp": now}), TOKEN),
        signed(&json!({"sub": 7, "exp": 0}), TOKEN),
        signed(&json!({"sub": 7}), TOKEN),
        signed(&json!({"sub": 7, "exp": later, "nbf": later}), TOKEN),
        signed(&json!({"sub": 7, "exp": later}), "another secret"),
        signed(&json!({"exp": later}), TOKEN),
        signed(&json!({"sub": [7], "exp": later}), TOKEN),
        unsigned,
        "not.a.token".to_owned(),
    ];
    for token in tokens {
        let response = sidecar.client.with_token(&token).get("/api/v1/presence/status/7").await;
        assert_eq!(response.status, 401, "{token}");
    }
}

#[tokio::test]
async fn service_token_signs_no_user_token_if_there_are_user_secrets() {
    let secrets = "new-secret-of-user-tokens-0123456789,old-secret-of-user-tokens-0123456789".to_owned();
    let sidecar = Sidecar::with(&[("PRESENCE_USER_TOKEN_SECRET", secrets)]).await;
    let claims = json!({"sub": 7, "exp": seconds(60)});
    for (secret, status) in
        [("new-secret-of-user-tokens-0123456789", 200), ("old-secret-of-user-tokens-0123456789", 200), (TOKEN, 401)]
    {
        let user = sidecar.client.with_token(&signed(&claims, secret));
        assert_eq!(user.get("/api/v1/presence/status/7").await.status, status);
    }
}

#[tokio::test]
async fn claims_of_another_type_are_refused() {
    let sidecar = Sidecar::start().await;
    let heartbeat = async |claims: Value| {
        let browser = sidecar.client.with_token(&token(7, claims));
        browser.post("/presence/heartbeat", json!({"session": "chosen-by-the-page"})).await
    };
    let sessions = async || sidecar.client.get("/api/v1/presence/status/7").await.json["sessions"].clone();
    for odd in [json!("acme"), json!(["acme"]), json!(1), json!(true)] {
        let response = heartbeat(json!({"scope": odd})).await;
        assert_eq!(
            (response.status, &response.json["message"]),
            (403, &json!("The token's scope is not usable.")),
            "{odd}"
        );
    }
    for odd in [json!(1.5), json!(true), json!(["tab"]), json!({"id": "tab"}), json!("a|b")] {
        let response = heartbeat(json!({"sid": odd})).await;
        let message = &response.json["message"];
        assert_eq!((response.status, message), (403, &json!("The token's session is not usable.")), "{odd}");
    }
    assert_eq!(sessions().await, json!([]));
    assert_eq!(heartbeat(json!({"sid": 5, "scope": null})).await.status, 200);
    assert_eq!(sessions().await[0]["id"], "5", "an integer is its digits");
    assert_eq!(heartbeat(json!({"sid": null, "scope": []})).await.status, 200);
    assert_eq!(sessions().await.as_array().map(Vec::len), Some(2), "without a claim the page names its session");
}

#[tokio::test]
async fn token_with_audience_is_valid_and_one_without_user_is_not() {
    let sidecar = Sidecar::start().await;
    let audience = sidecar.client.with_token(&token(7, json!({"aud": ["app.test"]})));
    assert_eq!(audience.post("/presence/heartbeat", json!({})).await.status, 200);
    for blank in ["", " ", "\u{a0}"] {
        let anonymous = sidecar.client.with_token(&token(blank, json!({})));
        assert_eq!(anonymous.post("/presence/heartbeat", json!({})).await.status, 401, "{blank:?}");
    }
}

#[tokio::test]
async fn token_of_a_clock_that_is_seconds_ahead_is_valid_and_none_lives_longer() {
    let verifier = TokenVerifier::new(&[TOKEN.to_owned().into()], &[]);
    let is_valid = |claims: Value| verifier.user(&signed(&claims, TOKEN)).is_some();
    assert!(is_valid(json!({"sub": 7, "exp": seconds(60), "nbf": seconds(4), "iat": seconds(4)})));
    assert!(!is_valid(json!({"sub": 7, "exp": seconds(60), "nbf": seconds(30)})));
    for _ in 0..20 {
        let now = seconds(0);
        let (this_second, next) =
            (is_valid(json!({"sub": 7, "exp": now})), is_valid(json!({"sub": 7, "exp": now + 2})));
        assert!(!this_second && next);
    }
}

#[test]
fn token_of_another_library_is_read() {
    // As firebase/php-jwt signs it, with an audience and an issuer that this service does not look at.
    let recorded = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.\
        eyJzdWIiOjcsImV4cCI6NDEwMjQ0NDgwMCwiYXVkIjo1LCJpc3MiOlsiYXBwIl0sInNjb3BlIjp7InRlbmFudCI6ImFjbWUifX0.\
        RJi12zz-IUWQIF_OmzvWVDRsL-tnqtb9DKudcxyvlKo";
    let secret = || "secret-of-the-recorded-token".to_owned().into();
    let claims = TokenVerifier::new(&[secret()], &[]).user(recorded).unwrap();
    assert_eq!((claims.get("sub"), claims.get("scope")), (Some(&json!(7)), Some(&json!({"tenant": "acme"}))));
    assert!(TokenVerifier::new(&[secret()], &[String::new().into()]).user(recorded).is_none());
}

#[test]
fn token_with_an_unknown_critical_extension_is_refused() {
    let verifier = TokenVerifier::new(&[TOKEN.to_owned().into()], &[]);
    let is_valid = |crit: Option<&str>| {
        let header = Header { crit: crit.map(|name| vec![name.to_owned()]), ..Header::new(Algorithm::HS256) };
        let key = EncodingKey::from_secret(TOKEN.as_bytes()).unwrap();
        verifier.user(&encode(&header, &json!({"sub": 7, "exp": seconds(60)}), &key).unwrap()).is_some()
    };
    assert_eq!((is_valid(None), is_valid(Some("only-for-devices"))), (true, false));
}
