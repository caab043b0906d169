//! A poll never skips a message while others are written.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use presence_sidecar::messaging::domain::ClientId;
use presence_sidecar::messaging::seal::Sealed;
use presence_sidecar::messaging::store::{IdempotentWrite, MessageStore, NewMessage, Recipient};
use serde_json::json;

use super::harness::{Device, Harness};
use crate::support::{ENGINES, Engine};

fn new_message(recipient: &Recipient, kind: &str) -> NewMessage {
    let sealed = Sealed { ciphertext: "c".into(), nonce: "n".into(), tag: "t".into() };
    NewMessage { from: None, to: recipient.id.clone(), kind: kind.to_owned(), sealed }
}

/// A write that keeps its transaction open until it receives a signal.
fn slow_write(
    store: MessageStore,
    name: &'static str,
    to: ClientId,
    go_on: Receiver<()>,
) -> tokio::task::JoinHandle<()> {
    let go_on = std::sync::Mutex::new(go_on);
    tokio::spawn(async move {
        let write = IdempotentWrite { key: name, recipients: &[to], at: "2026-03-04 05:06:07" };
        let seal = |recipient: &Recipient| {
            tokio::task::block_in_place(|| go_on.lock().unwrap().recv_timeout(Duration::from_secs(20))).unwrap();
            Some(new_message(recipient, name))
        };
        store.write_messages(&write, seal).await.unwrap();
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn write_waits_for_an_earlier_transaction_of_the_same_client() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let (one, two) = (harness.register("one").await, harness.register("two").await);
        let store = harness.store();
        let (go, held) = channel();
        let first = slow_write(store.clone(), "first", ClientId::parse(&one.id).unwrap(), held);
        // Time for the first write to take the lock, which cannot be observed from outside.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (go_second, held) = channel();
        go_second.send(()).unwrap();
        let second = slow_write(store.clone(), "second", ClientId::parse(&one.id).unwrap(), held);
        if engine != Engine::Sqlite {
            let write = IdempotentWrite {
                key: "other",
                recipients: &[ClientId::parse(&two.id).unwrap()],
                at: "2026-03-04 05:06:07",
            };
            store.write_messages(&write, |recipient| Some(new_message(recipient, "other"))).await.unwrap();
            assert_eq!(two.messages("").await.len(), 1, "another client does not wait");
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(one.poll("").await.status, 204, "{engine:?}: the second is not visible before the first");
        go.send(()).unwrap();
        first.await.unwrap();
        second.await.unwrap();
        let kinds: Vec<_> = one.messages("").await.iter().map(|message| message["type"].clone()).collect();
        assert_eq!(kinds, ["first", "second"], "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn touch_skips_clients_whose_rows_are_locked() {
    require!("postgres");
    let harness = Harness::start(Engine::Postgres).await;
    let (one, two) = (harness.register("one").await, harness.register("two").await);
    let [held, free] = [&one, &two].map(|device| ClientId::parse(&device.id).unwrap());
    let store = harness.store();
    let (recipient, (go, wait)) = (std::sync::Mutex::new(Some(held.clone())), channel::<()>());
    let (started_sender, started) = tokio::sync::oneshot::channel();
    let (started_sender, wait) = (std::sync::Mutex::new(Some(started_sender)), std::sync::Mutex::new(wait));
    let writing = store.clone();
    let write = tokio::spawn(async move {
        let recipient = recipient.lock().unwrap().take().unwrap();
        let write = IdempotentWrite { key: "slow", recipients: &[recipient], at: "2026-03-04 05:06:07" };
        let seal = |recipient: &Recipient| {
            started_sender.lock().unwrap().take().unwrap().send(()).unwrap();
            tokio::task::block_in_place(|| wait.lock().unwrap().recv_timeout(Duration::from_secs(20))).unwrap();
            Some(new_message(recipient, "slow"))
        };
        writing.write_messages(&write, seal).await.unwrap();
    });
    started.await.unwrap();
    store.touch(&[held, free], "2026-03-04 05:06:08").await.unwrap();
    let seen = harness.database.lines("SELECT COUNT(last_seen_at) FROM clients");
    assert_eq!(seen, ["1"], "the unlocked row is written at once");
    go.send(()).unwrap();
    write.await.unwrap();
}

/// Polls until it has received `expected` messages; returns their numbers.
async fn collect(device: Device, expected: usize) -> Vec<i64> {
    let (mut numbers, mut cursor) = (Vec::new(), 0);
    while numbers.len() < expected {
        for message in device.messages(&format!("?cursor={cursor}")).await {
            let id = message["id"].as_i64().unwrap();
            assert!(id > cursor, "ids ascend");
            cursor = id;
            numbers.push(device.open(&message).unwrap()["payload"]["n"].as_i64().unwrap());
        }
    }
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_publishers_and_pollers_lose_and_repeat_no_message() {
    slow!();
    const PUBLISHERS: i64 = 6;
    const EACH: i64 = 20;
    for engine in ENGINES {
        let harness = Arc::new(Harness::start(engine).await);
        let devices = [harness.register("one").await, harness.register("two").await, harness.register("three").await];
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|publisher| {
                let (harness, devices) = (harness.clone(), devices.clone());
                tokio::spawn(async move {
                    for n in 0..EACH {
                        let mut to: Vec<&Device> = devices.iter().collect();
                        to.rotate_left(usize::try_from(n % 3).unwrap());
                        let answer = harness.publish(&to, "event", json!({"n": publisher * EACH + n})).await;
                        assert_eq!(answer.status, 200, "{}", answer.text);
                    }
                })
            })
            .collect();
        let expected = usize::try_from(PUBLISHERS * EACH).unwrap();
        let pollers: Vec<_> = devices.iter().map(|device| tokio::spawn(collect(device.clone(), expected))).collect();
        for publisher in publishers {
            publisher.await.unwrap();
        }
        for poller in pollers {
            let numbers =
                tokio::time::timeout(Duration::from_secs(30), poller).await.expect("nothing is skipped").unwrap();
            let mut counts: HashMap<i64, usize> = HashMap::new();
            numbers.iter().for_each(|number| *counts.entry(*number).or_default() += 1);
            assert!(counts.len() == expected && counts.values().all(|count| *count == 1), "{engine:?}");
        }
    }
}
