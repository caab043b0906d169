//! Writes that share a commit, and publications that go past the queue.

use std::sync::mpsc::channel;
use std::time::Duration;

use presence_sidecar::messaging::domain::ClientId;
use presence_sidecar::messaging::seal::Sealed;
use presence_sidecar::messaging::service::QUEUE;
use presence_sidecar::messaging::store::{
    GroupedWrite, IdempotentWrite, MessageStore, NewMessage, Recipient, WriteResult,
};
use presence_sidecar::queue::Queue;
use serde_json::json;

use super::harness::Harness;
use super::queued::ManualFanout;
use crate::support::{ENGINES, Engine};

const AT: &str = "2026-03-04 05:06:07";

fn message(recipient: &Recipient, kind: &str) -> NewMessage {
    let sealed = Sealed { ciphertext: "c".into(), nonce: "n".into(), tag: "t".into() };
    NewMessage { from: None, to: recipient.id.clone(), kind: kind.to_owned(), sealed }
}

fn write<'a>(key: &'a str, recipients: &'a [ClientId], sequence: Option<usize>) -> GroupedWrite<'a> {
    GroupedWrite { key, recipients, sequence, seal: Box::new(move |recipient| Some(message(recipient, key))) }
}

const fn stored(messages: usize) -> Option<WriteResult> {
    Some(WriteResult::Stored { messages, unsealed: 0 })
}

/// Keeps the row of a client locked until the returned function is called.
async fn lock(store: &MessageStore, client: &ClientId) -> impl FnOnce() + use<> {
    let (started, is_started) = tokio::sync::oneshot::channel();
    let ((release, released), started) = (channel::<()>(), std::sync::Mutex::new(Some(started)));
    let (store, client, released) = (store.clone(), client.clone(), std::sync::Mutex::new(released));
    tokio::spawn(async move {
        let write = IdempotentWrite { key: "lock", recipients: &[client], at: AT };
        let seal = |_: &Recipient| {
            if let Some(started) = started.lock().unwrap().take() {
                started.send(()).unwrap();
            }
            tokio::task::block_in_place(|| released.lock().unwrap().recv_timeout(Duration::from_secs(20))).unwrap();
            None
        };
        store.write_messages(&write, seal).await.unwrap();
    });
    is_started.await.unwrap();
    move || release.send(()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn group_stores_each_write_once_in_the_order_of_the_group() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let (one, two) = (harness.register("one").await, harness.register("two").await);
        let [first, second] = [&one, &two].map(|device| ClientId::parse(&device.id).unwrap());
        let unknown = ClientId::generate();
        let (both, twice, missing) = ([first.clone(), second.clone()], [first.clone(), first.clone()], [unknown]);
        let store = harness.store();
        let group = |keys: [&'static str; 4]| {
            [
                write(keys[0], &both, None),
                write(keys[1], &twice, None),
                write(keys[2], &missing, None),
                write(keys[3], &both, None),
            ]
        };
        let results = store.write_group(&group(["a", "b", "c", "d"]), AT).await.unwrap();
        assert_eq!(results, [stored(2), stored(2), stored(0), stored(2)], "{engine:?}");
        let results = store.write_group(&group(["d", "e", "a", "f"]), AT).await.unwrap();
        let done = Some(WriteResult::AlreadyDone);
        assert_eq!(results, [done, stored(2), done, stored(2)], "{engine:?}");
        let results = store.write_group(&group(["g", "g", "h", "i"]), AT).await.unwrap();
        assert_eq!(results, [stored(2), None, stored(0), stored(2)], "{engine:?}: the same key twice");
        let kinds: Vec<_> = one.messages("").await.iter().map(|message| message["type"].clone()).collect();
        assert_eq!(kinds, ["a", "b", "b", "d", "e", "e", "f", "g", "i"], "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn group_leaves_out_writes_without_a_key_and_those_behind_them() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let device = harness.register("one").await;
        let to = [ClientId::parse(&device.id).unwrap()];
        let no_key = GroupedWrite { key: "b", recipients: &to, sequence: Some(7), seal: Box::new(|_| None) };
        let group = [write("a", &to, Some(7)), no_key, write("c", &to, Some(7)), write("d", &to, Some(8))];
        let results = harness.store().write_group(&group, AT).await.unwrap();
        assert_eq!(results, [stored(1), None, None, stored(1)], "{engine:?}");
        assert_eq!(harness.database.lines("SELECT id FROM sidecar_done_steps ORDER BY id"), ["a", "d"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn group_waits_for_no_locked_client() {
    for engine in ENGINES {
        if engine == Engine::Sqlite {
            continue;
        }
        let harness = Harness::start(engine).await;
        let (one, two) = (harness.register("one").await, harness.register("two").await);
        let [held, free] = [&one, &two].map(|device| ClientId::parse(&device.id).unwrap());
        let store = harness.store();
        let release = lock(&store, &held).await;
        let (both, free) = ([held, free.clone()], [free]);
        let group = [write("a", &both, Some(1)), write("b", &free, Some(1)), write("c", &free, None)];
        let results = store.write_group(&group, AT).await.unwrap();
        assert_eq!(results, [None, None, stored(1)], "{engine:?}");
        release();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn message_that_the_database_rejects_fails_its_sender_alone() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let mut devices = Vec::new();
        for number in 0..12 {
            devices.push(harness.register(&format!("sender-{number}")).await);
        }
        let refused = devices[5].id.clone();
        let body = format!("NEW.to_client_id = '{refused}'");
        harness.database.sql(&match engine {
            Engine::Sqlite => format!("CREATE TRIGGER refuse BEFORE INSERT ON messages WHEN {body} BEGIN SELECT RAISE(ABORT, 'refused'); END"),
            Engine::MariaDb => format!(
                "CREATE TRIGGER refuse BEFORE INSERT ON messages FOR EACH ROW SET NEW.tag = IF({body}, NULL, NEW.tag)"
            ),
            Engine::Postgres => format!(
                "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN IF {body} THEN RAISE EXCEPTION 'refused'; END IF; RETURN NEW; END $$ LANGUAGE plpgsql; \
                 CREATE TRIGGER refuse BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION refuse()"
            ),
        });
        let sends = devices.iter().map(async |device| {
            device.post("/messages/send", &device.seal(&json!({"type": "note", "payload": {}}))).await.status
        });
        let statuses = futures_util::future::join_all(sends).await;
        for (device, status) in devices.iter().zip(statuses) {
            assert_eq!(status == 200, device.id != refused, "{engine:?}: {status}");
        }
        assert_eq!(harness.database.lines("SELECT COUNT(*) FROM messages"), ["11"], "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn small_publication_is_stored_before_its_answer() {
    for engine in ENGINES {
        // No worker fans out.
        let manual = ManualFanout::on(engine).await;
        manual.messaging.publisher.publish(&manual.fanout("a")).await.unwrap();
        assert_eq!(manual.stored(), "1", "{engine:?}");
        assert_eq!(manual.queue.stats(QUEUE).await.unwrap().pending, 0, "{engine:?}");
    }
}
