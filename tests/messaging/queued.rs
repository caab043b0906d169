//! Fan-out through a queue: taken before the answer, done right after.

use std::sync::Arc;
use std::time::{Duration, Instant};

use presence_sidecar::messaging::domain::ClientId;
use presence_sidecar::messaging::service::{Fanout, QUEUE};
use presence_sidecar::messaging::{Messaging, MessagingOptions as Base, Metrics};
use presence_sidecar::php::date;
use presence_sidecar::queue::{JobState, NewJob, Queue, SqlQueue};
use presence_sidecar::storage::sql::Database;
use presence_sidecar::telemetry::Registry;
use serde_json::{Value, json};

use super::ground::{ADMIN, Device, Ground, OPERATOR, crypt};
use crate::storage::{config, migrated};
use crate::support::{Answer, ENGINES, Engine, RedisServer, TestDatabase};

/// Waits until a client has so many messages, and gives what they say.
async fn arrived(device: &Device, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let messages = device.messages("?cursor=-1").await;
        if messages.len() >= count {
            return messages.iter().map(|message| device.opened(message).unwrap()["payload"].clone()).collect();
        }
        assert!(Instant::now() < deadline, "{} of {count} have arrived", messages.len());
    }
}

async fn publish_once(ground: &Ground, to: &[&Device], key: &str) -> Answer {
    let ids: Vec<&str> = to.iter().map(|device| device.id.as_str()).collect();
    let request = ground.nobody().request(reqwest::Method::POST, "/api/v1/messages/publish");
    let request = request.header("X-Admin-Token", ADMIN).header("Idempotency-Key", key);
    ground.nobody().send(request.json(&json!({"to_client_ids": ids, "type": "event", "payload": {"n": key}}))).await
}

