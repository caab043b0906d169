//! Malformed and malicious requests.

use reqwest::Method;
use serde_json::json;

use super::harness::{ADMIN, Harness};
use crate::support::{ENGINES, Engine, TestDatabase};

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test(flavor = "multi_thread")]
async fn form_ignores_names_nested_deeper_than_php_allows() {
    let harness = Harness::start(Engine::Sqlite).await;
    let (device, deep) = (harness.register("one").await, format!("a{}=1", "[]".repeat(5_000)));
    let path = format!("/api/v1/messages/poll?{deep}");
    assert_eq!(harness.anonymous().get(&path).await.status, 401);
    let register = |body: String| {
        let request = harness.anonymous().request(Method::POST, "/api/v1/clients/register");
        request.header("Content-Type", FORM).body(body)
    };
    let deeper = format!("fingerprint{}=1&fingerprint=one", "[a]".repeat(300_000));
    assert_eq!(harness.anonymous().send(register(deeper)).await.json["api_token"], json!(device.token));

    // The maximum depth of PHP, and one more.
    for (depth, status) in [(64, 200), (65, 422)] {
        let (id, names) = (&device.id, "[a]".repeat(depth));
        let request = harness.anonymous().request(Method::POST, "/api/v1/messages/publish");
        let request = request.header("X-Admin-Token", ADMIN).header("Content-Type", FORM);
        let answer =
            harness.anonymous().send(request.body(format!("to_client_ids[]={id}&type=t&payload{names}=1"))).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nul_character_returns_422_on_postgres_only() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let device = harness.register("one").await;
        let register = async |body| harness.anonymous().post("/api/v1/clients/register", body).await;
        let answers = [
            ("type", harness.publish(&[&device], "a\0b", json!({"n": 1})).await),
            ("ciphertext", device.post("/messages/send", &device.seal(&json!({"type": "a\0b"}))).await),
            ("fingerprint", register(json!({"fingerprint": "a\0b"})).await),
            ("name", register(json!({"fingerprint": "two", "name": "a\0b"})).await),
        ];
        for (field, answer) in answers {
            if engine == Engine::Postgres {
                let sentence = format!("The {field} field must not have a NUL character in it.");
                assert_eq!((answer.status, &answer.json["message"]), (422, &json!(sentence)));
            } else {
                assert!(matches!(answer.status, 200 | 201), "{engine:?}: {}", answer.text);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn send_returns_422_for_more_recipients_than_the_limit() {
    let most = [("PRESENCE__MESSAGING__MAX_RECIPIENTS", "3")];
    let harness = Harness::on(TestDatabase::create(Engine::Sqlite), &most).await;
    let (one, two) = (harness.register("one").await, harness.register("two").await);
    let send = async |count: usize| {
        let plain = json!({"payload": {"n": count}, "to_client_ids": vec![two.id.as_str(); count]});
        one.post("/messages/send", &one.seal(&plain)).await
    };
    let refused = send(4).await;
    let sentence = "The ciphertext field must not hold more than 3 to_client_ids.";
    assert_eq!((refused.status, &refused.json["message"]), (422, &json!(sentence)));
    assert_eq!((one.messages("").await.len(), two.messages("").await.len()), (0, 0), "nothing is stored");
    assert_eq!(send(3).await.status, 200);
    assert_eq!((one.messages("").await.len(), two.messages("").await.len()), (1, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn address_over_its_limit_is_refused_without_a_bcrypt_check_unless_the_token_is_cached() {
    let limits = [("PRESENCE__MESSAGING__LIMITS__POLL", "3,1")];
    let harness = Harness::on(TestDatabase::create(Engine::Sqlite), &limits).await;
    let (known, old) = (harness.register("known").await, harness.register("old").await);
    assert_eq!(known.poll("").await.status, 204);
    harness.database.sql(&format!("UPDATE clients SET api_token_encrypted = NULL WHERE id = '{}'", old.id));
    let auth_failures = async || {
        let metrics = harness.anonymous().get("/metrics").await.text;
        let line = metrics.lines().find(|line| line.starts_with("messaging_auth_failures_total ")).unwrap().to_owned();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    for (n, status) in [401, 401, 401, 429, 429].into_iter().enumerate() {
        assert_eq!(old.with_token(&format!("guess {n}")).poll("").await.status, status);
    }
    assert_eq!(auth_failures().await, "3", "the other requests were refused without a check");
    assert_eq!(old.poll("").await.status, 429, "a token that is not cached waits for the next minute");
    assert_eq!(known.poll("").await.status, 204, "a cached token is accepted");
}
