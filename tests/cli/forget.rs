//! `presence-sidecar forget`: nothing about the user is left, and nobody else loses anything.

use redis::Commands;
use serde_json::{Value, json};

use super::{program, text_of};
use crate::messaging::harness::{Harness, environment};
use crate::support::{ENGINES, Process, RedisServer, TestDatabase, free_port, on_database, on_redis};

type Environment = Vec<(&'static str, String)>;

/// Presence with a webhook whose receiver is down.
fn with_webhook(mut environment: Environment) -> Environment {
    environment.push(("PRESENCE_DRIVER", "webhook".to_owned()));
    environment.push(("PRESENCE_WEBHOOK_URL", format!("http://127.0.0.1:{}/", free_port())));
    environment.push(("PRESENCE_WEBHOOK_SECRET", "the-secret-of-the-receiver-in-tests".to_owned()));
    environment
}

fn forget(environment: &Environment, arguments: &[&str]) -> std::process::Output {
    let mut command = program(&[&["forget"], arguments].concat());
    command.envs(environment.iter().map(|(name, value)| (*name, value.as_str())));
    tokio::task::block_in_place(|| command.output().unwrap())
}

/// The members of a list in a response.
fn list(answer: &Value) -> Vec<Value> {
    answer["data"].as_array().unwrap().clone()
}

/// Erases user 7, in two scopes, and leaves the users 8 and "77".
async fn forgets(environment: Environment) {
    let environment = with_webhook(environment);
    let sidecar = Process::start(&environment);
    let client = &sidecar.client;
    for body in [
        json!({"user_id": 8, "meta": {"of": "another"}}),
        json!({"user_id": 7, "meta": {"name": "Ada"}}),
        json!({"user_id": "77"}),
        json!({"user_id": 7, "scope": {"tenant": "acme", "guard": "staff"}}),
    ] {
        assert_eq!(client.post("/api/v1/presence/heartbeat", body).await.status, 200);
    }
    let present = forget(&environment, &["7"]);
    assert!(text_of(&present).contains("user:7 is online: stop the heartbeats"), "{}", text_of(&present));
    for body in [json!({"user_id": 7}), json!({"user_id": 7, "scope": {"tenant": "acme", "guard": "staff"}})] {
        assert_eq!(client.post("/api/v1/presence/offline", body).await.status, 200);
    }
    let output = forget(&environment, &["7", "--json"]);
    assert!(output.status.success(), "{}", text_of(&output));
    let erased: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(erased, json!({"states": 2, "changes": 4, "deliveries": 4, "messages": 0}));

    let status = client.get("/api/v1/presence/status/7").await.json;
    assert_eq!((&status["status"], &status["last_online_at"]), (&json!("offline"), &Value::Null), "{status}");
    assert_eq!(client.get("/api/v1/presence/counts").await.json["online"], 2);
    assert_eq!(client.get("/api/v1/presence/counts?tenant=acme&guard=staff").await.json["present"], 0);
    assert_eq!(list(&client.get("/api/v1/presence/history/7").await.json), Vec::<Value>::new());
    let users = |entries: Vec<Value>| entries.iter().map(|entry| entry["user_id"].clone()).collect::<Vec<_>>();
    let changes = client.get("/api/v1/presence/changes").await.json;
    assert_eq!(users(list(&changes)), [json!(8), json!("77")]);
    let waiting = client.get("/api/v1/webhooks/deliveries?state=pending").await.json;
    let mut waiting = users(list(&waiting));
    waiting.sort_by_key(Value::to_string);
    assert_eq!(waiting, [json!("77"), json!(8)]);

    // The log goes on: a reader at its end gets what follows, and the user can come back.
    let end = changes["next_cursor"].as_str().unwrap();
    let back = client.heartbeat(7).await.json;
    assert_eq!(back["transition"], "came_online");
    let next = client.get(&format!("/api/v1/presence/changes?after={end}")).await;
    assert_eq!(users(list(&next.json)), [json!(7)], "{}", next.text);
    assert_eq!(client.get("/api/v1/presence/explain/7").await.json["last_change"]["cause"], "heartbeat");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_about_a_user_is_left_in_redis() {
    require!("redis-server");
    let redis = RedisServer::start();
    forgets(on_redis(&redis)).await;
    // The command does not count as a running sidecar any more; the one that was killed still does.
    let running: usize = redis.connect(0).zcard("laravel-database-laravel-cache-{presence}:running").unwrap();
    assert_eq!(running, 1);
    redis.cli(&["FLUSHALL"]);
    let mut sharded = on_redis(&redis);
    sharded.push(("PRESENCE__REDIS__SHARDS", "4".to_owned()));
    forgets(sharded).await;
    let keys = redis.cli(&["-n", "0", "--raw", "KEYS", "*"]);
    assert!(keys.contains("due") && !keys.contains("tenant") && !keys.contains("acme"), "{keys}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_about_a_user_is_left_in_a_database() {
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        forgets(on_database(&database)).await;
        for (table, column) in [("sidecar_presence_changes", "name"), ("sidecar_queue_jobs", "lane")] {
            let names = database.sql(&format!("SELECT {column} FROM {table}"));
            assert!(!names.contains("acme"), "{table}: {names}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_a_user_are_erased_with_their_messages() {
    for engine in ENGINES {
        let more = [("PRESENCE_CACHE_STORE", "database")];
        let harness = Harness::on(TestDatabase::create(engine), &more).await;
        let (gone, kept) = (harness.register("gone").await, harness.register("kept").await);
        harness.publish(&[&gone, &kept], "chat", json!({"n": 1})).await;
        let environment = environment(&harness.database, &more);
        let output = forget(&environment, &["7", "--clients", &gone.id, "--json"]);
        assert!(output.status.success(), "{engine:?}: {}", text_of(&output));
        let erased: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(erased["messages"], 1);
        for table in ["clients", "messages"] {
            assert_eq!(harness.database.sql(&format!("SELECT COUNT(*) FROM {table}")).trim(), "1", "{table}");
        }
        assert_eq!(gone.poll("").await.status, 401);
        assert_eq!(kept.poll("").await.status, 200);
        let again = forget(&environment, &["7", "--clients", &gone.id]);
        assert!(text_of(&again).contains("no client has the id"), "{}", text_of(&again));
    }
}

#[test]
fn presence_in_memory_and_wrong_ids_are_refused_by_name() {
    let storage = tempfile::TempDir::new().unwrap();
    let run = |arguments: &[&str], store: &str| {
        let mut command = program(&[&["forget"], arguments].concat());
        command.env("PRESENCE_STORAGE", storage.path()).env("PRESENCE_CACHE_STORE", store);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        text_of(&output)
    };
    assert!(run(&["7"], "array").contains("cache.store = array"));
    assert!(run(&["7", "--clients", "nobody"], "array").contains("nobody is not the id of a client"));
    assert!(run(&["a|b"], "database").contains("a|b"));
}
