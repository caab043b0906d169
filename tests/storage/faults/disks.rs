//! Full disks.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{Traffic, environment};
use crate::support::{Engine, ServerOptions, Sidecar, SmallDisk, SqlServer, TestDatabase};

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_recovers_by_itself_when_its_full_disk_has_room_again() {
    let Some(disk) = SmallDisk::mount(4) else { return };
    let database = TestDatabase::create(Engine::Sqlite);
    let mut environment = environment(&database, &[]);
    environment.push(("DB_DATABASE", disk.path().join("database.sqlite").display().to_string()));
    let sidecar = Sidecar::with(&environment).await;
    let mut traffic = Traffic { ballast: "x".repeat(6_000), ..Traffic::to(&sidecar) };
    for _ in 0..2 {
        assert_eq!(traffic.send().await, [200, 201, 200]);
        disk.fill();
        traffic.fail().await;
        disk.free();
        traffic.recover().await;
    }
}

async fn assert_recovers_from_a_full_disk(disk: &SmallDisk, database: &TestDatabase, supervised: bool) {
    let sidecar = Sidecar::with(&environment(database, &[])).await;
    let mut traffic = Traffic { ballast: "x".repeat(8_000), ..Traffic::to(&sidecar) };
    if supervised {
        // The time until the server is there again is not that of the sidecar.
        traffic.recovery = Duration::from_secs(60);
    }
    traffic.recover().await;
    disk.fill();
    // The server has some room left in its own files.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !traffic.send().await.contains(&503) {
        assert!(Instant::now() < deadline, "the disk is not full");
    }
    for _ in 0..5 {
        traffic.send().await;
    }
    disk.free();
    traffic.recover().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_recovers_when_its_full_disk_has_room_again() {
    slow!();
    require!("mariadbd");
    let Some(disk) = SmallDisk::mount(16) else { return };
    let server = Arc::new(Mutex::new(SqlServer::start(Engine::MariaDb)));
    let database = TestDatabase::create_on(&server);
    database.move_tables_to(disk.path());
    // MariaDB ends itself when a rollback needs room. Its supervisor starts it again.
    let supervised = Arc::downgrade(&server);
    std::thread::spawn(move || {
        while let Some(server) = supervised.upgrade() {
            server.lock().unwrap().run_if_ended();
            drop(server);
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    assert_recovers_from_a_full_disk(&disk, &database, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_recovers_when_its_full_disk_has_room_again() {
    slow!();
    require!("postgres");
    let Some(disk) = SmallDisk::mount(400) else { return };
    let options = ServerOptions { parent: Some(disk.path().to_owned()), ..ServerOptions::default() };
    let server = Arc::new(Mutex::new(SqlServer::start_with(Engine::Postgres, options)));
    let database = TestDatabase::create_on(&server);
    assert_recovers_from_a_full_disk(&disk, &database, false).await;
}
