//! Fan-out through a queue: queued before the response, done by a worker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use presence_sidecar::messaging::domain::ClientId;
use presence_sidecar::messaging::service::{Fanout, QUEUE};
use presence_sidecar::messaging::worker::FanoutWorker;
use presence_sidecar::messaging::{Messaging, MessagingOptions, Metrics, SendLimits};
use presence_sidecar::php::date;
use presence_sidecar::queue::{JobState, NewJob, Queue, SqlQueue};
use presence_sidecar::storage::sql::Database;
use presence_sidecar::telemetry::Registry;
use serde_json::{Value, json};

use super::harness::{ADMIN, Device, Harness, OPERATOR, crypt};
use crate::storage::{config, migrated};
use crate::support::{Answer, ENGINES, Engine, RedisServer, TestDatabase};

/// Waits until a client has `count` messages; returns their payloads.
async fn wait_for_messages(device: &Device, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let messages = device.messages("?cursor=-1").await;
        if messages.len() >= count {
            return messages.iter().map(|message| device.open(message).unwrap()["payload"].clone()).collect();
        }
        assert!(Instant::now() < deadline, "{} of {count} have arrived", messages.len());
    }
}

async fn publish_once(harness: &Harness, to: &[&Device], key: &str) -> Answer {
    let ids: Vec<&str> = to.iter().map(|device| device.id.as_str()).collect();
    let request = harness.anonymous().request(reqwest::Method::POST, "/api/v1/messages/publish");
    let request = request.header("X-Admin-Token", ADMIN).header("Idempotency-Key", key);
    harness.anonymous().send(request.json(&json!({"to_client_ids": ids, "type": "event", "payload": {"n": key}}))).await
}

