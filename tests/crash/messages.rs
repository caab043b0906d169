//! No message is lost or told twice: sidecars are killed in the middle of fan-outs, and publishers and pollers go on side
//! by side, on every engine.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::watch::{Receiver, channel};
use tokio::task::JoinSet;

use super::{Environment, Start, long_for};
use crate::messaging::harness::{ADMIN, Device, environment};
use crate::support::{Answer, Client, Engine, Process, TestDatabase};

/// The environment of a sidecar on a database that others work on, too.
pub fn shared(database: &TestDatabase) -> Environment {
    let more = [
        ("QUEUE_CONNECTION", "database"),
        ("PRESENCE__DATABASE__TIMEOUT_MS", "10000"),
        ("PRESENCE_LOG", "info,presence_sidecar::messaging=debug"),
    ];
    environment(database, &more)
}

/// Starts the tested binary at every place.
fn tested(database: &TestDatabase) -> Start {
    let environment = shared(database);
    Arc::new(move |_| Process::start(&environment))
}

pub(super) async fn register(client: &Client, count: usize) -> Vec<Device> {
    let mut registering = JoinSet::new();
    let mut devices = Vec::with_capacity(count);
    for number in 0..count {
        let nobody = client.with_token("");
        registering.spawn(async move {
            let answer = nobody.post("/api/v1/clients/register", json!({"fingerprint": format!("fp-{number}")})).await;
            Device::new(&nobody, &answer.json)
        });
        if registering.len() >= 8 {
            devices.extend(registering.join_next().await.map(Result::unwrap));
        }
    }
    devices.extend(registering.join_all().await);
    devices
}

/// Publishes to all of `ids`; `None` if the sidecar is killed meanwhile.
pub(super) async fn publish(client: &Client, ids: &[String], kind: &str) -> Option<Answer> {
    let body = json!({"to_client_ids": ids, "type": kind, "payload": {"said": kind}});
    let request = client.with_token("").request(reqwest::Method::POST, "/api/v1/messages/publish");
    let response = request.header("X-Admin-Token", ADMIN).header("Idempotency-Key", kind).json(&body).send().await;
    let response = response.ok()?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.ok()?;
    Some(Answer { status, headers, json: serde_json::from_str(&text).unwrap_or_default(), text })
}

