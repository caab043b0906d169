//! All at once, on each store: sidecars are killed and frozen, their logs are closed, the store is killed, its disk is full.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Environment, Faults, Start, long_for, transitions_survive};
use crate::support::{
    Engine, Process, RedisServer, ServerOptions, SmallDisk, SqlServer, TestDatabase, on_database, on_redis,
};

/// How long a disk is full.
const FULL: Duration = Duration::from_millis(700);

/// Sidecars of which two of three log into a pipe that is closed once they listen.
fn start(environment: Environment) -> Start {
    let binary = Path::new(env!("CARGO_BIN_EXE_presence-sidecar"));
    let closed = r#"exec "$@" 2> >(sed -u /listening/q >&2)"#;
    let launcher = ["bash", "-c", closed, "bash"].map(str::to_owned);
    Arc::new(move |place| {
        let launcher = if place == 0 { &[][..] } else { &launcher };
        Process::start_under(launcher, binary, &environment)
    })
}

async fn assert_survives(environment: Environment, fault: impl FnMut() + Send + 'static) {
    let faults = Faults { freezes: true, store: Some(Box::new(fault)) };
    let span = long_for().unwrap_or(Duration::from_secs(6));
    let changes = transitions_survive(environment, start, span, faults).await;
    assert!(changes > 20, "too little happened: {changes} changes");
}

/// Fills the disk for a while; then there is room for as long.
fn fill(disk: &SmallDisk) {
    disk.fill();
    std::thread::sleep(FULL);
    disk.free();
    std::thread::sleep(FULL);
}

/// Kills a server and starts it again; every second time its disk was full before, after which some end by themselves.
fn restarts(disk: SmallDisk, mut restart: impl FnMut() + Send) -> impl FnMut() + Send {
    let mut number = 0;
    move || {
        number += 1;
        if number % 2 == 0 {
            fill(&disk);
        }
        restart();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transitions_survive_all_faults_on_redis() {
    slow!();
    require!("redis-server");
    let Some(disk) = SmallDisk::mount(400) else { return };
    let folder = disk.path().display().to_string();
    // It ends itself when it cannot write to its disk.
    let arguments = ["--appendonly", "yes", "--appendfsync", "always", "--dir", &folder];
    let mut redis = RedisServer::start_with(&arguments);
    let environment = on_redis(&redis);
    let fault = restarts(disk, move || {
        redis.stop();
        redis.run();
    });
    assert_survives(environment, fault).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transitions_survive_all_faults_on_mariadb() {
    slow!();
    require!("mariadbd");
    let Some(disk) = SmallDisk::mount(400) else { return };
    let server = Arc::new(Mutex::new(SqlServer::start(Engine::MariaDb)));
    let database = TestDatabase::create_on(&server);
    database.move_tables_to(disk.path());
    assert_survives(on_database(&database), faults_of(server, disk)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transitions_survive_all_faults_on_postgres() {
    slow!();
    require!("postgres");
    let Some(disk) = SmallDisk::mount(600) else { return };
    let options = ServerOptions { parent: Some(disk.path().to_owned()), ..ServerOptions::default() };
    let server = Arc::new(Mutex::new(SqlServer::start_with(Engine::Postgres, options)));
    let database = TestDatabase::create_on(&server);
    assert_survives(on_database(&database), faults_of(server, disk)).await;
}

fn faults_of(server: Arc<Mutex<SqlServer>>, disk: SmallDisk) -> impl FnMut() + Send {
    restarts(disk, move || {
        let mut server = server.lock().unwrap();
        server.stop();
        server.run();
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn transitions_survive_all_faults_on_sqlite() {
    slow!();
    let Some(disk) = SmallDisk::mount(400) else { return };
    let database = TestDatabase::create(Engine::Sqlite);
    let mut environment = on_database(&database);
    environment.push(("DB_DATABASE", disk.path().join("database.sqlite").display().to_string()));
    assert_survives(environment, move || fill(&disk)).await;
}
