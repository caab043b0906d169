//! A poll never skips a message, whoever writes at the same time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use presence_sidecar::app;
use presence_sidecar::config::{Sources, load};
use presence_sidecar::messaging::domain::ClientId;
use presence_sidecar::messaging::seal::Sealed;
use presence_sidecar::messaging::store::{IdempotentWrite, MessageStore, NewMessage, Recipient};
use presence_sidecar::storage::sql::Database;
use serde_json::json;

use super::ground::{Device, Ground};
use crate::support::{ENGINES, Engine, TestDatabase};

fn store(database: &TestDatabase) -> MessageStore {
    let environment = database.environment().into_iter().map(|(name, value)| (name.to_owned(), value));
    let config = load(&Sources { environment: environment.collect(), ..Sources::default() }).unwrap().config;
    MessageStore::new(Database::open(&config.database), &app::table_names(&config))
}

fn letter(recipient: &Recipient, kind: &str) -> NewMessage {
    let sealed = Sealed { ciphertext: "c".into(), nonce: "n".into(), tag: "t".into() };
    NewMessage { from: None, to: recipient.id.clone(), kind: kind.to_owned(), sealed }
}

/// A delivery that keeps its transaction open until it is told to go on.
fn slow(store: MessageStore, name: &'static str, to: ClientId, go_on: Receiver<()>) -> tokio::task::JoinHandle<()> {
    let go_on = std::sync::Mutex::new(go_on);
    tokio::spawn(async move {
        let step = IdempotentWrite { name, recipients: &[to], at: "2026-03-04 05:06:07" };
        let seal = |recipient: &Recipient| {
            tokio::task::block_in_place(|| go_on.lock().unwrap().recv_timeout(Duration::from_secs(20))).unwrap();
            Some(letter(recipient, name))
        };
        store.deliver(&step, seal).await.unwrap();
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slow_transaction_holds_back_what_comes_after_it_for_the_same_client() {
    for engine in ENGINES {
        let ground = Ground::start(engine).await;
        let (one, two) = (ground.register("one").await, ground.register("two").await);
        let store = store(&ground.database);
        let (go, held) = channel();
        let first = slow(store.clone(), "first", ClientId::parse(&one.id).unwrap(), held);
        // Until it has the lock, nothing is to be seen of it; a moment is enough for the other to come first if it may.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (go_second, held) = channel();
        go_second.send(()).unwrap();
        let second = slow(store.clone(), "second", ClientId::parse(&one.id).unwrap(), held);
        if engine != Engine::Sqlite {
            let step = IdempotentWrite {
                name: "other",
                recipients: &[ClientId::parse(&two.id).unwrap()],
                at: "2026-03-04 05:06:07",
            };
            store.deliver(&step, |recipient| Some(letter(recipient, "other"))).await.unwrap();
            assert_eq!(two.messages("").await.len(), 1, "another client is not held back");
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(one.poll("").await.status, 204, "{engine:?}: the second is not seen before the first");
        go.send(()).unwrap();
        first.await.unwrap();
        second.await.unwrap();
        let kinds: Vec<_> = one.messages("").await.iter().map(|message| message["type"].clone()).collect();
        assert_eq!(kinds, ["first", "second"], "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_was_seen_is_written_without_waiting_for_those_who_are_written_to() {
    let ground = Ground::start(Engine::Postgres).await;
    let (one, two) = (ground.register("one").await, ground.register("two").await);
    let [held, free] = [&one, &two].map(|device| ClientId::parse(&device.id).unwrap());
    let store = store(&ground.database);
    let (held_up, (go, wait)) = (std::sync::Mutex::new(Some(held.clone())), channel::<()>());
    let (tell, told) = tokio::sync::oneshot::channel();
    let (tell, wait) = (std::sync::Mutex::new(Some(tell)), std::sync::Mutex::new(wait));
    let delivering = store.clone();
    let delivery = tokio::spawn(async move {
        let recipient = held_up.lock().unwrap().take().unwrap();
        let step = IdempotentWrite { name: "slow", recipients: &[recipient], at: "2026-03-04 05:06:07" };
        let seal = |recipient: &Recipient| {
            tell.lock().unwrap().take().unwrap().send(()).unwrap();
            tokio::task::block_in_place(|| wait.lock().unwrap().recv_timeout(Duration::from_secs(20))).unwrap();
            Some(letter(recipient, "slow"))
        };
        delivering.deliver(&step, seal).await.unwrap();
    });
    told.await.unwrap();
    store.touch(&[held, free], "2026-03-04 05:06:08").await.unwrap();
    let seen = ground.database.lines("SELECT COUNT(last_seen_at) FROM clients");
    assert_eq!(seen, ["1"], "the other one is written at once");
    go.send(()).unwrap();
    delivery.await.unwrap();
}

/// Polls until it has seen `wanted` messages, and tells their numbers.
async fn collected(device: Device, wanted: usize) -> Vec<i64> {
    let (mut numbers, mut cursor) = (Vec::new(), 0);
    while numbers.len() < wanted {
        for message in device.messages(&format!("?cursor={cursor}")).await {
            let id = message["id"].as_i64().unwrap();
            assert!(id > cursor, "ids rise");
            cursor = id;
            numbers.push(device.opened(&message).unwrap()["payload"]["n"].as_i64().unwrap());
        }
    }
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_publishers_and_pollers_lose_nothing_and_see_nothing_twice() {
    const PUBLISHERS: i64 = 6;
    const EACH: i64 = 20;
    for engine in ENGINES {
        let ground = Arc::new(Ground::start(engine).await);
        let devices = [ground.register("one").await, ground.register("two").await, ground.register("three").await];
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|publisher| {
                let (ground, devices) = (ground.clone(), devices.clone());
                tokio::spawn(async move {
                    for n in 0..EACH {
                        let mut to: Vec<&Device> = devices.iter().collect();
                        to.rotate_left(usize::try_from(n % 3).unwrap());
                        let answer = ground.publish(&to, "event", json!({"n": publisher * EACH + n})).await;
                        assert_eq!(answer.status, 200, "{}", answer.text);
                    }
                })
            })
            .collect();
        let wanted = usize::try_from(PUBLISHERS * EACH).unwrap();
        let pollers: Vec<_> = devices.iter().map(|device| tokio::spawn(collected(device.clone(), wanted))).collect();
        for publisher in publishers {
            publisher.await.unwrap();
        }
        for poller in pollers {
            let numbers =
                tokio::time::timeout(Duration::from_secs(30), poller).await.expect("nothing is skipped").unwrap();
            let mut counts: HashMap<i64, usize> = HashMap::new();
            numbers.iter().for_each(|number| *counts.entry(*number).or_default() += 1);
            assert!(counts.len() == wanted && counts.values().all(|count| *count == 1), "{engine:?}");
        }
    }
}
