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
    let deeper = format!("fingerprint{}=1&fingerprint=one", "[a]".repeat(20_000));
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
    let one = harness.register("one").await;
    let others = [harness.register("a").await, harness.register("b").await, harness.register("c").await];
    let ids: Vec<&str> = others.iter().map(|device| device.id.as_str()).collect();
    let send = async |ids: &[&str]| {
        let plain = json!({"payload": {"n": ids.len()}, "to_client_ids": ids});
        one.post("/messages/send", &one.seal(&plain)).await
    };
    let refused = send(&[&ids[..], &[one.id.as_str()]].concat()).await;
    let sentence = "The ciphertext field must not hold more than 3 to_client_ids.";
    assert_eq!((refused.status, &refused.json["message"]), (422, &json!(sentence)));
    assert_eq!((one.messages("").await.len(), others[0].messages("").await.len()), (0, 0), "nothing is stored");
    assert_eq!(send(&ids).await.status, 200);
    assert_eq!((one.messages("").await.len(), others[0].messages("").await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn send_relays_once_to_an_id_that_is_listed_many_times() {
    let harness = Harness::start(Engine::Sqlite).await;
    let (one, two) = (harness.register("one").await, harness.register("two").await);
    let upper = two.id.to_ascii_uppercase();
    let ids: Vec<&str> = (0..3_000).map(|index| if index % 2 == 0 { two.id.as_str() } else { &upper }).collect();
    let answer = one.post("/messages/send", &one.seal(&json!({"payload": {"n": 1}, "to_client_ids": ids}))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(two.messages("").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn send_returns_422_for_a_message_that_takes_more_bytes_than_the_limit() {
    let harness = Harness::start(Engine::Sqlite).await;
    let one = harness.register("one").await;
    let ids: Vec<String> = (0..9).map(|_| uuid::Uuid::new_v4().to_string()).collect();
    let plain = json!({"payload": {"text": "x".repeat(500_000)}, "to_client_ids": ids});
    let refused = one.post("/messages/send", &one.seal(&plain)).await;
    let sentence = "The ciphertext field must not take more than 4194304 bytes, counted for each of its to_client_ids.";
    assert_eq!((refused.status, &refused.json["message"]), (422, &json!(sentence)));
    assert_eq!(one.messages("").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn send_returns_429_once_an_address_has_stored_its_bytes() {
    let limit = [
        ("PRESENCE__MESSAGING__LIMITS__STORED_BYTES", "250000,1"),
        ("PRESENCE__MESSAGING__MAX_STORED_BYTES", "100000"),
    ];
    let harness = Harness::on(TestDatabase::create(Engine::Sqlite), &limit).await;
    let devices = [harness.register("one").await, harness.register("two").await];
    let mut statuses = Vec::new();
    for index in 0..12 {
        let device = &devices[index % 2];
        let plain = json!({"payload": {"text": "x".repeat(30_000)}});
        statuses.push(device.post("/messages/send", &device.seal(&plain)).await.status);
    }
    // Each takes a little more than four thirds of its plaintext.
    assert_eq!(statuses, [[200; 6], [429; 6]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn send_returns_422_for_too_many_values() {
    let harness = Harness::start(Engine::Sqlite).await;
    let one = harness.register("one").await;
    let refused = one.post("/messages/send", &one.seal(&json!({"payload": vec![json!([]); 100_001]}))).await;
    let sentence = "The ciphertext field must not hold more than 100000 values.";
    assert_eq!((refused.status, &refused.json["message"]), (422, &json!(sentence)));
}

#[tokio::test(flavor = "multi_thread")]
async fn body_with_too_many_values_returns_413() {
    let harness = Harness::start(Engine::Sqlite).await;
    let publish = async |payload: serde_json::Value| {
        let device = harness.register("one").await;
        harness.publish(&[&device], "note", payload).await.status
    };
    assert_eq!(publish(json!(vec![1; 90_000])).await, 200);
    assert_eq!(publish(json!(vec![1; 110_000])).await, 413);
    let register = harness.anonymous().request(Method::POST, "/api/v1/clients/register");
    let register = register.json(&json!({"fingerprint": "two", "more": vec![1; 12_000]}));
    assert_eq!(harness.anonymous().send(register).await.status, 413);
    // PHP's max_input_vars: a field after the thousandth one is not seen.
    let form = format!("{}&fingerprint=three", vec!["a[]=1"; 1_000].join("&"));
    let register = harness.anonymous().request(Method::POST, "/api/v1/clients/register");
    let register = register.header("Content-Type", FORM).body(form);
    assert_eq!(harness.anonymous().send(register).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_message_needs_the_id_in_the_head() {
    let harness = Harness::start(Engine::Sqlite).await;
    let one = harness.register("one").await;
    for (size, without_header) in [(100, 200), (100_000, 413)] {
        let mut body = one.seal(&json!({"payload": {"text": "x".repeat(size)}}));
        assert_eq!(one.post("/messages/send", &body).await.status, 200);
        body["client_id"] = json!(one.id);
        let client = harness.anonymous().with_token(&one.token);
        assert_eq!(client.post("/api/v1/messages/send", body).await.status, without_header, "{size} characters");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn page_of_another_site_registers_only_with_json() {
    let harness = Harness::start(Engine::Sqlite).await;
    let host = harness.sidecar.url.trim_start_matches("http://").to_owned();
    let own = format!("http://{host}");
    let register = async |kind: &str, headers: &[(&str, &str)]| {
        let body = if kind == FORM { "fingerprint=one" } else { "{\"fingerprint\":\"one\"}" };
        let request = harness.anonymous().request(Method::POST, "/api/v1/clients/register");
        let request = request.header("Content-Type", kind).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        harness.anonymous().send(request).await.status
    };
    let foreign = ("Origin", "http://evil.test");
    for kind in [FORM, "text/plain; x=/json", "multipart/form-data; boundary=x"] {
        assert_eq!(register(kind, &[foreign]).await, 403, "{kind}");
        assert_eq!(register(kind, &[("Origin", "null")]).await, 403, "{kind}");
        assert_eq!(register(kind, &[("Sec-Fetch-Site", "cross-site")]).await, 403, "{kind}");
    }
    assert_eq!(register("application/json", &[foreign]).await, 201);
    assert_eq!(register(FORM, &[]).await, 200);
    assert_eq!(register(FORM, &[("Origin", &own), ("Sec-Fetch-Site", "same-origin")]).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn poll_returns_pages_of_at_most_a_mebibyte() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let (device, other) = (harness.register("one").await, harness.register("two").await);
        for (index, size) in [300_000, 300_000, 100, 300_000, 900_000, 100].into_iter().enumerate() {
            let payload = json!({"n": index, "text": "x".repeat(size)});
            assert_eq!(harness.publish(&[&device, &other], "note", payload).await.status, 200, "{engine:?}");
        }
        let (mut pages, mut last) = (Vec::new(), 0);
        loop {
            let answer = device.poll(&format!("?cursor={last}")).await;
            let Some(messages) = answer.json["messages"].as_array() else { break };
            assert!(answer.text.len() < 1_300_000, "{engine:?}: a page of {} bytes", answer.text.len());
            pages.push(messages.len());
            last = messages.last().unwrap()["id"].as_i64().unwrap();
        }
        // Two of 400 kB as text and a small one, one of 400 kB, one of 1.2 MB alone, a small one.
        assert_eq!(pages, [3, 1, 1, 1], "{engine:?}");
        let opened = harness.get_as_operator(&format!("/clients/{}/messages", device.id)).await;
        assert_eq!(opened.json["messages"].as_array().unwrap().len(), 3, "{engine:?}");
    }
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