/// Messages to many clients, one publication after the other, through the queue that `more` names.
async fn goes_in_order(database: TestDatabase, more: &[(&'static str, &str)]) {
    let engine = database.engine;
    let ground = Ground::on(database, more).await;
    let mut devices = Vec::new();
    for n in 0..20 {
        devices.push(ground.register(&format!("fp-{n}")).await);
    }
    let everybody: Vec<&Device> = devices.iter().collect();
    for n in 0..10 {
        let answer = ground.publish(&everybody, "event", json!({"n": n})).await;
        assert_eq!((answer.status, answer.json), (200, json!({"queued": 20})));
    }
    for device in &devices {
        let expected: Vec<Value> = (0..10).map(|n| json!({"n": n})).collect();
        assert_eq!(arrived(device, 10).await, expected, "{engine:?}");
    }
    let [sender, receiver] = [&devices[0], &devices[1]];
    let relayed = json!({"type": "note", "to_client_ids": [receiver.id], "payload": {"n": 10}});
    assert_eq!(sender.post("/messages/send", &sender.sealed(&relayed)).await.json, json!({"status": "accepted"}));
    assert_eq!(arrived(receiver, 11).await[10], json!({"n": 10}));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_published_to_gets_everything_in_order() {
    for engine in ENGINES {
        goes_in_order(TestDatabase::create(engine), &[("QUEUE_CONNECTION", "database")]).await;
    }
    let redis = RedisServer::start();
    let (port, queue) = (redis.port().to_string(), ("QUEUE_CONNECTION", "redis"));
    goes_in_order(TestDatabase::create(Engine::Sqlite), &[queue, ("REDIS_PORT", &port)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_with_the_same_key_is_fanned_out_once() {
    for engine in ENGINES {
        let ground = Ground::on(TestDatabase::create(engine), &[("QUEUE_CONNECTION", "database")]).await;
        let device = ground.register("one").await;
        for key in ["a", "a", "b", "a"] {
            assert_eq!(publish_once(&ground, &[&device], key).await.json, json!({"queued": 1}));
        }
        ground.publish(&[&device], "event", json!({"n": "last"})).await;
        let expected = ["a", "b", "last"].map(|n| json!({"n": n}));
        assert_eq!(arrived(&device, 3).await, expected, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_down_is_a_503_and_nothing_is_stored() {
    let mut redis = RedisServer::start();
    let port = redis.port().to_string();
    let more = [("QUEUE_CONNECTION", "redis"), ("REDIS_PORT", port.as_str())];
    let ground = Ground::on(TestDatabase::create(Engine::Sqlite), &more).await;
    let device = ground.register("one").await;
    redis.stop();
    assert_eq!(publish_once(&ground, &[&device], "a").await.status, 503);
    redis.run();
    let deadline = Instant::now() + Duration::from_secs(20);
    while publish_once(&ground, &[&device], "b").await.status != 200 {
        assert!(Instant::now() < deadline, "it did not recover");
    }
    assert_eq!(arrived(&device, 1).await, [json!({"n": "b"})]);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_how_messaging_is_doing() {
    let ground = Ground::on(TestDatabase::create(Engine::Sqlite), &[("QUEUE_CONNECTION", "database")]).await;
    let device = ground.register("one").await;
    ground.publish(&[&device], "event", json!({"n": 1})).await;
    arrived(&device, 1).await;
    assert_eq!(device.with_token("wrong").poll("").await.status, 401);
    let metrics = ground.nobody().get("/metrics").await.text;
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

/// A service whose worker is driven by hand, its queue, and a client of it.
pub(super) struct ByHand {
    pub messaging: Messaging,
    pub queue: Arc<SqlQueue>,
    pub client: ClientId,
    pub test: TestDatabase,
}

impl ByHand {
    pub async fn on(engine: Engine) -> Self {
        let test = TestDatabase::create(engine);
        let (database, names) = migrated(&test).await;
        let queue = Arc::new(SqlQueue::new(database.clone(), &names));
        let (messaging, _) = Messaging::new(Base {
            database: Database::open(&config(&test, &[]).database),
            names,
            crypt: crypt(),
            zone: chrono_tz::UTC,
            max_recipients: 100,
            bcrypt_cost: 4,
            keep_acked: None,
            keep: None,
            queue: Some(queue.clone()),
            metrics: Metrics::new(&Registry::new()),
        });
        let fingerprint = presence_sidecar::messaging::domain::Fingerprint::new("one").unwrap();
        let client = match messaging.register(&fingerprint, None).await.unwrap() {
            presence_sidecar::messaging::service::Registered::Created(credentials)
            | presence_sidecar::messaging::service::Registered::Found(credentials) => credentials.id,
        };
        Self { messaging, queue, client, test }
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
async fn a_job_that_was_done_but_not_settled_is_passed_over_the_second_time() {
    for engine in ENGINES {
        let by_hand = ByHand::on(engine).await;
        by_hand.messaging.publish(&by_hand.fanout("a")).await.unwrap();
        assert_eq!(by_hand.stored(), "0", "{engine:?}: it is queued, not done");
        // A worker that stores the messages and dies before it settles the job.
        let job = by_hand.queue.claim(QUEUE, 1, Duration::from_millis(1)).await.unwrap().remove(0);
        by_hand.queue.push(QUEUE, &[copy(&job)]).await.unwrap();
        let done = async || by_hand.messaging.work_once(by_hand.queue.as_ref()).await.unwrap();
        while done().await == 0 {}
        assert_eq!((by_hand.stored().as_str(), done().await), ("1", 0), "{engine:?}");
        by_hand.queue.push(QUEUE, &[copy(&job)]).await.unwrap();
        assert_eq!((done().await, by_hand.stored().as_str()), (1, "1"), "{engine:?}");
    }
}

fn copy(job: &presence_sidecar::queue::Job) -> NewJob<'_> {
    NewJob { id: &job.id, lane: &job.lane, payload: &job.payload, delay: Duration::ZERO }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_another_key_is_a_dead_letter_and_holds_up_nobody() {
    let by_hand = ByHand::on(Engine::Sqlite).await;
    let job = NewJob { id: "x", lane: "0", payload: b"not of this key", delay: Duration::ZERO };
    by_hand.queue.push(QUEUE, &[job]).await.unwrap();
    by_hand.messaging.publish(&by_hand.fanout("a")).await.unwrap();
    while by_hand.stored() == "0" {
        by_hand.messaging.work_once(by_hand.queue.as_ref()).await.unwrap();
    }
    let dead = by_hand.queue.list(QUEUE, JobState::Dead, None, 10).await.unwrap();
    assert_eq!((dead[0].id.as_str(), dead[0].attempts.last.as_str()), ("x", "the job does not decrypt"));
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_what_was_given_up_and_have_it_done_again() {
    let ground = Ground::on(TestDatabase::create(Engine::Sqlite), &[("QUEUE_CONNECTION", "database")]).await;
    let device = ground.register("one").await;
    ground.database.sql("ALTER TABLE messages RENAME COLUMN tag TO elsewhere");
    ground.publish(&[&device], "alarm", json!({"n": 1})).await;
    let listed = async |state: &str| ground.operate(&format!("/fan-outs?state={state}")).await.json["data"].clone();
    let deadline = Instant::now() + Duration::from_secs(30);
    while listed("pending").await[0]["tries"] != json!(1) {
        assert!(Instant::now() < deadline, "it is not tried");
    }
    let job = listed("pending").await[0].clone();
    assert_eq!((&job["type"], &job["recipients"]), (&json!("alarm"), &json!(1)));
    assert!(job["last"].as_str().unwrap().contains("the database rejected"), "{job}");
    // As after ten tries.
    ground.database.sql("UPDATE sidecar_queue_jobs SET dead = 1");
    ground.database.sql("DELETE FROM sidecar_queue_lanes");
    ground.database.sql("ALTER TABLE messages RENAME COLUMN elsewhere TO tag");
    assert_eq!(listed("pending").await, json!([]));
    assert_eq!(listed("dead").await[0]["id"], job["id"]);
    let request = ground.nobody().request(reqwest::Method::POST, "/api/v1/operators/fan-outs/replay");
    let replayed = ground.nobody().send(request.header("X-Operator-Token", OPERATOR)).await;
    assert_eq!(replayed.json, json!({"replayed": 1}));
    assert_eq!(arrived(&device, 1).await, [json!({"n": 1})]);
    assert_eq!(listed("dead").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_waits_for_tables_that_are_not_there_and_is_done_when_they_are() {
    for engine in ENGINES {
        let by_hand = ByHand::on(engine).await;
        by_hand.messaging.publish(&by_hand.fanout("a")).await.unwrap();
        by_hand.test.sql("ALTER TABLE messages RENAME TO elsewhere");
        assert_eq!(by_hand.messaging.work_once(by_hand.queue.as_ref()).await.unwrap(), 1);
        let waiting = by_hand.queue.list(QUEUE, JobState::Pending, None, 10).await.unwrap().remove(0);
        assert_eq!(
            (waiting.attempts.count, waiting.attempts.last.as_str()),
            (1, "a table is missing; `presence-sidecar migrate` creates it")
        );
        by_hand.test.sql("ALTER TABLE elsewhere RENAME TO messages");
        while by_hand.messaging.work_once(by_hand.queue.as_ref()).await.unwrap() == 0 {}
        assert_eq!(by_hand.stored(), "1", "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_queued_is_encrypted() {
    let by_hand = ByHand::on(Engine::Sqlite).await;
    let said = date::iso8601(0, chrono_tz::UTC);
    let fanout = Fanout { payload: json!({"said": said}).to_string(), ..by_hand.fanout("a") };
    by_hand.messaging.publish(&fanout).await.unwrap();
    let job = by_hand.queue.claim(QUEUE, 1, Duration::from_secs(1)).await.unwrap().remove(0);
    let plain = crypt().decrypt(std::str::from_utf8(&job.payload).unwrap()).unwrap();
    assert!(String::from_utf8_lossy(&plain).contains(&said));
    let stored = std::fs::read(by_hand.test.file()).unwrap();
    assert!(!String::from_utf8_lossy(&stored).contains(&said));
}
