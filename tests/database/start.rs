//! Which tables a start makes, and where the first start keeps what it is told.

use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use super::migrations::tables;
use crate::support::{Engine, Process, Sidecar, TestDatabase, on_database};

const KEY: &str = "APP_KEY=base64:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

/// A Laravel app's folder whose `.env` leads to a database.
fn app(database: &TestDatabase, env: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let own = database.environment().into_iter().map(|(name, value)| format!("{name}={value}\n"));
    std::fs::write(folder.path().join(".env"), own.collect::<String>() + env + KEY).unwrap();
    folder
}

const PRESENCE: [&str; 8] = [
    "cache",
    "cache_locks",
    "sidecar_presence_changes",
    "sidecar_presence_counts",
    "sidecar_presence_log",
    "sidecar_presence_users",
    "sidecar_queue_jobs",
    "sidecar_queue_lanes",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_app_with_presence_alone_gets_no_tables_for_messages_unasked() {
    let database = TestDatabase::create(Engine::Sqlite);
    let folder = app(&database, "CACHE_STORE=database\n");
    let sidecar = Sidecar::beside(folder.path(), &[]).await;
    assert_eq!(sidecar.client.heartbeat(1).await.status, 200);
    assert_eq!(tables(&database), PRESENCE);
    let register = async || sidecar.client.post("/api/v1/clients/register", json!({"fingerprint": "one"})).await;
    let answer = register().await;
    assert_eq!(
        (answer.status, &answer.json["message"]),
        (503, &json!("Database connection failed.")),
        "{}",
        answer.text
    );

    let migrate = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"))
        .args(["migrate", "--laravel", folder.path().to_str().unwrap()])
        .env_clear()
        .output()
        .unwrap();
    assert!(migrate.status.success(), "{}", String::from_utf8_lossy(&migrate.stderr));
    assert_eq!(register().await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_with_presence_in_redis_gets_no_table_at_all() {
    let database = TestDatabase::create(Engine::Sqlite);
    let folder = app(&database, "CACHE_STORE=redis\nREDIS_PORT=1\n");
    let sidecar = Sidecar::beside(folder.path(), &[]).await;
    assert_eq!(sidecar.client.get("/up").await.status, 200);
    assert_eq!(tables(&database), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_a_word_about_messages_gets_their_tables() {
    let database = TestDatabase::create(Engine::Sqlite);
    let folder = app(&database, "CACHE_STORE=database\nADMIN_TOKEN=secret-secret-secret\n");
    let sidecar = Sidecar::beside(folder.path(), &[]).await;
    assert_eq!(sidecar.client.get("/up").await.status, 200);
    assert!(tables(&database).contains(&"clients".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_configuration_presence_survives_a_restart_in_one_sqlite_file() {
    let folder = TempDir::new().unwrap();
    let environment =
        [("PRESENCE_STORAGE", folder.path().display().to_string()), ("PRESENCE_CACHE_STORE", String::new())];
    let mut first = Process::start(&environment);
    let meta = json!({"user_id": 1, "meta": {"device": "phone"}});
    assert_eq!(first.client.post("/api/v1/presence/heartbeat", meta).await.json["transition"], "came_online");
    first.terminate();
    let second = Process::start(&environment);
    let status = second.client.get("/api/v1/presence/status/1").await.json;
    assert_eq!((&status["status"], &status["meta"]["device"]), (&json!("online"), &json!("phone")));
    assert_eq!(second.client.changes().await.len(), 1);
    assert_eq!(second.client.get("/api/v1/presence/counts").await.json["online"], 1);
    assert!(folder.path().join("sidecar.sqlite").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_wait_in_the_database_for_a_receiver_that_is_down() {
    use crate::support::{Reaction, Receiver, free_port};
    let (database, port) = (TestDatabase::create(Engine::Sqlite), free_port());
    let mut environment = on_database(&database);
    environment.extend([
        ("PRESENCE_DRIVER", "webhook".to_owned()),
        ("PRESENCE_WEBHOOK_URL", format!("http://127.0.0.1:{port}/")),
        ("PRESENCE_WEBHOOK_SECRET", "secret".to_owned()),
        ("PRESENCE__WEBHOOK__SCHEDULE", "1s,1s,1s,1s,1s".to_owned()),
    ]);
    let mut first = Process::start(&environment);
    assert_eq!(first.client.heartbeat(1).await.status, 200);
    first.kill();
    let receiver = Receiver::on(port, None, |_| Reaction::Answer(204, "")).await;
    let _second = Process::start(&environment);
    assert_eq!(receiver.wait_for(1).await[0].json()["event"], "online");
}

#[test]
fn the_doctor_reads_the_cache_table_or_says_what_to_do() {
    let database = TestDatabase::create(Engine::Sqlite);
    let run = |command: &str| {
        let mut sidecar = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"));
        sidecar.arg(command).env_clear().envs(on_database(&database)).env("PRESENCE_STORAGE", "/nonexistent/storage");
        let output = sidecar.output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let said = run("doctor");
    assert!(said.contains("FIX  store: a table is missing") && said.contains("presence-sidecar migrate"), "{said}");
    run("migrate");
    let said = run("doctor");
    assert!(said.contains("ok   store: the table cache is readable"), "{said}");
}