/// Waits until there are so many messages.
async fn stored(database: &TestDatabase, count: usize) {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let now = database.sql("SELECT COUNT(*) FROM messages").trim().to_owned();
        if now == count.to_string() {
            return;
        }
        assert!(Instant::now() < deadline, "{now} of {count} messages are there");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Each client has each message exactly once, though sidecars are killed in the middle: the one at place 0 each time.
pub async fn killed_in_the_middle(database: &TestDatabase, start: Start, (clients, kills): (usize, usize)) {
    let (began, engine) = (Instant::now(), database.engine);
    let (mut victim, other) = (start(0), start(1));
    let devices = register(&victim.client, clients).await;
    let ids = ids(&devices);
    let (mut kinds, mut unanswered) = (Vec::new(), 0);
    for kill in 0..kills {
        kinds.push(format!("killed-{kill}"));
        let (client, to, kind) = (victim.client.clone(), ids.clone(), kinds[kinds.len() - 1].clone());
        let publishing = tokio::spawn(async move { publish(&client, &to, &kind).await });
        // Before, while and after it is queued, and while it is fanned out.
        tokio::time::sleep(Duration::from_millis(rand::random_range(5..400))).await;
        victim.kill();
        let answer = publishing.await.unwrap();
        let kind = &kinds[kinds.len() - 1];
        if answer.is_none_or(|answer| answer.status != 200) {
            unanswered += 1;
            assert_eq!(publish(&other.client, &ids, kind).await.unwrap().status, 200, "it is published again");
        }
        kinds.push(format!("survived-{kill}"));
        let kind = &kinds[kinds.len() - 1];
        assert_eq!(publish(&other.client, &ids, kind).await.unwrap().status, 200);
        victim = tokio::task::block_in_place(|| start(0));
    }
    stored(database, clients * kinds.len()).await;
    let mut of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in database.lines("SELECT to_client_id, type FROM messages ORDER BY id") {
        let (to, kind) = line.split_once('|').unwrap();
        of.entry(to.to_owned()).or_default().push(kind.to_owned());
    }
    assert_eq!(of.len(), clients);
    assert!(of.values().all(|got| *got == kinds), "{engine:?}: each exactly once, in the order of the answers");
    for device in &devices[..3] {
        let device = device.at(&victim.client);
        let said = device.messages("").await.iter().map(|message| device.open(message).unwrap()).collect::<Vec<_>>();
        assert!(said.iter().zip(&kinds).all(|(said, kind)| said["payload"] == json!({"said": kind})));
    }
    tell(&format!(
        "{engine:?}: {kills} kills, {unanswered} publications unanswered, {} messages to {clients} clients in {:?}",
        clients * kinds.len(),
        began.elapsed()
    ));
    drop(other);
}

fn ids(devices: &[Device]) -> Vec<String> {
    devices.iter().map(|device| device.id.clone()).collect()
}

/// Polls until it has everything that `accepted` says there is, and checks that ids rise.
async fn follow(
    device: Device,
    sidecars: Arc<[Process; 2]>,
    place: usize,
    mut accepted: Receiver<Option<usize>>,
) -> Vec<String> {
    let sidecar = &sidecars[place];
    let device = device.at(&sidecar.client);
    let (mut kinds, mut cursor) = (Vec::new(), 0);
    let mut moved = Instant::now();
    loop {
        let answer = device.poll(&format!("?cursor={cursor}")).await;
        assert!(matches!(answer.status, 200 | 204), "{}: {}", answer.text, last_lines(&sidecar.log()));
        let messages = answer.json["messages"].as_array().cloned().unwrap_or_default();
        for message in &messages {
            let id = message["id"].as_i64().unwrap();
            assert!(id > cursor, "ids rise");
            cursor = id;
            kinds.push(message["type"].as_str().unwrap().to_owned());
        }
        if let Some(wanted) = *accepted.borrow_and_update() {
            if kinds.len() >= wanted {
                return kinds;
            }
            assert!(moved.elapsed() < Duration::from_secs(60), "{} of {wanted} are seen", kinds.len());
        }
        match messages.is_empty() {
            true => tokio::time::sleep(Duration::from_millis(20)).await,
            false => moved = Instant::now(),
        }
    }
}

/// Publishers and pollers, through two sidecars: nothing is skipped, nothing comes twice, ids rise.
pub async fn side_by_side(engine: Engine, start: Start, span: Duration) {
    const PUBLISHERS: usize = 4;
    let sidecars = Arc::new([start(0), start(1)]);
    let devices = register(&sidecars[0].client, 6).await;
    let ids = ids(&devices);
    let (tell_all, accepted) = channel(None);
    let pollers: Vec<_> = devices
        .iter()
        .enumerate()
        .map(|(place, device)| tokio::spawn(follow(device.clone(), sidecars.clone(), place % 2, accepted.clone())))
        .collect();
    let end = Instant::now() + span;
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| {
            let (sidecars, ids) = (sidecars.clone(), ids.clone());
            tokio::spawn(async move {
                let mut count = 0;
                while Instant::now() < end {
                    // Never twice in a row through the same one, so that order is not one process's affair.
                    let client = &sidecars[count % 2].client;
                    let answer = publish(client, &ids, &format!("{publisher}-{count}")).await.unwrap();
                    assert_eq!(answer.status, 200, "{}: {}", answer.text, last_lines(&sidecars[count % 2].log()));
                    count += 1;
                    // No faster than workers can follow: this is about order, not about speed.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                count
            })
        })
        .collect();
    let mut wanted = 0;
    for publisher in publishers {
        wanted += publisher.await.unwrap();
    }
    tell_all.send_replace(Some(wanted));
    for poller in pollers {
        let kinds = poller.await.unwrap();
        assert_eq!(kinds.len(), wanted, "{engine:?}");
        assert_eq!(kinds.iter().collect::<HashSet<_>>().len(), wanted, "{engine:?}: nothing twice");
        let mut last: HashMap<&str, i64> = HashMap::new();
        for kind in &kinds {
            let (publisher, number) = kind.split_once('-').unwrap();
            let number = number.parse().unwrap();
            let before = last.insert(publisher, number).unwrap_or(-1);
            assert_eq!(number, before + 1, "{engine:?}: in each publisher's order");
        }
    }
    tell(&format!("{engine:?}: {wanted} publications to {} clients in {span:?}", devices.len()));
}

fn last_lines(log: &str) -> String {
    log.lines().rev().take(20).collect::<Vec<_>>().join("\n")
}

fn tell(what: &str) {
    #[expect(clippy::print_stdout, reason = "who runs it for a minute wants to know what happened")]
    {
        println!("{what}");
    }
}

/// Tells both stories on an engine.
macro_rules! on {
    ($($module:ident, $engine:ident;)*) => {
        $(mod $module {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn each_client_has_each_message_once_though_sidecars_are_killed_in_the_middle() {
                let database = TestDatabase::create(Engine::$engine);
                let size = if long_for().is_some() { (1_000, 10) } else { (150, 2) };
                killed_in_the_middle(&database, tested(&database), size).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn publishers_and_pollers_side_by_side_skip_nothing_and_see_nothing_twice() {
                let database = TestDatabase::create(Engine::$engine);
                side_by_side(database.engine, tested(&database), long_for().unwrap_or(Duration::from_secs(2))).await;
            }
        })*
    };
}

on! {
    sqlite, Sqlite;
    mariadb, MariaDb;
    postgres, Postgres;
}
