//! The tables that a start creates, and the database of a start without configuration.

use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use super::{tables, wait_until};
use crate::support::{Engine, Process, Sidecar, TestDatabase, on_database};

const KEY: &str = "APP_KEY=base64:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

/// The tables of an app's migrations, as `php artisan migrate` leaves them.
const MIGRATED: [&str; 4] = [
    "CREATE TABLE migrations (id integer primary key, migration text, batch integer)",
    "CREATE TABLE cache (key text primary key, value text not null, expiration integer not null)",
    "CREATE TABLE cache_locks (key text primary key, owner text not null, expiration integer not null)",
    "INSERT INTO migrations (migration, batch) VALUES ('create_cache_table', 1)",
];

/// The folder of a Laravel app whose `.env` names a database, which the app has migrated.
fn app(database: &TestDatabase, env: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    MIGRATED.iter().for_each(|statement| _ = database.sql(statement));
    let own = database.environment().into_iter().map(|(name, value)| format!("{name}={value}\n"));
    std::fs::write(folder.path().join(".env"), own.collect::<String>() + env + KEY).unwrap();
    folder
}

/// All tables of an app with presence in its database.
const PRESENCE: [&str; 10] = [
    "cache",
    "cache_locks",
    "migrations",
    "sidecar_migrations",
    "sidecar_presence_changes",
    "sidecar_presence_counts",
    "sidecar_presence_log",
    "sidecar_presence_users",
    "sidecar_queue_jobs",
    "sidecar_queue_lanes",
];

#[tokio::test(flavor = "multi_thread")]
async fn start_beside_an_app_without_messages_creates_no_message_tables() {
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
async fn start_beside_an_app_with_presence_in_redis_creates_no_tables() {
    let database = TestDatabase::create(Engine::Sqlite);
    let folder = app(&database, "CACHE_STORE=redis\nREDIS_PORT=1\n");
    let sidecar = Sidecar::beside(folder.path(), &[]).await;
    assert_eq!(sidecar.client.get("/up").await.status, 200);
    assert_eq!(tables(&database), ["cache", "cache_locks", "migrations"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn start_with_a_setting_of_messages_creates_their_tables() {
    slow!();
    let database = TestDatabase::create(Engine::Sqlite);
    let folder = app(&database, "CACHE_STORE=database\nADMIN_TOKEN=secret-secret-secret\n");
    let sidecar = Sidecar::beside(folder.path(), &[]).await;
    assert_eq!(sidecar.client.get("/up").await.status, 200);
    let created = async || tables(&database).contains(&"clients".to_owned());
    wait_until("the tables of messages are created", created).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn start_without_configuration_keeps_presence_in_an_sqlite_file() {
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
async fn pending_deliveries_survive_a_restart_in_the_database() {
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
fn doctor_reads_the_cache_table_or_names_the_fix() {
    let database = TestDatabase::create(Engine::Sqlite);
    let run = |command: &str| {
        let mut sidecar = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"));
        sidecar.arg(command).env_clear().envs(on_database(&database)).env("PRESENCE_STORAGE", "/nonexistent/storage");
        let output = sidecar.output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let output = run("doctor");
    assert!(
        output.contains("FIX  store: a table is missing") && output.contains("presence-sidecar migrate"),
        "{output}"
    );
    run("migrate");
    let output = run("doctor");
    assert!(output.contains("ok   store: the table cache is readable"), "{output}");
}
