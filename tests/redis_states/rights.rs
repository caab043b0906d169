//! A Redis user that may not do everything: told, red, and nothing is lost.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Process, Receiver, RedisServer, Sidecar, on_redis};

const PREFIX: &str = "laravel-database-laravel-cache-";

fn as_user(redis: &RedisServer) -> Vec<(&'static str, String)> {
    let mut environment = on_redis(redis);
    environment.extend([("REDIS_USERNAME", "limited".to_owned()), ("REDIS_PASSWORD", "pw".to_owned())]);
    environment
}

/// A user who may do everything, but for these rules.
fn limit(redis: &RedisServer, rules: &[&str]) {
    let all = ["ACL", "SETUSER", "limited", "reset", "on", ">pw", "~*", "&*", "+@all"];
    let answer = redis.cli(&[&all, rules].concat());
    assert_eq!(answer.trim(), "OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_right_is_told_and_no_transition_is_lost() {
    require!("redis-server");
    for (rule, remedy) in [
        ("-hsetnx", "ACL SETUSER limited +hsetnx"),
        ("-evalsha", "ACL SETUSER limited +evalsha"),
        ("-setex", "ACL SETUSER limited +setex"),
        ("-xadd", "ACL SETUSER limited +xadd"),
        ("resetkeys", "ACL SETUSER limited ~laravel-database-laravel-cache-*"),
    ] {
        let (redis, receiver) = (RedisServer::start(), Receiver::start().await);
        limit(&redis, &[rule]);
        let mut environment = as_user(&redis);
        environment.extend([
            ("PRESENCE_DRIVER", "webhook".to_owned()),
            ("PRESENCE_WEBHOOK_URL", receiver.url.clone()),
            ("PRESENCE_WEBHOOK_SECRET", "secret".to_owned()),
        ]);
        let sidecar = Sidecar::with(&environment).await;
        for _ in 0..2 {
            assert_eq!(sidecar.client.heartbeat(1).await.status, 503, "{rule}");
        }
        let ready = sidecar.client.get("/ready").await;
        assert_eq!(ready.status, 503, "{rule}");
        assert!(ready.json["reason"].as_str().unwrap().contains(remedy), "{rule}: {}", ready.text);
        assert!(!ready.text.contains("pw"), "{}", ready.text);
        limit(&redis, &[]);
        let answer = sidecar.client.heartbeat(1).await;
        assert_eq!((answer.status, &answer.json["transition"]), (200, &json!("came_online")), "{rule}");
        assert_eq!(receiver.wait_for(1).await[0].json()["event"], "online", "{rule}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn right_that_is_taken_away_is_noticed() {
    require!("redis-server");
    let redis = RedisServer::start();
    limit(&redis, &[]);
    let sidecar = Sidecar::with(&as_user(&redis)).await;
    assert_eq!(sidecar.client.heartbeat(1).await.status, 200);
    limit(&redis, &["-zadd"]);
    assert_eq!(sidecar.client.heartbeat(2).await.status, 503);
    let ready = sidecar.client.get("/ready").await;
    assert!(ready.text.contains("+zadd"), "{}", ready.text);
    limit(&redis, &[]);
    assert_eq!(sidecar.client.heartbeat(2).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn start_log_and_doctor_print_the_missing_rules() {
    require!("redis-server");
    let redis = RedisServer::start();
    limit(&redis, &["-hsetnx", "-zscan", "-info"]);
    let sidecar = Process::start(&as_user(&redis));
    let deadline = Instant::now() + Duration::from_secs(20);
    while !sidecar.log().contains("ACL SETUSER limited +zscan +hsetnx") {
        assert!(Instant::now() < deadline, "{}", sidecar.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let storage = tempfile::TempDir::new().unwrap();
    let doctor = std::process::Command::new(env!("CARGO_BIN_EXE_presence-sidecar"))
        .arg("doctor")
        .env_clear()
        .envs(as_user(&redis))
        .env("PRESENCE_TOKEN", crate::support::TOKEN)
        .env("PRESENCE_STORAGE", storage.path())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&doctor.stdout);
    assert!(printed.contains("ACL SETUSER limited +zscan +hsetnx"), "{printed}");
    assert!(!printed.contains(" pw"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn least_rights_of_the_documentation_are_sufficient() {
    require!("redis-server");
    let redis = RedisServer::start();
    let text = std::fs::read_to_string(crate::support::fixture("../docker/README.md")).unwrap();
    let line = text.lines().find(|line| line.starts_with("ACL SETUSER presence ")).unwrap();
    let rules: Vec<&str> = line
        .split(' ')
        .skip(3)
        .map(|rule| if rule.starts_with('~') { "~laravel-database-laravel-cache-*" } else { rule })
        .collect();
    let all = ["ACL", "SETUSER", "limited", "reset", "on", ">pw"];
    assert_eq!(redis.cli(&[&all, rules.as_slice()].concat()).trim(), "OK");
    let receiver = Receiver::start().await;
    let mut environment = as_user(&redis);
    environment.extend([
        ("PRESENCE_DRIVER", "webhook".to_owned()),
        ("PRESENCE_WEBHOOK_URL", receiver.url.clone()),
        ("PRESENCE_WEBHOOK_SECRET", "secret".to_owned()),
        ("PRESENCE__WEBHOOK__DEBOUNCE_SECONDS", "1".to_owned()),
    ]);
    let sidecar = Sidecar::with(&environment).await;
    let client = &sidecar.client;
    assert_eq!(client.get("/ready").await.status, 200);
    for (path, body) in [
        ("heartbeat", json!({"user_id": 1})),
        ("offline", json!({"user_id": 1})),
        ("online", json!({"user_id": 1})),
        ("many", json!({"user_ids": [1, 2]})),
    ] {
        assert_eq!(client.post(&format!("/api/v1/presence/{path}"), body).await.status, 200, "{path}");
    }
    for path in [
        "presence/status/1",
        "presence/counts",
        "presence/roster",
        "presence/snapshot",
        "presence/changes",
        "webhooks/deliveries",
    ] {
        assert_eq!(client.get(&format!("/api/v1/{path}")).await.status, 200, "{path}");
    }
    receiver.wait_for(1).await;
    let refused = redis.cli(&["ACL", "LOG"]);
    let lines: Vec<&str> = refused.lines().collect();
    let objects: Vec<&str> = lines.windows(2).filter(|pair| pair[0] == "object").map(|pair| pair[1]).collect();
    // Redis 7.2 and newer know CLIENT SETINFO, with which clients name themselves.
    let is_harmless = |object: &&str| matches!(*object, "info" | "config|get" | "client|setinfo");
    assert!(objects.iter().all(is_harmless), "{refused}");
    assert!(redis.cli(&["KEYS", "*rights*"]).trim().is_empty());
    assert!(redis.cli(&["-n", "1", "KEYS", &format!("{PREFIX}presence|ready")]).trim().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn right_to_wait_for_replicas_is_told() {
    require!("redis-server");
    let redis = RedisServer::start();
    limit(&redis, &["-wait"]);
    let mut environment = as_user(&redis);
    environment.push(("PRESENCE__REDIS__WAIT_REPLICAS", "1".to_owned()));
    let sidecar = Sidecar::with(&environment).await;
    assert_eq!(sidecar.client.heartbeat(1).await.status, 503);
    let ready = sidecar.client.get("/ready").await;
    assert!(ready.status == 503 && ready.text.contains("ACL SETUSER limited +wait"), "{}", ready.text);
}