/// Publishes to many clients through the queue that `more` names, and checks the order.
async fn assert_order(database: TestDatabase, more: &[(&'static str, &str)]) {
    let engine = database.engine;
    let harness = Harness::on(database, more).await;
    let mut devices = Vec::new();
    for n in 0..20 {
        devices.push(harness.register(&format!("fp-{n}")).await);
    }
    let recipients: Vec<&Device> = devices.iter().collect();
    // Large ones are queued; small ones are stored at once, unless others wait in the queue.
    let payload = |n: usize| json!({"n": n, "text": "x".repeat(if n.is_multiple_of(3) { 60_000 } else { 0 })});
    for n in 0..10 {
        let answer = harness.publish(&recipients, "event", payload(n)).await;
        assert_eq!((answer.status, answer.json), (200, json!({"queued": 20})));
    }
    for device in &devices {
        let expected: Vec<Value> = (0..10).map(payload).collect();
        assert_eq!(wait_for_messages(device, 10).await, expected, "{engine:?}");
    }
    let [sender, receiver] = [&devices[0], &devices[1]];
    let relayed = json!({"type": "note", "to_client_ids": [receiver.id], "payload": {"n": 10}});
    assert_eq!(sender.post("/messages/send", &sender.seal(&relayed)).await.json, json!({"status": "accepted"}));
    assert_eq!(wait_for_messages(receiver, 11).await[10], json!({"n": 10}));
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_publications_arrive_in_order() {
    slow!();
    for engine in ENGINES {
        assert_order(TestDatabase::create(engine), &[("QUEUE_CONNECTION", "database")]).await;
    }
    require!("redis-server");
    let redis = RedisServer::start();
    let (port, queue) = (redis.port().to_string(), ("QUEUE_CONNECTION", "redis"));
    assert_order(TestDatabase::create(Engine::Sqlite), &[queue, ("REDIS_PORT", &port)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_publication_with_the_same_key_is_fanned_out_once() {
    for engine in ENGINES {
        let harness = Harness::on(TestDatabase::create(engine), &[("QUEUE_CONNECTION", "database")]).await;
        let device = harness.register("one").await;
        for key in ["a", "a", "b", "a"] {
            assert_eq!(publish_once(&harness, &[&device], key).await.json, json!({"queued": 1}));
        }
        harness.publish(&[&device], "event", json!({"n": "last"})).await;
        let expected = ["a", "b", "last"].map(|n| json!({"n": n}));
        assert_eq!(wait_for_messages(&device, 3).await, expected, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn publish_returns_503_and_stores_nothing_while_the_queue_is_down() {
    require!("redis-server");
    let mut redis = RedisServer::start();
    let port = redis.port().to_string();
    let more = [("QUEUE_CONNECTION", "redis"), ("REDIS_PORT", port.as_str())];
    let harness = Harness::on(TestDatabase::create(Engine::Sqlite), &more).await;
    let device = harness.register("one").await;
    redis.stop();
    assert_eq!(publish_once(&harness, &[&device], "a").await.status, 503);
    redis.run();
    let deadline = Instant::now() + Duration::from_secs(20);
    while publish_once(&harness, &[&device], "b").await.status != 200 {
        assert!(Instant::now() < deadline, "it did not recover");
    }
    assert_eq!(wait_for_messages(&device, 1).await, [json!({"n": "b"})]);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_polls_messages_failures_and_jobs() {
    let harness = Harness::on(TestDatabase::create(Engine::Sqlite), &[("QUEUE_CONNECTION", "database")]).await;
    let device = harness.register("one").await;
    harness.publish(&[&device], "event", json!({"n": 1})).await;
    wait_for_messages(&device, 1).await;
    assert_eq!(device.with_token("wrong").poll("").await.status, 401);
    let metrics = harness.anonymous().get("/metrics").await.text;
    let value = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name} is not in\n{metrics}"))
            .rsplit(' ')
            .next()
            .unwrap()
            .parse::<f64>()
            .unwrap()
    };
    assert!(value("messaging_polls_total") >= 1.0);
    assert!((value("messaging_messages_stored_total") - 1.0).abs() < 0.1);
    assert!((value("messaging_auth_failures_total") - 1.0).abs() < 0.1);
    assert!(value("messaging_database_seconds_count{call=\"deliver\"}") >= 1.0);
    for name in ["pending", "oldest_pending_seconds", "dead_letters"] {
        value(&format!("messaging_fan_out_{name}"));
    }
}

/// A messaging service whose worker is driven by the test, its queue, and a client.
pub(super) struct ManualFanout {
    pub messaging: Messaging,
    pub worker: FanoutWorker,
    pub queue: Arc<SqlQueue>,
    pub client: ClientId,
    pub test: TestDatabase,
}

impl ManualFanout {
    pub async fn on(engine: Engine) -> Self {
        let test = TestDatabase::create(engine);
        let (database, names) = migrated(&test).await;
        let queue = Arc::new(SqlQueue::new(database.clone(), &names));
        let (messaging, tasks) = Messaging::new(MessagingOptions {
            database: Database::open(&config(&test, &[]).database),
            names,
            crypt: crypt(),
            zone: chrono_tz::UTC,
            limits: SendLimits { recipients: 100, stored_bytes: 1 << 20 },
            bcrypt_cost: 4,
            replace_lost_keys: false,
            queue: Some(queue.clone()),
            metrics: Metrics::new(&Registry::new()),
        });
        tasks.into_iter().for_each(|(_, task)| drop(tokio::spawn(task)));
        let fingerprint = presence_sidecar::messaging::domain::Fingerprint::new("one").unwrap();
        let client = match messaging.clients.register(&fingerprint, None).await.unwrap() {
            presence_sidecar::messaging::service::RegistrationResult::Created(credentials)
            | presence_sidecar::messaging::service::RegistrationResult::Found(credentials) => credentials.id,
        };
        let worker = FanoutWorker::new(&messaging).unwrap();
        Self { messaging, worker, queue, client, test }
    }

    pub fn fanout(&self, id: &str) -> Fanout {
        let (kind, payload) = ("event".to_owned(), r#"{"n":1}"#.to_owned());
        Fanout { id: id.to_owned(), from: None, kind, payload, recipients: vec![self.client.clone()] }
    }

    pub fn stored(&self) -> String {
        self.test.sql("SELECT COUNT(*) FROM messages").trim().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn job_that_was_done_but_not_settled_stores_nothing_the_second_time() {
    for engine in ENGINES {
        let manual = ManualFanout::on(engine).await;
        manual.messaging.publisher.enqueue(&manual.fanout("a")).await.unwrap();
        assert_eq!(manual.stored(), "0", "{engine:?}: the job is queued, not done");
        // A worker that stores the messages and crashes before it settles the job.
        let job = manual.queue.claim(QUEUE, 1, Duration::from_millis(1)).await.unwrap().remove(0);
        manual.queue.push(QUEUE, &[copy(&job)]).await.unwrap();
        let fan_out = async || manual.worker.fan_out_once().await.unwrap();
        while fan_out().await == 0 {}
        assert_eq!((manual.stored().as_str(), fan_out().await), ("1", 0), "{engine:?}");
        manual.queue.push(QUEUE, &[copy(&job)]).await.unwrap();
        assert_eq!((fan_out().await, manual.stored().as_str()), (1, "1"), "{engine:?}");
    }
}

fn copy(job: &presence_sidecar::queue::Job) -> NewJob<'_> {
    NewJob { id: &job.id, lane: &job.lane, payload: &job.payload, delay: Duration::ZERO }
}

#[tokio::test(flavor = "multi_thread")]
async fn job_of_another_app_key_becomes_a_dead_letter_and_does_not_block_its_lane() {
    let manual = ManualFanout::on(Engine::Sqlite).await;
    let job = NewJob { id: "x", lane: "0", payload: b"not of this key", delay: Duration::ZERO };
    manual.queue.push(QUEUE, &[job]).await.unwrap();
    manual.messaging.publisher.enqueue(&manual.fanout("a")).await.unwrap();
    while manual.stored() == "0" {
        manual.worker.fan_out_once().await.unwrap();
    }
    let dead = manual.queue.list(QUEUE, JobState::Dead, None, 10).await.unwrap();
    assert_eq!((dead[0].id.as_str(), dead[0].attempts.last.as_str()), ("x", "the job does not decrypt"));
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_list_and_replay_dead_fan_out_jobs() {
    let harness = Harness::on(TestDatabase::create(Engine::Sqlite), &[("QUEUE_CONNECTION", "database")]).await;
    let device = harness.register("one").await;
    harness.database.sql("ALTER TABLE messages RENAME COLUMN tag TO elsewhere");
    harness.publish(&[&device], "alarm", json!({"n": 1})).await;
    let listed =
        async |state: &str| harness.get_as_operator(&format!("/fan-outs?state={state}")).await.json["data"].clone();
    let deadline = Instant::now() + Duration::from_secs(30);
    while listed("pending").await[0]["tries"] != json!(1) {
        assert!(Instant::now() < deadline, "the job is not attempted");
    }
    let job = listed("pending").await[0].clone();
    assert_eq!((&job["type"], &job["recipients"]), (&json!("alarm"), &json!(1)));
    assert!(job["last"].as_str().unwrap().contains("the database rejected"), "{job}");
    // As after ten attempts.
    harness.database.sql("UPDATE sidecar_queue_jobs SET dead = 1");
    harness.database.sql("DELETE FROM sidecar_queue_lanes");
    harness.database.sql("ALTER TABLE messages RENAME COLUMN elsewhere TO tag");
    assert_eq!(listed("pending").await, json!([]));
    assert_eq!(listed("dead").await[0]["id"], job["id"]);
    let request = harness.anonymous().request(reqwest::Method::POST, "/api/v1/operators/fan-outs/replay");
    let replayed = harness.anonymous().send(request.header("X-Operator-Token", OPERATOR)).await;
    assert_eq!(replayed.json, json!({"replayed": 1}));
    assert_eq!(wait_for_messages(&device, 1).await, [json!({"n": 1})]);
    assert_eq!(listed("dead").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn job_is_retried_until_the_missing_table_exists() {
    slow!();
    for engine in ENGINES {
        let manual = ManualFanout::on(engine).await;
        manual.messaging.publisher.enqueue(&manual.fanout("a")).await.unwrap();
        manual.test.sql("ALTER TABLE messages RENAME TO elsewhere");
        assert_eq!(manual.worker.fan_out_once().await.unwrap(), 1);
        let waiting = manual.queue.list(QUEUE, JobState::Pending, None, 10).await.unwrap().remove(0);
        assert_eq!(
            (waiting.attempts.count, waiting.attempts.last.as_str()),
            (1, "a table is missing; `presence-sidecar migrate` creates it")
        );
        manual.test.sql("ALTER TABLE elsewhere RENAME TO messages");
        while manual.worker.fan_out_once().await.unwrap() == 0 {}
        assert_eq!(manual.stored(), "1", "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_jobs_are_encrypted() {
    let manual = ManualFanout::on(Engine::Sqlite).await;
    let text = date::iso8601(0, chrono_tz::UTC);
    let fanout = Fanout { payload: json!({"text": text}).to_string(), ..manual.fanout("a") };
    manual.messaging.publisher.enqueue(&fanout).await.unwrap();
    let job = manual.queue.claim(QUEUE, 1, Duration::from_secs(1)).await.unwrap().remove(0);
    let plain = crypt().decrypt(std::str::from_utf8(&job.payload).unwrap()).unwrap();
    assert!(String::from_utf8_lossy(&plain).contains(&text));
    let stored = std::fs::read(manual.test.file()).unwrap();
    assert!(!String::from_utf8_lossy(&stored).contains(&text));
}
