//! Fan-out jobs that fail: they become dead letters, and can be replayed.

use std::time::Duration;

use presence_sidecar::messaging::service::{Fanout, QUEUE, RegistrationResult};
use presence_sidecar::queue::{JobState, NewJob, Queue};
use serde_json::json;

use super::harness::{Harness, crypt};
use super::queued::ManualFanout;
use crate::support::{ENGINES, Engine};

/// Replaces a client's key with one of another `APP_KEY`; returns the original.
fn damage_key(test: &crate::support::TestDatabase, id: &str) -> String {
    let of_client = format!("WHERE id = '{id}'");
    let key = test.sql(&format!("SELECT encryption_key_encrypted FROM clients {of_client}"));
    test.sql(&format!("UPDATE clients SET encryption_key_encrypted = 'of another key' {of_client}"));
    key.trim().to_owned()
}

/// Restores a client's key.
fn repair_key(test: &crate::support::TestDatabase, id: &str, key: &str) {
    test.sql(&format!("UPDATE clients SET encryption_key_encrypted = '{key}' WHERE id = '{id}'"));
}

/// Returns the error of the only dead letter.
async fn dead_letter_error(manual: &ManualFanout) -> String {
    let mut dead = manual.queue.list(QUEUE, JobState::Dead, None, 10).await.unwrap();
    assert_eq!(dead.len(), 1);
    dead.remove(0).attempts.last
}

#[tokio::test(flavor = "multi_thread")]
async fn publication_with_the_wrong_app_key_becomes_a_dead_letter_and_can_be_replayed() {
    for engine in ENGINES {
        let manual = ManualFanout::on(engine).await;
        let fan_out = async || manual.worker.fan_out_once().await.unwrap();
        let key = damage_key(&manual.test, manual.client.as_str());
        manual.messaging.publisher.enqueue(&manual.fanout("a")).await.unwrap();
        assert_eq!(fan_out().await, 1);
        assert!(dead_letter_error(&manual).await.contains("another APP_KEY"), "{engine:?}: a retry cannot succeed");
        assert_eq!(manual.test.sql("SELECT COUNT(*) FROM sidecar_done_steps").trim(), "0");

        repair_key(&manual.test, manual.client.as_str(), &key);
        assert_eq!(manual.messaging.publisher.replay_jobs().await.unwrap(), 1);
        assert_eq!((fan_out().await, manual.stored().as_str()), (1, "1"), "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fan_out_skips_a_client_whose_key_does_not_decrypt() {
    let manual = ManualFanout::on(Engine::Sqlite).await;
    let fingerprint = presence_sidecar::messaging::domain::Fingerprint::new("two").unwrap();
    let (RegistrationResult::Created(other) | RegistrationResult::Found(other)) =
        manual.messaging.clients.register(&fingerprint, None).await.unwrap();
    damage_key(&manual.test, other.id.as_str());
    let fanout = Fanout { recipients: vec![manual.client.clone(), other.id], ..manual.fanout("a") };
    manual.messaging.publisher.fan_out(&fanout).await.unwrap();
    assert_eq!(manual.stored(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn publish_without_a_queue_returns_500_with_the_wrong_app_key_and_can_be_repeated() {
    let harness = Harness::start(Engine::Sqlite).await;
    let device = harness.register("one").await;
    let publish = async || {
        let request = harness.anonymous().request(reqwest::Method::POST, "/api/v1/messages/publish");
        let request = request.header("X-Admin-Token", super::ADMIN).header("Idempotency-Key", "a");
        let body = json!({"to_client_ids": [device.id], "type": "event", "payload": {"n": 1}});
        harness.anonymous().send(request.json(&body)).await.status
    };
    let key = damage_key(&harness.database, &device.id);
    assert_eq!((publish().await, device.poll("").await.status), (500, 204));
    repair_key(&harness.database, &device.id, &key);
    assert_eq!((publish().await, device.messages("").await.len()), (200, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letter_is_fanned_out_when_it_is_published_again() {
    for engine in ENGINES {
        let manual = ManualFanout::on(engine).await;
        let publish_and_fan_out = async || {
            manual.messaging.publisher.enqueue(&manual.fanout("a")).await.unwrap();
            manual.worker.fan_out_once().await.unwrap()
        };
        let key = damage_key(&manual.test, manual.client.as_str());
        assert_eq!(publish_and_fan_out().await, 1);
        dead_letter_error(&manual).await;
        repair_key(&manual.test, manual.client.as_str(), &key);
        assert_eq!((publish_and_fan_out().await, manual.stored().as_str()), (1, "1"), "{engine:?}");
        assert_eq!(manual.queue.stats(QUEUE).await.unwrap().dead, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn job_that_the_database_rejects_becomes_a_dead_letter_at_once() {
    require!("postgres");
    let manual = ManualFanout::on(Engine::Postgres).await;
    let recipients = [manual.client.as_str()];
    let job = json!({"id": "x", "from": null, "kind": "a\0b", "payload": "{}", "recipients": recipients}).to_string();
    let payload = crypt().encrypt(job.as_bytes()).into_bytes();
    let job = NewJob { id: "x", lane: "0", payload: &payload, delay: Duration::ZERO };
    manual.queue.push(QUEUE, &[job]).await.unwrap();
    assert_eq!(manual.worker.fan_out_once().await.unwrap(), 1);
    assert_eq!(dead_letter_error(&manual).await, "the database rejected a statement");
}
