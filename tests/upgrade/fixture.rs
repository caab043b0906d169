//! What version 0.1.0 wrote.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::SystemTime;

use serde_json::Value;
use tempfile::TempDir;

use super::{list, text};
use crate::support::{Client, Engine, Process, RedisServer, TestDatabase, command, fixture, free_port};

/// The secrets of the fixtures, as in `tests/upgrade/record`. The service token is that of all tests.
pub const APP_KEY: &str = "base64:J/hj9jz2Qf+Lj8cXC6Adgad1nWlF3WMGc440uVPzRzE=";
/// Publishes.
pub const ADMIN: &str = "changeme-admin";
/// Reads clients and their messages.
pub const OPERATOR: &str = "changeme-operator";

/// Seconds until a silent user is away, and until offline: the defaults, which the recording used, too.
pub const AWAY_AFTER: i64 = 90;
/// See [`AWAY_AFTER`].
pub const TTL: i64 = 120;

/// Where 0.1.0 kept presence and deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// A file, with clients and messages.
    Sqlite,
    /// A MariaDB database, with clients and messages.
    MariaDb,
    /// A Postgres database, with clients and messages.
    Postgres,
    /// Redis, which also queues fan-out; clients and messages are in a file.
    Redis,
}

impl Store {
    /// The program of its server, if it has one.
    pub fn server(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::MariaDb => Some("mariadbd"),
            Self::Postgres => Some("postgres"),
            Self::Redis => Some("redis-server"),
        }
    }
}

/// What 0.1.0 wrote, loaded into a database, and perhaps a Redis, of the test's own.
pub struct Fixture {
    /// Which one it is.
    pub store: Store,
    /// What 0.1.0 answered last: `expected.json`.
    pub expected: Value,
    /// The database.
    pub database: TestDatabase,
    redis: Option<RedisServer>,
    folder: TempDir,
}

/// How a sidecar delivers.
#[derive(Clone, Copy, Debug)]
pub struct Webhooks {
    /// The receiver's port.
    pub port: u16,
    /// Seconds that an offline is held.
    pub debounce: u32,
    /// Whether what has waited for years is still worth a try.
    pub patient: bool,
}

impl Webhooks {
    /// Nothing can be delivered, and nothing is given up.
    pub fn down() -> Self {
        Self { port: free_port(), debounce: 0, patient: true }
    }

    /// To the receiver at this address.
    pub fn to(url: &str) -> Self {
        let port = reqwest::Url::parse(url).unwrap().port().unwrap();
        Self { port, ..Self::down() }
    }

