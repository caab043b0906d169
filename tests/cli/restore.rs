//! Backups of servers, as docker/README.md says: their own tools copy them under load, and other servers are restored from them.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::backup::{Acknowledged, heartbeats, messages, read_messages, register, users_of};
use super::program;
use crate::messaging::harness::{ADMIN, APP_KEY, Device};
use crate::support::{
    ENGINES, Engine, Process, Receiver, RedisServer, TOKEN, TestDatabase, free_port, on_database, on_redis,
};

type Environment = Vec<(&'static str, String)>;

/// The environment of a sidecar that posts to this port, with the secrets of all sidecars of a test.
fn posting_to(port: u16, mut environment: Environment) -> Environment {
    environment.extend(
        [
            ("APP_KEY", APP_KEY),
            ("ADMIN_TOKEN", ADMIN),
            ("PRESENCE_DRIVER", "webhook"),
            ("PRESENCE_WEBHOOK_URL", format!("http://127.0.0.1:{port}/").as_str()),
            ("PRESENCE_WEBHOOK_SECRET", "secret-of-the-restored-webhooks"),
            ("PRESENCE__WEBHOOK__SCHEDULE", ["1s"; 60].join(",").as_str()),
            ("PRESENCE__MESSAGING__LIMITS__POLL", "100000,1"),
        ]
        .map(|(name, value)| (name, value.to_owned())),
    );
    environment
}

/// Users and messages that arrive at a sidecar, whose webhooks wait for their receiver.
struct Load {
    sidecar: Process,
    device: Device,
    acknowledged: Acknowledged,
    tasks: [JoinHandle<()>; 2],
}

impl Load {
    async fn start(environment: Environment) -> Self {
        let sidecar = Process::start(&posting_to(free_port(), environment));
        let (device, acknowledged) = (register(&sidecar.client).await, Acknowledged::default());
        let tasks = [
            tokio::spawn(heartbeats(sidecar.client.with_token(TOKEN), acknowledged.clone(), "user")),
            tokio::spawn(messages(sidecar.client.with_token(""), acknowledged.clone(), device.id.clone())),
        ];
        Self { sidecar, device, acknowledged, tasks }
    }

    /// Makes copies in the middle of the load, then kills the sidecar.
    async fn copied(self, copy: impl FnOnce()) -> Copied {
        while self.acknowledged.users().len() < 100 || self.acknowledged.messages().len() < 30 {
            tokio::task::yield_now().await;
        }
        let copied =
            Copied { device: self.device, users: self.acknowledged.users(), messages: self.acknowledged.messages() };
        tokio::task::block_in_place(copy);
        assert!(self.acknowledged.users().len() > copied.users.len(), "the sidecar answers meanwhile");
        self.tasks.iter().for_each(JoinHandle::abort);
        drop(self.sidecar);
        copied
    }
}

/// What was answered before a copy was made.
struct Copied {
    device: Device,
    users: Vec<String>,
    messages: Vec<u64>,
}

impl Copied {
    /// Checks that a sidecar on the restored servers has all of it: users, messages, and webhooks.
    async fn assert_restored(&self, environment: Environment) {
        let receiver = Receiver::start().await;
        let port = reqwest::Url::parse(&receiver.url).unwrap().port().unwrap();
        let sidecar = Process::start(&posting_to(port, environment));
        let found = users_of(&sidecar.client).await;
        for user in &self.users {
            assert!(found.contains(&json!(user)), "{user} was answered");
        }
        let device = self.device.at(&sidecar.client);
        let read = tokio::time::timeout(Duration::from_secs(60), read_messages(&device, self.messages.len())).await;
        assert_eq!(read.unwrap()[..self.messages.len()], self.messages, "each once, with the credentials of before");
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let posts = receiver.posts();
            let posted: HashSet<String> =
                posts.iter().map(|post| post.json()["user_id"].as_str().unwrap().to_owned()).collect();
            let Some(missing) = self.users.iter().find(|user| !posted.contains(*user)) else { return };
            assert!(Instant::now() < deadline, "{missing} was not posted");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn succeed(command: &mut Command) {
    let output: Output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", super::text_of(&output));
}

/// A tool of the database's own, connected to it; the name of the database is its last argument.
fn tool(name: &str, database: &TestDatabase, options: &[&str]) -> Command {
    let environment = database.environment();
    let value = |name: &str| environment.iter().find(|(known, _)| *known == name).unwrap().1.clone();
    let mut command = Command::new(name);
    match database.engine {
        Engine::Postgres => command.args(["-U", "root", "-h", "127.0.0.1", "-p", &value("DB_PORT")]),
        _ => {
            command.args(["--no-defaults", "--protocol=tcp", "-u", "root", "-h", "127.0.0.1", "-P", &value("DB_PORT")])
        }
    };
    command.args(options).stdin(Stdio::null());
    command
}

fn dump(database: &TestDatabase, file: &Path) {
    let path = file.to_str().unwrap();
    match database.engine {
        Engine::Postgres => {
            succeed(&mut tool("pg_dump", database, &["--format=custom", "--file", path, database.name()]));
        }
        _ => {
            let dump = &mut tool("mysqldump", database, &["--single-transaction", database.name()]);
            succeed(dump.stdout(File::create(file).unwrap()));
        }
    }
}

fn load(database: &TestDatabase, file: &Path) {
    let path = file.to_str().unwrap();
    match database.engine {
        Engine::Postgres => {
            succeed(&mut tool("pg_restore", database, &["--no-owner", "--dbname", database.name(), path]));
        }
        _ => succeed(tool("mysql", database, &[database.name()]).stdin(File::open(file).unwrap())),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dump_of_a_database_under_load_has_everything_that_was_answered_before() {
    for engine in ENGINES.servers() {
        let (first, second) = (TestDatabase::create(engine), TestDatabase::create(engine));
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("dump");
        let copied = Load::start(on_database(&first)).await.copied(|| dump(&first, &file)).await;
        tokio::task::block_in_place(|| load(&second, &file));
        copied.assert_restored(on_database(&second)).await;
    }
}

/// Presence and the queue of messages in Redis; clients and messages in a file.
fn on_both(redis: &RedisServer, file: &TestDatabase) -> Environment {
    let queue = ("QUEUE_CONNECTION", "redis".to_owned());
    on_redis(redis).into_iter().chain(file.environment()).chain([queue]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_of_redis_and_then_of_the_database_under_load_has_everything_that_was_answered_before() {
    require!("redis-server");
    let first = (RedisServer::start_with(&["--appendonly", "yes"]), TestDatabase::create(Engine::Sqlite));
    let (mut redis, folder) = (RedisServer::start(), TempDir::new().unwrap());
    let (snapshot, backup) = (folder.path().join("presence.rdb"), folder.path().join("backup"));
    let load = Load::start(on_both(&first.0, &first.1)).await;
    let copied = load
        .copied(|| {
            first.0.cli(&["--rdb", snapshot.to_str().unwrap()]);
            let mut command = program(&["backup", backup.to_str().unwrap()]);
            succeed(command.envs(on_both(&first.0, &first.1)).env("PRESENCE_STORAGE", folder.path()));
        })
        .await;
    redis.stop();
    fs::copy(&snapshot, redis.folder().join("dump.rdb")).unwrap();
    redis.run();
    assert_eq!(redis.cli(&["CONFIG", "SET", "appendonly", "yes"]).trim(), "OK");
    let file = TestDatabase::of_file(&backup.join("sidecar.sqlite"));
    copied.assert_restored(on_both(&redis, &file)).await;
}
