//! Fan-out that cannot be done: it is kept, and done when it can be.

use std::time::Duration;

use presence_sidecar::messaging::service::{Fanout, QUEUE, Registered};
use presence_sidecar::queue::{JobState, NewJob, Queue};
use serde_json::json;

use super::ground::{Ground, crypt};
use super::queued::ByHand;
use crate::support::{ENGINES, Engine};

/// Makes a client's key as one of another `APP_KEY`, and gives what was there.
fn damaged(test: &crate::support::TestDatabase, id: &str) -> String {
    let of_client = format!("WHERE id = '{id}'");
    let key = test.sql(&format!("SELECT encryption_key_encrypted FROM clients {of_client}"));
    test.sql(&format!("UPDATE clients SET encryption_key_encrypted = 'of another key' {of_client}"));
    key.trim().to_owned()
}

fn repaired(test: &crate::support::TestDatabase, id: &str, key: &str) {
    test.sql(&format!("UPDATE clients SET encryption_key_encrypted = '{key}' WHERE id = '{id}'"));
}

/// What the only dead letter died of.
async fn died_of(by_hand: &ByHand) -> String {
    let mut dead = by_hand.queue.list(QUEUE, JobState::Dead, None, 10).await.unwrap();
    assert_eq!(dead.len(), 1);
    dead.remove(0).attempts.last
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_wrong_app_key_nothing_is_lost_that_was_published() {
    for engine in ENGINES {
        let by_hand = ByHand::on(engine).await;
        let work = async || by_hand.messaging.work_once(by_hand.queue.as_ref()).await.unwrap();
        let key = damaged(&by_hand.test, by_hand.client.as_str());
        by_hand.messaging.publish(&by_hand.fanout("a")).await.unwrap();
        assert_eq!(work().await, 1);
        assert!(died_of(&by_hand).await.contains("another APP_KEY"), "{engine:?}: it is no use to try again");
        assert_eq!(by_hand.test.sql("SELECT COUNT(*) FROM sidecar_done_steps").trim(), "0");

        repaired(&by_hand.test, by_hand.client.as_str(), &key);
        assert_eq!(by_hand.messaging.replay_jobs().await.unwrap(), 1);
        assert_eq!((work().await, by_hand.stored().as_str()), (1, "1"), "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_key_is_damaged_keeps_no_message_from_the_others() {
    let by_hand = ByHand::on(Engine::Sqlite).await;
    let fingerprint = presence_sidecar::messaging::domain::Fingerprint::new("two").unwrap();
    let (Registered::Created(other) | Registered::Found(other)) =
        by_hand.messaging.register(&fingerprint, None).await.unwrap();
    damaged(&by_hand.test, other.id.as_str());
    let fanout = Fanout { recipients: vec![by_hand.client.clone(), other.id], ..by_hand.fanout("a") };
    by_hand.messaging.fan_out(&fanout).await.unwrap();
    assert_eq!(by_hand.stored(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_queue_the_wrong_app_key_is_a_500_and_may_be_published_again() {
    let ground = Ground::start(Engine::Sqlite).await;
    let device = ground.register("one").await;
    let publish = async || {
        let request = ground.nobody().request(reqwest::Method::POST, "/api/v1/messages/publish");
        let request = request.header("X-Admin-Token", super::ADMIN).header("Idempotency-Key", "a");
        let body = json!({"to_client_ids": [device.id], "type": "event", "payload": {"n": 1}});
        ground.nobody().send(request.json(&body)).await.status
    };
    let key = damaged(&ground.database, &device.id);
    assert_eq!((publish().await, device.poll("").await.status), (500, 204));
    repaired(&ground.database, &device.id, &key);
    assert_eq!((publish().await, device.messages("").await.len()), (200, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_is_done_when_it_is_published_again() {
    for engine in ENGINES {
        let by_hand = ByHand::on(engine).await;
        let publish_and_work = async || {
            by_hand.messaging.publish(&by_hand.fanout("a")).await.unwrap();
            by_hand.messaging.work_once(by_hand.queue.as_ref()).await.unwrap()
        };
        let key = damaged(&by_hand.test, by_hand.client.as_str());
        assert_eq!(publish_and_work().await, 1);
        died_of(&by_hand).await;
        repaired(&by_hand.test, by_hand.client.as_str(), &key);
        assert_eq!((publish_and_work().await, by_hand.stored().as_str()), (1, "1"), "{engine:?}");
        assert_eq!(by_hand.queue.stats(QUEUE).await.unwrap().dead, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_database_cannot_hold_holds_nobody_up() {
    let by_hand = ByHand::on(Engine::Postgres).await;
    let recipients = [by_hand.client.as_str()];
    let job = json!({"id": "x", "from": null, "kind": "a\0b", "payload": "{}", "recipients": recipients}).to_string();
    let payload = crypt().encrypt(job.as_bytes()).into_bytes();
    let job = NewJob { id: "x", lane: "0", payload: &payload, delay: Duration::ZERO };
    by_hand.queue.push(QUEUE, &[job]).await.unwrap();
    assert_eq!(by_hand.messaging.work_once(by_hand.queue.as_ref()).await.unwrap(), 1);
    assert_eq!(died_of(&by_hand).await, "the database rejected a statement");
}