    /// The configuration of both endpoints, with the names that they had in 0.1.0.
    fn configuration(self) -> String {
        let Self { port, debounce, patient } = self;
        // A few tries until the circuit is open; from then on only probes, for ten years.
        let schedule = if patient { [[r#""1s""#; 10], [r#""365d""#; 10]].concat() } else { vec![r#""1s""#] };
        format!(
            r#"
driver = "webhook"
[webhook]
url = "http://127.0.0.1:{port}/default"
secret = "secret-of-the-upgrade-tests"
timeout = 1
debounce_seconds = {debounce}
keep_dead_days = 3650
schedule = [{}]
[[webhook.endpoints]]
name = "crm"
url = "http://127.0.0.1:{port}/crm"
send_on = {{ online = true, offline = true, heartbeat = false, away = false }}
[presence]
remember_days = 3650
"#,
            schedule.join(", ")
        )
    }
}

impl Fixture {
    /// Loads the fixture of a store.
    pub fn load(store: Store) -> Self {
        let folder = fixture("upgrade/fixtures").join(match store {
            Store::Sqlite => "sqlite",
            Store::MariaDb => "mariadb",
            Store::Postgres => "postgres",
            Store::Redis => "redis",
        });
        let database = match store {
            Store::Sqlite | Store::Redis => TestDatabase::of_file(&folder.join("database.sqlite")),
            Store::MariaDb | Store::Postgres => {
                let engine = if store == Store::MariaDb { Engine::MariaDb } else { Engine::Postgres };
                let database = TestDatabase::create(engine);
                database.sql(&fs::read_to_string(folder.join("database.sql")).unwrap());
                database
            }
        };
        let redis = (store == Store::Redis).then(|| loaded(&folder.join("commands.txt")));
        let expected: Value = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
        let fixture = Self { store, expected, database, redis, folder: TempDir::new().unwrap() };
        assert!(fixture.age() > TTL, "wait until all users of the recording have expired");
        fixture.date_steps();
        fixture
    }

    /// Seconds since the recording.
    fn age(&self) -> i64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        now.cast_signed() - self.expected["recorded_at"].as_i64().unwrap()
    }

    /// Names of steps that happened are forgotten after 30 days. To be tested later than that they are dated today.
    fn date_steps(&self) {
        self.database.sql("UPDATE sidecar_done_steps SET done_at = CURRENT_TIMESTAMP");
    }

    /// The environment of a sidecar on this fixture.
    pub fn environment(&self, webhooks: Webhooks) -> Vec<(&'static str, String)> {
        let file = self.folder.path().join(format!("{}.toml", webhooks.port));
        fs::write(&file, webhooks.configuration()).unwrap();
        let mut environment = self.database.environment();
        let store = if self.redis.is_some() { "redis" } else { "database" };
        environment.extend(self.redis.iter().map(|redis| ("REDIS_PORT", redis.port().to_string())));
        let fixed = [
            ("APP_KEY", APP_KEY),
            ("ADMIN_TOKEN", ADMIN),
            ("OPERATOR_TOKENS", OPERATOR),
            ("PRESENCE_CACHE_STORE", store),
            ("QUEUE_CONNECTION", store),
        ];
        environment.extend(fixed.map(|(name, value)| (name, value.to_owned())));
        environment.push(("PRESENCE_CONFIG", file.display().to_string()));
        environment
    }

    /// Starts the tested binary on this fixture.
    pub fn start(&self, webhooks: Webhooks) -> Process {
        Process::start(&self.environment(webhooks))
    }

    /// The changes that 0.1.0 recorded.
    pub fn changes(&self) -> &[Value] {
        list(&self.expected["changes"])
    }

    /// The `seq` of the last change of a user.
    pub fn last_seq(&self, user: &Value) -> u64 {
        let of_user = self.changes().iter().filter(|change| change["user_id"] == *user);
        of_user.map(|change| change["seq"].as_u64().unwrap()).max().unwrap()
    }

    /// Holds the offline that 0.1.0 held for another hour, as if it had just been recorded.
    pub fn hold_again(&self) {
        let held =
            list(&self.expected["pending"]).iter().filter(|job| job["user_id"] == 5 && job["event"] == "offline");
        for id in held.map(|job| text(&job["id"])) {
            let (id, endpoint) = id.split_once('@').unwrap();
            self.hold_job(id, endpoint);
        }
    }

    fn hold_job(&self, id: &str, endpoint: &str) {
        if let Some(redis) = &self.redis {
            let jobs = redis.cli(&["KEYS", &format!("*:queue:{endpoint}:jobs")]);
            let script = "local value = redis.call('HGET', KEYS[1], ARGV[1])
                local now = redis.call('TIME')[1] * 1000
                return redis.call('HSET', KEYS[1], ARGV[1], (string.gsub(value, '^%d+', now + 3600000)))";
            assert_eq!(redis.cli(&["EVAL", script, "1", jobs.trim(), id]).trim(), "0", "{id} is replaced");
        } else {
            let later = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() + 3_600_000;
            let of_job = format!("queue = '{endpoint}' AND id = '{id}'");
            self.database.sql(&format!("UPDATE sidecar_queue_jobs SET not_before = {later} WHERE {of_job}"));
        }
    }
}

/// A Redis in which these commands were carried out.
fn loaded(commands: &Path) -> RedisServer {
    let redis = RedisServer::start();
    let mut client = command("redis-cli");
    client.args(["-p", &redis.port().to_string()]).stdin(Stdio::from(File::open(commands).unwrap()));
    let output = client.output().unwrap();
    let answers = String::from_utf8_lossy(&output.stdout);
    assert!(!answers.is_empty() && !answers.lines().any(|line| line.contains("ERR ")), "{answers}");
    redis
}

/// Reads as an operator.
pub async fn operate(client: &Client, path: &str) -> Value {
    let request = client.with_token("").request(reqwest::Method::GET, &format!("/api/v1/operators{path}"));
    let answer = client.send(request.header("X-Operator-Token", OPERATOR)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}
