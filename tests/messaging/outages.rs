//! Outages of the database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::harness::{Harness, environment};
use crate::support::{ENGINES, Engine, Process, SqlServer, TestDatabase};

#[tokio::test(flavor = "multi_thread")]
async fn requests_return_503_while_the_database_is_down() {
    for engine in ENGINES.servers() {
        let server = Arc::new(std::sync::Mutex::new(SqlServer::start(engine)));
        let database = TestDatabase::create_on(&server);
        let harness = Harness::on(database, &[("PRESENCE__DATABASE__TIMEOUT_MS", "500")]).await;
        let device = harness.register("one").await;
        assert_eq!(harness.publish(&[&device], "event", json!({"n": 1})).await.status, 200);
        server.lock().unwrap().stop();
        let down = (503, json!({"message": "Database connection failed."}));
        let [polled, sent] = [device.poll("").await, harness.publish(&[&device], "event", json!({"n": 2})).await];
        assert_eq!((polled.status, polled.json), down);
        assert_eq!((sent.status, sent.json), down);
        assert_eq!(harness.sidecar.client.get("/up").await.status, 200);
        assert_eq!(harness.sidecar.client.heartbeat(1).await.status, 200, "presence still works");
        server.lock().unwrap().run();
        let deadline = Instant::now() + Duration::from_secs(10);
        while device.poll("").await.status != 200 {
            assert!(Instant::now() < deadline, "it did not recover");
        }
        assert_eq!(harness.publish(&[&device], "event", json!({"n": 3})).await.status, 200);
        let messages = device.messages("").await;
        let numbers: Vec<_> =
            messages.iter().map(|message| device.open(message).unwrap()["payload"]["n"].clone()).collect();
        assert_eq!(numbers, [1, 3], "accepted messages are stored, refused ones are not");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_publications_survive_a_database_crash() {
    for engine in ENGINES.servers() {
        let server = Arc::new(std::sync::Mutex::new(SqlServer::start(engine)));
        let database = TestDatabase::create_on(&server);
        let more = [("QUEUE_CONNECTION", "database"), ("PRESENCE__DATABASE__TIMEOUT_MS", "500")];
        let harness = Harness::on(database, &more).await;
        let device = harness.register("one").await;
        let (mut accepted, mut refused) = (Vec::new(), 0);
        let dying = server.clone();
        let mut dying = Some(tokio::task::spawn_blocking(move || {
            std::thread::sleep(Duration::from_millis(300));
            dying.lock().unwrap().stop();
        }));
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut target = usize::MAX;
        for n in 0.. {
            let answer = harness.publish(&[&device], "event", json!({"n": n})).await;
            match answer.status {
                200 => accepted.push(json!({"n": n})),
                _ => {
                    assert_eq!((answer.status, answer.json), (503, json!({"message": "Database connection failed."})));
                    refused += 1;
                }
            }
            if refused >= 2
                && let Some(dying) = dying.take()
            {
                dying.await.unwrap();
                assert_eq!(harness.sidecar.client.get("/ready").await.status, 503);
                server.lock().unwrap().run();
                target = accepted.len() + 10;
            }
            if accepted.len() >= target {
                break;
            }
            assert!(Instant::now() < deadline, "it did not recover");
        }
        assert_eq!(harness.sidecar.client.get("/ready").await.status, 200);
        let (mut seen, mut cursor) = (Vec::new(), 0);
        while seen.last() != accepted.last() {
            assert!(Instant::now() < deadline, "{engine:?}: {} of {} have arrived", seen.len(), accepted.len());
            for message in device.messages(&format!("?cursor={cursor}")).await {
                cursor = message["id"].as_i64().unwrap();
                seen.push(device.open(&message).unwrap()["payload"].clone());
            }
        }
        // A refused publication may have been stored when the response was lost; but none is repeated or out of order.
        let numbers: Vec<_> = seen.iter().map(|payload| payload["n"].as_i64().unwrap()).collect();
        assert!(numbers.is_sorted_by(|one, other| one < other), "{engine:?}: {numbers:?}");
        assert!(accepted.iter().all(|payload| seen.contains(payload)), "{engine:?}: nothing accepted is lost");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fan_out_continues_after_kill_where_it_stopped() {
    slow!();
    let database = TestDatabase::create(Engine::Sqlite);
    let harness = Harness::on(database, &[]).await;
    let mut devices = Vec::new();
    for n in 0..1000 {
        devices.push(harness.register(&format!("fp-{n}")).await);
    }
    let ids: Vec<&str> = devices.iter().map(|device| device.id.as_str()).collect();
    let body = json!({"to_client_ids": ids, "type": "event", "payload": {"n": 1}});
    let environment = environment(&harness.database, &[]);
    for kill in 0..10 {
        let mut process = Process::start(&environment);
        let client = process.client.with_token("");
        let request = client.request(reqwest::Method::POST, "/api/v1/messages/publish");
        let request =
            request.header("X-Admin-Token", super::harness::ADMIN).header("Idempotency-Key", "once").json(&body);
        let publishing = tokio::spawn(request.send());
        // Killed a little later each time, at different points of the fan-out.
        tokio::time::sleep(Duration::from_millis(20 + 15 * kill)).await;
        process.kill();
        _ = publishing.await;
    }
    let request = harness.anonymous().request(reqwest::Method::POST, "/api/v1/messages/publish");
    let request = request.header("X-Admin-Token", super::harness::ADMIN).header("Idempotency-Key", "once").json(&body);
    assert_eq!(harness.anonymous().send(request).await.json, json!({"queued": 1000}));
    let counts = harness.database.lines("SELECT COUNT(*), COUNT(DISTINCT to_client_id) FROM messages");
    assert_eq!(counts, ["1000|1000"], "each client has it exactly once");
}
