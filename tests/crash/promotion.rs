//! A server of a replicated database is lost while publishers go on: another one takes over, each message is there exactly
//! once, and ids rise.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::messages::{publish, register};
use crate::messaging::harness::{Device, environment};
use crate::support::{Client, Engine, Galera, PROVIDER, Process, Sidecar, SqlServer, TestDatabase};

const PUBLISHERS: usize = 8;
/// The publications of each.
const EACH: usize = 20;
/// For everything that is repeated.
const PATIENCE: Duration = Duration::from_secs(120);

async fn publish_until_answered(client: &Client, ids: &[String], kind: &str) {
    let deadline = Instant::now() + PATIENCE;
    while publish(client, ids, kind).await.is_none_or(|answer| answer.status != 200) {
        assert!(Instant::now() < deadline, "{kind} is not answered");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Publishes to all devices; calls `lose_server` when a quarter is answered.
async fn publish_while(sidecar: &Process, devices: &[Device], lose_server: impl FnOnce()) {
    let ids: Arc<[String]> = devices.iter().map(|device| device.id.clone()).collect();
    let answered = Arc::new(AtomicUsize::new(0));
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| {
            let (client, ids, answered) = (sidecar.client.clone(), ids.clone(), answered.clone());
            tokio::spawn(async move {
                for number in 0..EACH {
                    publish_until_answered(&client, &ids, &format!("{publisher}-{number:02}")).await;
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let deadline = Instant::now() + PATIENCE;
    while answered.load(Ordering::Relaxed) < PUBLISHERS * EACH / 4 {
        assert!(Instant::now() < deadline, "nothing is answered: {}", sidecar.log());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::task::block_in_place(lose_server);
    for publisher in publishers {
        publisher.await.unwrap();
    }
}

/// The device polls each message exactly once, with ids that rise, those of a publisher in their order.
async fn assert_complete(sidecar: &Process, device: Device) {
    let device = device.at(&sidecar.client);
    let (mut kinds, mut cursor, deadline) = (Vec::new(), 0, Instant::now() + PATIENCE);
    while kinds.len() < PUBLISHERS * EACH {
        let answer = device.poll(&format!("?cursor={cursor}")).await;
        for message in answer.json["messages"].as_array().into_iter().flatten() {
            let id = message["id"].as_i64().unwrap();
            assert!(id > cursor, "ids rise");
            cursor = id;
            kinds.push(message["type"].as_str().unwrap().to_owned());
        }
        assert!(Instant::now() < deadline, "{} messages are there: {}", kinds.len(), answer.text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut publishers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for kind in &kinds {
        let (publisher, number) = kind.split_once('-').unwrap();
        publishers.entry(publisher).or_default().push(number);
    }
    let expected: Vec<String> = (0..EACH).map(|number| format!("{number:02}")).collect();
    assert_eq!(publishers.len(), PUBLISHERS);
    assert!(publishers.values().all(|numbers| *numbers == expected), "{publishers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_is_there_once_after_a_replica_of_postgres_is_promoted() {
    require!("postgres");
    slow!();
    let primary = Arc::new(Mutex::new(SqlServer::start(Engine::Postgres)));
    let database = TestDatabase::create_on(&primary);
    let replica = tokio::task::block_in_place(|| SqlServer::replica_of(&primary.lock().unwrap()));
    // Otherwise what is answered may be lost with the primary.
    database.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
    database.sql("SELECT pg_reload_conf()");
    let hosts = format!("{},{}", primary.lock().unwrap().address(), replica.address());
    let sidecar =
        Process::start(&environment(&database, &[("QUEUE_CONNECTION", "database"), ("DB_HOST", hosts.as_str())]));
    let devices = register(&sidecar.client, 3).await;
    publish_while(&sidecar, &devices, || {
        primary.lock().unwrap().stop();
        replica.promote();
    })
    .await;
    assert_eq!(sidecar.client.get("/ready").await.status, 200);
    for device in devices {
        assert_complete(&sidecar, device).await;
    }
}

/// A sidecar that is ready.
async fn serving(environment: &[(&str, String)]) -> Sidecar {
    let sidecar = Sidecar::with(environment).await;
    let deadline = Instant::now() + PATIENCE;
    while sidecar.client.get("/ready").await.status != 200 {
        assert!(Instant::now() < deadline, "{}", sidecar.client.get("/ready").await.text);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    sidecar
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_replica_is_refused_by_name() {
    require!("postgres");
    slow!();
    let primary = Arc::new(Mutex::new(SqlServer::start(Engine::Postgres)));
    let database = TestDatabase::create_on(&primary);
    drop(serving(&environment(&database, &[])).await);
    let replica = tokio::task::block_in_place(|| SqlServer::replica_of(&primary.lock().unwrap()));
    let (replicas_only, all) =
        (replica.address(), format!("{},{}", replica.address(), primary.lock().unwrap().address()));
    let refused = Sidecar::with(&environment(&database, &[("DB_HOST", replicas_only.as_str())])).await;
    let ready = refused.client.get("/ready").await;
    assert!(ready.status == 503 && ready.text.contains("read-only replica"), "{}", ready.text);
    // Wherever it is in the list, the server that takes writes is used.
    let sidecar = serving(&environment(&database, &[("DB_HOST", all.as_str())])).await;
    assert_eq!(register(&sidecar.client, 1).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_is_there_once_after_conflicts_and_the_end_of_a_node_of_galera() {
    require!("mariadbd", "rsync");
    slow!();
    if !Path::new(PROVIDER).exists() {
        return;
    }
    let mut galera = tokio::task::block_in_place(Galera::start);
    galera.sql(0, "CREATE DATABASE sidecar");
    let hosts = galera.hosts();
    let database = TestDatabase::create(Engine::Sqlite);
    let mut own = environment(&database, &[("QUEUE_CONNECTION", "database"), ("DB_HOST", hosts.as_str())]);
    own.retain(|(name, _)| !matches!(*name, "DB_CONNECTION" | "DB_DATABASE"));
    own.extend(
        [("DB_CONNECTION", "mysql"), ("DB_DATABASE", "sidecar"), ("DB_USERNAME", "root")]
            .map(|(name, value)| (name, value.to_owned())),
    );
    let sidecar = Process::start(&own);
    let devices = register(&sidecar.client, 3).await;
    // Another writer changes the rows that publications lock, at another node: the cluster ends transactions of either.
    let others = galera.repeat(1, "UPDATE sidecar.clients SET name = CONCAT('name ', RAND())");
    publish_while(&sidecar, &devices, || {
        assert!(galera.conflicts(0) > 0);
        galera.kill(0);
    })
    .await;
    drop(others);
    for device in devices {
        assert_complete(&sidecar, device).await;
    }
    assert!(sidecar.log().contains("takes writes at another host"), "{}", sidecar.log());
}
