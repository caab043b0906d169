//! `presence-sidecar backup`, `restore` and `check-upgrade`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{program, text_of};
use crate::messaging::harness::{ADMIN, Device, OPERATOR};
use crate::support::{Client, ENGINES, Process, TestDatabase, fixture, on_database};

/// A sidecar with presence, messages and generated secrets in a folder.
fn environment(storage: &Path) -> Vec<(&'static str, String)> {
    [
        ("PRESENCE_STORAGE", storage.to_str().unwrap()),
        ("PRESENCE_CACHE_STORE", "database"),
        ("ADMIN_TOKEN", ADMIN),
        ("OPERATOR_TOKENS", OPERATOR),
        ("PRESENCE__MESSAGING__LIMITS__POLL", "100000,1"),
        ("PRESENCE__MESSAGING__LIMITS__API", "100000,1"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

fn run(arguments: &[&str], storage: &Path) -> Output {
    let mut command = program(arguments);
    command.envs(environment(storage)).env("PRESENCE_LISTEN", "127.0.0.1:9");
    tokio::task::block_in_place(|| command.output().unwrap())
}

fn succeeds(arguments: &[&str], storage: &Path) -> String {
    let output = run(arguments, storage);
    assert!(output.status.success(), "{arguments:?}: {}", text_of(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(arguments: &[&str], storage: &Path) -> String {
    let output = run(arguments, storage);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text_of(&output));
    text_of(&output)
}

/// What was answered with success, in the order of the answers.
#[derive(Clone, Default)]
pub struct Acknowledged {
    users: Arc<Mutex<Vec<String>>>,
    messages: Arc<Mutex<Vec<u64>>>,
}

impl Acknowledged {
    /// The users whose heartbeats were answered.
    pub fn users(&self) -> Vec<String> {
        self.users.lock().unwrap().clone()
    }

    /// The numbers of the messages that were accepted.
    pub fn messages(&self) -> Vec<u64> {
        self.messages.lock().unwrap().clone()
    }
}

/// Heartbeats of new users, until the task is aborted.
pub async fn heartbeats(client: Client, acknowledged: Acknowledged, name: &'static str) {
    for number in 0.. {
        let user = format!("{name}{number}");
        if client.heartbeat(user.as_str()).await.status == 200 {
            acknowledged.users.lock().unwrap().push(user);
        }
    }
}

/// Numbered messages, until the task is aborted.
pub async fn messages(client: Client, acknowledged: Acknowledged, to: String) {
    for number in 0_u64.. {
        let request = client.request(reqwest::Method::POST, "/api/v1/messages/publish").header("X-Admin-Token", ADMIN);
        let body = json!({"to_client_ids": [to], "type": "n", "payload": {"n": number}});
        if client.send(request.json(&body)).await.status < 300 {
            acknowledged.messages.lock().unwrap().push(number);
        }
    }
}

/// Registers a client.
pub async fn register(client: &Client) -> Device {
    let body = json!({"fingerprint": "a-fingerprint"});
    Device::new(client, &client.post("/api/v1/clients/register", body).await.json)
}

/// All messages of a client, in its order, as soon as there are as many.
pub async fn read_messages(device: &Device, least: usize) -> Vec<u64> {
    let (mut cursor, mut numbers) = (0, Vec::new());
    while numbers.len() < least {
        let page = device.messages(&format!("?cursor={cursor}")).await;
        for message in &page {
            cursor = message["id"].as_i64().unwrap();
            numbers.push(device.open(message).unwrap()["payload"]["n"].as_u64().unwrap());
        }
        if page.is_empty() {
            tokio::task::yield_now().await;
        }
    }
    numbers
}

/// The users of all changes in the log, oldest first.
pub async fn users_of(client: &Client) -> Vec<Value> {
    let (mut users, mut after) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/api/v1/presence/changes?limit=1000{after}")).await.json;
        let entries = page["data"].as_array().unwrap();
        if entries.is_empty() {
            return users;
        }
        users.extend(entries.iter().map(|entry| entry["user_id"].clone()));
        after = format!("&after={}", page["next_cursor"].as_str().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_under_load_has_everything_that_was_answered_before() {
    slow!();
    let (storage, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let folder = elsewhere.path().join("backup");
    let folder = folder.to_str().unwrap();
    let sidecar = Process::start(&environment(storage.path()));
    let device = register(&sidecar.client).await;
    let acknowledged = Acknowledged::default();
    let tasks = [
        tokio::spawn(heartbeats(sidecar.client.with_token(crate::support::TOKEN), acknowledged.clone(), "a")),
        tokio::spawn(heartbeats(sidecar.client.with_token(crate::support::TOKEN), acknowledged.clone(), "b")),
        tokio::spawn(messages(sidecar.client.with_token(""), acknowledged.clone(), device.id.clone())),
    ];
    while acknowledged.users().len() < 200 || acknowledged.messages().len() < 30 {
        tokio::task::yield_now().await;
    }
    let (users, numbers) = (acknowledged.users(), acknowledged.messages());
    let written = succeeds(&["backup", folder], storage.path());
    assert_eq!(written.lines().count(), 2, "{written}");
    let went_on = acknowledged.users().len() > users.len();
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    assert!(went_on, "the sidecar answers meanwhile");
    drop(sidecar);

    let restored = TempDir::new().unwrap();
    let place = restored.path().join("storage");
    succeeds(&["restore", folder], &place);
    let sidecar = Process::start(&environment(&place));
    let found = users_of(&sidecar.client).await;
    for user in &users {
        assert!(found.contains(&json!(user)), "{user} was answered");
    }
    let device = device.at(&sidecar.client);
    assert_eq!(read_messages(&device, numbers.len()).await[..numbers.len()], numbers, "with the credentials of before");
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_refuses_what_would_lose_something() {
    let (storage, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let path = |name: &str| -> PathBuf { elsewhere.path().join(name) };
    let (backup, database) = (path("backup"), storage.path().join("sidecar.sqlite"));
    let folder = backup.to_str().unwrap();
    assert!(refused(&["backup", folder], storage.path()).contains("sidecar.sqlite does not exist"));
    let sidecar = Process::start(&environment(storage.path()));
    sidecar.client.heartbeat("before").await;
    let manifest: Value = serde_json::from_str(&succeeds(&["backup", folder, "--json"], storage.path())).unwrap();
    assert_eq!(manifest["files"][0]["name"], "sidecar.sqlite");
    assert!(refused(&["backup", folder], storage.path()).contains("exists: name a folder that does not"));
    sidecar.client.heartbeat("after").await;

    let listen = sidecar.url.strip_prefix("http://").unwrap();
    let mut running = program(&["restore", folder, "--force"]);
    running.envs(environment(storage.path())).env("PRESENCE_LISTEN", listen);
    let running = tokio::task::block_in_place(|| running.output().unwrap());
    assert!(text_of(&running).contains("stop it first"), "{}", text_of(&running));
    drop(sidecar);
    assert!(refused(&["restore", folder], storage.path()).contains("--force keeps it"));
    succeeds(&["restore", folder, "--force"], storage.path());
    assert!(storage.path().join("sidecar.sqlite.before-restore").exists());
    let sidecar = Process::start(&environment(storage.path()));
    assert_eq!(users_of(&sidecar.client).await, [json!("before")]);
    drop(sidecar);
    let old = TempDir::new().unwrap();
    for suffix in ["", "-wal"] {
        let kept = storage.path().join(format!("sidecar.sqlite.before-restore{suffix}"));
        if kept.exists() {
            fs::copy(kept, old.path().join(format!("sidecar.sqlite{suffix}"))).unwrap();
        }
    }
    let sidecar = Process::start(&environment(old.path()));
    assert_eq!(users_of(&sidecar.client).await, [json!("before"), json!("after")], "what was replaced is whole");
    drop(sidecar);

    use std::os::unix::fs::PermissionsExt;
    for file in [backup.join("secrets.env"), backup.join("sidecar.sqlite"), database] {
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
    fs::write(backup.join("secrets.env"), "APP_KEY=other\n").unwrap();
    assert!(refused(&["restore", folder, "--force"], storage.path()).contains("damaged"));
    assert!(refused(&["restore", "/nowhere"], storage.path()).contains("/nowhere is no backup"));
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_names_what_is_kept_elsewhere() {
    let (storage, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut command = program(&["backup", elsewhere.path().join("b").to_str().unwrap()]);
    command.envs([
        ("PRESENCE_STORAGE", storage.path().to_str().unwrap()),
        ("PRESENCE_CACHE_STORE", "redis"),
        ("DB_CONNECTION", "pgsql"),
        ("APP_KEY", "base64:J/hj9jz2Qf+Lj8cXC6Adgad1nWlF3WMGc440uVPzRzE="),
    ]);
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    let text = text_of(&output);
    assert!(output.status.success(), "{text}");
    for part in
        ["presence in Redis at 127.0.0.1:6379", "messages in ", "pg_dump", "APP_KEY, which comes from environment"]
    {
        assert!(text.contains(part), "{text} lacks {part}");
    }
    assert!(!text.contains("J/hj9jz2Qf"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_upgrade_names_pending_and_unknown_migrations_and_changes_nothing() {
    let storage = TempDir::new().unwrap();
    let mut fresh = program(&["check-upgrade"]);
    fresh.env("PRESENCE_STORAGE", storage.path()).env("PRESENCE_CACHE_STORE", "database");
    let fresh = tokio::task::block_in_place(|| fresh.output().unwrap());
    let text = text_of(&fresh);
    assert!(fresh.status.success() && text.contains("it will be created by the start"), "{text}");
    assert_eq!(fs::read_dir(storage.path()).unwrap().count(), 0);
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        let environment = on_database(&database);
        let check = |version: &str| {
            let mut command = program(&["check-upgrade"]);
            command.envs(environment.iter().map(|(name, value)| (*name, value.as_str())));
            command.env("PRESENCE_STORAGE", storage.path()).env("PRESENCE_TOKEN", "a-token-of-more-than-32-characters");
            let output = tokio::task::block_in_place(|| command.output().unwrap());
            assert!(text_of(&output).contains(version), "{engine:?}: {}", text_of(&output));
            output.status.code()
        };
        let sidecar = Process::start(&environment);
        sidecar.client.heartbeat(1).await;
        assert_eq!(check("all migrations are applied"), Some(0));
        let newest = database.sql("SELECT MAX(version) FROM sidecar_migrations");
        let newest: i64 = newest.trim().parse().unwrap();
        database.sql(&format!("UPDATE sidecar_migrations SET version = 9001 WHERE version = {newest}"));
        assert_eq!(check("a newer version has applied the migrations 9001"), Some(1));
        database.sql("DELETE FROM sidecar_migrations WHERE version = 9001");
        assert_eq!(check(&format!("the migrations {newest} will be applied by the start")), Some(0));
        let applied = format!("SELECT COUNT(*) FROM sidecar_migrations WHERE version >= {newest}");
        assert_eq!(database.sql(&applied).trim(), "0", "the check applies nothing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn database_of_the_last_release_can_be_backed_up_and_checked() {
    let storage = TempDir::new().unwrap();
    let database = TestDatabase::of_file(&fixture("upgrade/fixtures/sqlite/database.sqlite"));
    let mut command = program(&["check-upgrade", "--json"]);
    let environment = on_database(&database);
    command.envs(environment.iter().map(|(name, value)| (*name, value.as_str())));
    command.env("PRESENCE_STORAGE", storage.path()).env("PRESENCE_TOKEN", "a-token-of-more-than-32-characters");
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("will be applied by the start"), "{text}");
    let folder = storage.path().join("backup");
    let mut command = program(&["backup", folder.to_str().unwrap()]);
    command.envs(environment.iter().map(|(name, value)| (*name, value.as_str())));
    command.env("PRESENCE_STORAGE", storage.path());
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    assert!(output.status.success(), "{}", text_of(&output));
    let users = |file: &Path| crate::support::sqlite_run(file, "SELECT COUNT(*) FROM sidecar_presence_users");
    assert_eq!(users(&folder.join("sidecar.sqlite")), users(&database.file()));
}
