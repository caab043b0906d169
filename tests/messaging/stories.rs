//! The operations of clients, applications and operators, on every engine.

use serde_json::{Value, json};

use super::harness::{ADMIN, Device, Harness, crypt};
use crate::support::{ENGINES, Engine, TestDatabase};

#[tokio::test(flavor = "multi_thread")]
async fn message_reaches_its_recipients_and_is_acknowledged() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let (one, two) = (harness.register("one").await, harness.register("two").await);
        let payload = json!({"text": "Grüße/1 😀", "f": 1.0, "e": {}, "l": [], "s": "", "sp": "  x  "});
        let answer = harness.publish(&[&one, &two, &one], "event", payload.clone()).await;
        assert_eq!((answer.status, answer.json), (200, json!({"queued": 3})));

        let messages = one.messages("").await;
        assert_eq!(messages.len(), 2, "an id that is listed twice gets two messages");
        assert_eq!(two.messages("").await.len(), 1);
        let opened = one.open(&messages[0]).unwrap();
        assert_eq!((&opened["type"], &opened["payload"]), (&json!("event"), &payload), "the payload is unchanged");
        assert_eq!(opened["ts"], messages[0]["created_at"]);
        assert!(two.open(&messages[0]).is_none(), "the key of another client opens nothing");

        let [first, second] = [0, 1].map(|place: usize| messages[place]["id"].as_i64().unwrap());
        assert_eq!(one.messages(&format!("?cursor={first}")).await.len(), 1);
        assert_eq!(one.acknowledge(second).await.json, json!({"status": "acked"}));
        assert_eq!(one.poll("").await.status, 204);
        assert_eq!(one.acknowledge(first).await.status, 200);
        assert_eq!(one.poll("").await.status, 204, "the acknowledged id does not decrease");
        assert_eq!(one.messages("?cursor=-1").await.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sent_message_is_stored_and_relayed_once() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let (one, two) = (harness.register("one").await, harness.register("two").await);
        let unknown = "11111111-1111-4111-8111-111111111111";
        let to_itself = json!({"type": "chat", "payload": {"t": "me"}, "to_client_ids": [one.id]});
        let plain = json!({"type": "chat", "payload": {"t": "hi"}, "to_client_ids": [two.id, unknown, "nope", 7]});
        let body = one.seal(&plain);
        for _ in 0..3 {
            let answer = one.post("/messages/send", &body).await;
            assert_eq!((answer.status, &answer.json), (200, &json!({"status": "accepted"})), "{}", answer.text);
        }
        let own = one.messages("").await;
        assert_eq!(own.len(), 1);
        assert_eq!(one.open(&own[0]).unwrap(), plain);
        assert_eq!(own[0]["from_client_id"], json!(one.id));
        let relayed = two.messages("").await;
        assert_eq!(relayed[0]["from_client_id"], json!(one.id), "a relayed message names its sender, {engine:?}");
        harness.publish(&[&two], "chat", json!({"t": "hi"})).await;
        let published = two.messages("").await.pop().unwrap();
        assert_eq!(published.get("from_client_id"), Some(&json!(null)), "the application is no client, {engine:?}");
        assert_eq!((relayed.len(), &relayed[0]["type"]), (1, &json!("chat")));
        assert_eq!(two.open(&relayed[0]).unwrap()["payload"], json!({"t": "hi"}));

        let seen = harness.get_as_operator(&format!("/clients/{}/messages", two.id)).await;
        assert_eq!(seen.json["messages"][0]["from_client_id"], json!(one.id));
        assert_eq!(seen.json["messages"][0]["payload"]["payload"], json!({"t": "hi"}));
        assert_eq!(harness.get_as_operator(&format!("/clients/{unknown}/messages")).await.status, 404);

        assert_eq!(one.post("/messages/send", &one.seal(&to_itself)).await.status, 200);
        let seen = harness.get_as_operator(&format!("/clients/{}/messages", one.id)).await;
        let payloads: Vec<_> = seen.json["messages"].as_array().unwrap().iter().map(|each| &each["payload"]).collect();
        assert_eq!(payloads[..2], [&plain, &to_itself], "{engine:?}");
        assert_eq!(payloads[2]["payload"], json!({"t": "me"}), "it relayed a message to itself, {engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scalar_payload_is_relayed_unchanged() {
    let harness = Harness::start(Engine::Sqlite).await;
    let (one, two) = (harness.register("one").await, harness.register("two").await);
    for payload in [json!("hi"), json!(1.0), json!(false)] {
        let plain = json!({"payload": payload, "to_client_ids": [two.id]});
        assert_eq!(one.post("/messages/send", &one.seal(&plain)).await.status, 200, "the reference server fails here");
        assert_eq!(two.open(two.messages("").await.last().unwrap()).unwrap()["payload"], payload);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn publication_with_an_idempotency_key_is_stored_once() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let device = harness.register("one").await;
        let publish = async |key: &str, n: i32| {
            let request = harness.anonymous().request(reqwest::Method::POST, "/api/v1/messages/publish");
            let body = json!({"to_client_ids": [device.id], "type": "event", "payload": {"n": n}});
            let request = request.header("X-Admin-Token", ADMIN).header("Idempotency-Key", key).json(&body);
            assert_eq!(harness.anonymous().send(request).await.json, json!({"queued": 1}));
        };
        publish("a", 1).await;
        publish("a", 1).await;
        assert_eq!(device.messages("").await.len(), 1);
        publish("b", 1).await;
        publish("a", 2).await;
        assert_eq!(device.messages("").await.len(), 3, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn register_with_another_spelling_returns_no_secrets_of_another_client() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let beta = harness.register("fp-beta").await;
        for other in ["FP-BETA", "fp-bëta"] {
            let answer = harness.anonymous().post("/api/v1/clients/register", json!({"fingerprint": other})).await;
            // MariaDB's collation considers them equal, and its unique index refuses the second.
            let expected = if engine == Engine::MariaDb { 409 } else { 201 };
            assert_eq!(answer.status, expected, "{other} on {engine:?}: {}", answer.text);
            assert!(!answer.text.contains(&beta.token));
        }
        assert_eq!(harness.register(" fp-beta\u{200b}").await.token, beta.token);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_registrations_get_the_same_credentials() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let registrations = (0..8).map(|_| {
            let anonymous = harness.anonymous();
            tokio::spawn(
                async move { anonymous.post("/api/v1/clients/register", json!({"fingerprint": "same"})).await },
            )
        });
        let mut answers = Vec::new();
        for registration in registrations.collect::<Vec<_>>() {
            answers.push(registration.await.unwrap());
        }
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{engine:?}");
        assert!(answers.iter().all(|answer| answer.json == answers[0].json), "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn client_rotates_its_token_and_is_revoked() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let old = harness.register("one").await;
        assert_eq!(harness.publish(&[&old], "event", json!({"n": 1})).await.status, 200);
        let rotated = old.post("/clients/rotate", &json!({})).await;
        let new = Device::new(&harness.anonymous(), &rotated.json);
        assert_eq!((rotated.status, &new.id, &new.key), (200, &old.id, &old.key));
        assert_eq!((old.poll("").await.status, new.poll("").await.status), (401, 200));
        assert_eq!(harness.register("one").await.token, new.token);

        let revoke = || {
            let path = format!("/api/v1/operators/clients/{}/revoke", new.id);
            harness
                .anonymous()
                .request(reqwest::Method::POST, &path)
                .header("X-Operator-Token", super::harness::OPERATOR)
        };
        assert_eq!(harness.anonymous().send(revoke()).await.json, json!({"status": "revoked"}));
        assert_eq!(new.poll("").await.status, 401);
        assert_ne!(harness.register("one").await.id, new.id, "its fingerprint is released");
        let seen = harness.get_as_operator(&format!("/clients/{}/messages", new.id)).await;
        assert_eq!(seen.json["messages"][0]["payload"]["payload"], json!({"n": 1}), "its messages stay");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_list_clients_in_pages() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let mut ids = Vec::new();
        for n in 0..5 {
            ids.push(harness.register(&format!("fp-{n}")).await.id);
        }
        let device = harness.register("fp-0").await;
        assert_eq!(device.poll("").await.status, 204);
        let all = harness.get_as_operator("/clients").await;
        let status = |id: &str| {
            let clients = all.json["clients"].as_array().unwrap();
            clients.iter().find(|client| client["id"] == id).unwrap()["status"].clone()
        };
        assert_eq!((status(&ids[0]), status(&ids[1])), (json!("online"), json!("offline")));

        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = harness.get_as_operator(&format!("/clients?limit=2{cursor}")).await;
            assert_eq!(page.status, 200, "{}", page.text);
            paged.extend(page.json["clients"].as_array().unwrap().iter().map(|client| client["id"].clone()));
            let Some(next) = page.json["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={}", next.replace(' ', "%20"));
        }
        let (mut paged, mut ids): (Vec<Value>, Vec<Value>) = (paged, ids.into_iter().map(Value::from).collect());
        paged.sort_by_key(Value::to_string);
        ids.sort_by_key(Value::to_string);
        assert_eq!(paged, ids, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_contain_no_plaintext_and_no_secret() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let device = harness.register("one").await;
        harness.publish(&[&device], "event", json!({"secret": "plain-as-day"})).await;
        device.post("/messages/send", &device.seal(&json!({"secret": "plain-as-day"}))).await;
        for table in ["clients", "messages", "message_receipts", "sidecar_done_steps"] {
            let rows = harness.database.sql(&format!("SELECT * FROM {table}"));
            for secret in ["plain-as-day", &device.token, &device.key] {
                assert!(!rows.contains(secret), "{table} has {secret}");
            }
        }
        let stored = harness.database.sql("SELECT encryption_key_encrypted FROM clients");
        assert_eq!(crypt().decrypt(stored.trim()).unwrap().as_slice(), device.key.as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_without_a_configured_token_are_closed() {
    let database = TestDatabase::create(Engine::Sqlite);
    let shut = [("ADMIN_TOKEN", ""), ("OPERATOR_TOKENS", ","), ("PRESENCE__REGISTRATION__TOKEN", "let-me-in-please")];
    let harness = Harness::on(database, &shut).await;
    let post =
        |path: &str| harness.anonymous().request(reqwest::Method::POST, path).json(&json!({"fingerprint": "one"}));
    for token in ["", "changeme-admin"] {
        let answer = harness.anonymous().send(post("/api/v1/messages/publish").header("X-Admin-Token", token)).await;
        assert_eq!((answer.status, answer.json), (403, json!({"message": "Invalid admin token"})));
        let get = harness.anonymous().request(reqwest::Method::GET, "/api/v1/operators/clients");
        let status = harness.anonymous().send(get.header("X-Operator-Token", token)).await.status;
        assert_eq!(status, if token.is_empty() { 401 } else { 403 });
    }
    let refused = harness.anonymous().send(post("/api/v1/clients/register")).await;
    assert_eq!((refused.status, refused.json), (403, json!({"message": "Invalid registration token"})));
    let let_in = post("/api/v1/clients/register").header("X-Registration-Token", "let-me-in-please");
    assert_eq!(harness.anonymous().send(let_in).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_limits_count_per_client_and_per_address_for_invalid_tokens() {
    let limits = [
        ("PRESENCE__MESSAGING__LIMITS__POLL", "3,1"),
        ("PRESENCE__MESSAGING__LIMITS__API", "2,1"),
        ("PRESENCE__MESSAGING__LIMITS__REGISTER", "2,1"),
    ];
    let harness = Harness::on(TestDatabase::create(Engine::Sqlite), &limits).await;
    let (one, two) = (harness.register("one").await, harness.register("two").await);
    let third = harness.anonymous().post("/api/v1/clients/register", json!({"fingerprint": "three"})).await;
    assert_eq!((third.status, third.json), (429, json!({"message": "Too Many Attempts."})));
    let remaining =
        |answer: &crate::support::Answer| answer.headers["x-ratelimit-remaining"].to_str().unwrap().to_owned();
    for left in ["2", "1", "0"] {
        let answer = one.poll("").await;
        assert_eq!((answer.status, remaining(&answer).as_str()), (204, left));
    }
    let shut = one.poll("").await;
    assert_eq!((shut.status, shut.headers["x-ratelimit-limit"].to_str().unwrap()), (429, "3"));
    assert!(shut.headers.contains_key("retry-after"));
    assert_eq!(one.acknowledge(1).await.status, 200, "another limit");
    assert_eq!(two.poll("").await.status, 204, "another client");

    // Requests with an invalid token count by address, and not against the client.
    let guess = json!({"client_id": two.id, "api_token": "guess", "personal_token": two.key});
    let guess = Device::new(&harness.anonymous(), &guess);
    for status in [401, 401, 401, 429] {
        assert_eq!(guess.poll("").await.status, status);
    }
    assert_eq!(two.poll("").await.status, 204);
}
