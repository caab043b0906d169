//! One version forward and back on the same store: 0.1.0, this version, and 0.1.0 again. By hand, with `tests/upgrade/rolling`,
//! since it takes a binary of 0.1.0.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::list;
use super::rolling::binaries;
use crate::cli::backup::{read_messages, register};
use crate::messaging::harness::{ADMIN, APP_KEY, Device};
use crate::support::{Client, Engine, Process, Receiver, RedisServer, TestDatabase, free_port, on_database, on_redis};

type Environment = Vec<(&'static str, String)>;

/// The environment of sidecars of both versions, which post to this port.
fn posting_to(port: u16, environment: &Environment) -> Environment {
    let more = [
        ("APP_KEY", APP_KEY),
        ("ADMIN_TOKEN", ADMIN),
        ("PRESENCE__MESSAGING__LIMITS__POLL", "100000,1"),
        ("PRESENCE_TTL", "3600"),
        ("PRESENCE_AWAY_AFTER", "3000"),
        ("PRESENCE_DRIVER", "webhook"),
        ("PRESENCE_WEBHOOK_URL", format!("http://127.0.0.1:{port}/").as_str()),
        ("PRESENCE_WEBHOOK_SECRET", "secret-of-the-upgrade-tests"),
        ("PRESENCE__WEBHOOK__SCHEDULE", ["1s"; 60].join(",").as_str()),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    environment.iter().cloned().chain(more).collect()
}

async fn publish(client: &Client, device: &Device, number: u64) {
    let request = client.with_token("").request(reqwest::Method::POST, "/api/v1/messages/publish");
    let body = json!({"to_client_ids": [device.id], "type": "n", "payload": {"n": number}});
    let answer = client.send(request.header("X-Admin-Token", ADMIN).json(&body)).await;
    assert!(answer.status < 300, "{}", answer.text);
}

/// Checks that users are still online, and were last seen no earlier than these times.
async fn assert_online(client: &Client, since: &[(&str, Value)]) {
    for (user, since) in since {
        let status = client.get(&format!("/api/v1/presence/status/{user}")).await.json;
        assert_eq!(status["status"], "online", "{user}: {status}");
        assert!(status["last_online_at"].as_str() >= since.as_str(), "{user}: {status}, but {since} was answered");
        let again = client.heartbeat(*user).await.json;
        assert_eq!(again["transition"], Value::Null, "{user}: {again}");
    }
}

async fn came_online(client: &Client, user: &'static str) -> (&'static str, Value) {
    let answer = client.heartbeat(user).await.json;
    assert_eq!(answer["transition"], "came_online", "{answer}");
    (user, answer["last_online_at"].clone())
}

/// Stops a sidecar as an upgrade does.
fn stop(mut sidecar: Process) {
    assert!(sidecar.terminate().success(), "{}", sidecar.log());
}

async fn forward_and_back(environment: Environment) {
    let [old, new] = binaries();
    let away = posting_to(free_port(), &environment);
    let sidecar = Process::start_binary(&old, &away);
    let device = register(&sidecar.client).await;
    let first = came_online(&sidecar.client, "first").await;
    publish(&sidecar.client, &device, 1).await;
    stop(sidecar);

    let sidecar = Process::start_binary(&new, &away);
    assert_online(&sidecar.client, std::slice::from_ref(&first)).await;
    let second = came_online(&sidecar.client, "second").await;
    publish(&sidecar.client, &device, 2).await;
    stop(sidecar);

    let receiver = Receiver::start().await;
    let port = reqwest::Url::parse(&receiver.url).unwrap().port().unwrap();
    let sidecar = Process::start_binary(&old, &posting_to(port, &environment));
    assert_online(&sidecar.client, &[first, second]).await;
    came_online(&sidecar.client, "third").await;
    publish(&sidecar.client, &device, 3).await;
    assert_eq!(read_messages(&device.at(&sidecar.client), 3).await, [1, 2, 3]);
    let log = sidecar.client.get("/api/v1/presence/changes").await.json;
    let users: Vec<&Value> = list(&log["data"]).iter().map(|change| &change["user_id"]).collect();
    assert_eq!(users, ["first", "second", "third"], "{log}");
    let deadline = Instant::now() + Duration::from_secs(60);
    let posted = || -> BTreeSet<String> {
        let users = receiver.posts().into_iter().map(|post| post.json()["user_id"].as_str().unwrap().to_owned());
        users.collect()
    };
    while posted().len() < 3 {
        assert!(Instant::now() < deadline, "only {:?} were posted", posted());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "by hand: tests/upgrade/rolling"]
async fn former_version_continues_what_this_one_wrote_on_each_database() {
    for engine in [Engine::Sqlite, Engine::MariaDb, Engine::Postgres] {
        let database = TestDatabase::create(engine);
        forward_and_back(on_database(&database)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "by hand: tests/upgrade/rolling"]
async fn former_version_continues_what_this_one_wrote_in_redis() {
    let (redis, database) = (RedisServer::start(), TestDatabase::create(Engine::Sqlite));
    let queue = ("QUEUE_CONNECTION", "redis".to_owned());
    forward_and_back(on_redis(&redis).into_iter().chain(database.environment()).chain([queue]).collect()).await;
}
