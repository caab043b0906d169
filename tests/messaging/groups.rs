//! Writes that share a commit, and publications that go past the queue.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use presence_sidecar::messaging::domain::ClientId;
use presence_sidecar::messaging::seal::Sealed;
use presence_sidecar::messaging::service::{Fanout, QUEUE, fanout_id};
use presence_sidecar::messaging::store::{
    GroupedWrite, IdempotentWrite, MessageStore, NewMessage, Recipient, WriteResult,
};
use presence_sidecar::queue::Queue;
use serde_json::{Value, json};

use super::harness::{Device, Harness};
use super::queued::ManualFanout;
use crate::support::{Answer, ENGINES, Engine};

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

/// Sends a request of each client at once; returns the statuses.
async fn statuses(devices: &[Device], request: impl AsyncFn(&Device) -> Answer) -> Vec<u16> {
    futures_util::future::join_all(devices.iter().map(async |device| request(device).await.status)).await
}

/// Registers clients of these numbers.
async fn register_all(harness: &Harness, count: usize) -> Vec<Device> {
    let mut devices = Vec::new();
    for number in 0..count {
        devices.push(harness.register(&format!("client-{number}")).await);
    }
    devices
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn acknowledgement_that_meets_a_lock_fails_its_client_alone() {
    for engine in ENGINES.servers() {
        let harness = Harness::start(engine).await;
        let devices = register_all(&harness, 24).await;
        let locked = &devices[7].id;
        assert_eq!(statuses(&devices, async |device| device.acknowledge(1).await).await, [200; 24]);
        let held = harness.database.hold_with(&format!(
            "BEGIN; UPDATE message_receipts SET last_acked_message_id = 2 WHERE client_id = '{locked}'"
        ));
        // Twice: for a while after a lock, each is stored alone.
        for id in [3, 4] {
            let statuses = statuses(&devices, async |device| device.acknowledge(id).await).await;
            for (device, status) in devices.iter().zip(statuses) {
                assert_eq!(status, if device.id == *locked { 503 } else { 200 }, "{engine:?}: {id}");
            }
        }
        drop(held);
        let others = "SELECT COUNT(*) FROM message_receipts WHERE last_acked_message_id = 4";
        assert_eq!(harness.database.lines(others), ["23"], "{engine:?}");
        let deadline = Instant::now() + Duration::from_secs(20);
        while devices[7].acknowledge(5).await.status != 200 {
            assert!(Instant::now() < deadline, "{engine:?}: the lock is gone");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn message_that_meets_a_lock_fails_its_sender_alone() {
    for engine in ENGINES.servers() {
        let harness = Harness::start(engine).await;
        let devices = register_all(&harness, 24).await;
        let bodies: Vec<Value> =
            devices.iter().map(|device| device.seal(&json!({"type": "note", "payload": {}}))).collect();
        let key = {
            let text = |name: &str| bodies[7][name].as_str().unwrap();
            fanout_id(&["send", &devices[7].id, text("nonce"), text("tag")])
        };
        // Another replica is about to store the same message.
        let held = harness
            .database
            .hold_with(&format!("BEGIN; INSERT INTO sidecar_done_steps (id, done_at) VALUES ('{key}', '{AT}')"));
        let sends = devices.iter().zip(&bodies).map(async |(device, body)| device.post("/messages/send", body).await);
        for (number, answer) in futures_util::future::join_all(sends).await.iter().enumerate() {
            assert_eq!(answer.status, if number == 7 { 503 } else { 200 }, "{engine:?}: {number}: {}", answer.text);
        }
        drop(held);
        assert_eq!(harness.database.lines("SELECT COUNT(*) FROM messages"), ["23"], "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn publications_to_a_locked_lane_fail_no_others() {
    for engine in ENGINES.servers() {
        let manual = ManualFanout::on(engine).await;
        let clients: Vec<ClientId> = (0..16).map(|_| ClientId::generate()).collect();
        // To too many recipients to go past the queue, all of one lane.
        let publish = |(number, client): (usize, &ClientId), round: &str| {
            let recipients = std::iter::repeat_n(client.clone(), 65).collect();
            let fanout = Fanout { id: format!("{round} {number}"), recipients, ..manual.fanout("") };
            let publisher = &manual.messaging.publisher;
            async move { publisher.publish(&fanout).await.is_ok() }
        };
        let publish_all = async |round: &str| {
            let published = clients.iter().enumerate().map(|client| publish(client, round));
            futures_util::future::join_all(published).await.iter().filter(|is_ok| **is_ok).count()
        };
        assert_eq!(publish_all("first").await, 16, "{engine:?}");
        let lanes =
            manual.test.lines("SELECT COUNT(*), lane_key FROM sidecar_queue_jobs GROUP BY lane_key ORDER BY lane_key");
        assert!(lanes.len() > 1, "{engine:?}: 16 clients are in one lane");
        let (locked, lane) = lanes[0].split_once('|').unwrap();
        let held = manual
            .test
            .hold_with(&format!("BEGIN; UPDATE sidecar_queue_lanes SET ready_at = 1 WHERE lane_key = '{lane}'"));
        let published = publish_all("second").await;
        assert_eq!((16 - published).to_string(), locked, "{engine:?}: those of the lane");
        drop(held);
        let jobs = manual.test.lines("SELECT COUNT(*) FROM sidecar_queue_jobs");
        assert_eq!(jobs, [(16 + published).to_string()], "{engine:?}");
    }
}
