//! Sidecars: in this process, through the function that the binary runs, or as processes that can be killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use presence_sidecar::app;
use presence_sidecar::app::Supervisor;
use presence_sidecar::config::{Flags, Sources, load};
use presence_sidecar::http::listener::bind;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::Client;

/// The service token of all test sidecars.
pub const TOKEN: &str = "service-token-of-the-tests-0123456789abcdef";

/// A sidecar in this process, stopped when dropped.
pub struct Sidecar {
    /// A client with the service token.
    pub client: Client,
    /// Its URL.
    pub url: String,
    /// Its workers.
    pub supervisor: Supervisor,
    stop: CancellationToken,
    _storage: TempDir,
}

impl Sidecar {
    /// A sidecar with the store in memory.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A sidecar on a Redis.
    pub async fn on(redis: &super::RedisServer) -> Self {
        Self::with(&on_redis(redis)).await
    }

    /// A sidecar with additional environment variables.
    pub async fn with(environment: &[(&str, String)]) -> Self {
        let storage = TempDir::new().unwrap();
        let environment = environment_of(environment, storage.path());
        Self::of(Sources { environment, ..Sources::default() }, storage).await
    }

    /// A sidecar with the `.env` and the store of the app in a folder.
    pub async fn beside(app: &Path, environment: &[(&str, String)]) -> Self {
        let storage = TempDir::new().unwrap();
        let mut environment = environment_of(environment, storage.path());
        environment.retain(|(name, _)| name != "PRESENCE_CACHE_STORE");
        Self::of(Sources { laravel: Some(app.to_owned()), environment, ..Sources::default() }, storage).await
    }

    async fn of(sources: Sources, storage: TempDir) -> Self {
        let flags = Flags { listen: Some("127.0.0.1:0".to_owned()) };
        let loaded = load(&Sources { flags, ..sources }).unwrap();
        let app = app::App::build(&loaded).unwrap();
        let mut listeners = Vec::new();
        for listen in &loaded.config.server.listen {
            listeners.extend(bind(listen).await.unwrap());
        }
        let url = listeners[0].url("http");
        let (stop, supervisor) = (CancellationToken::new(), app.supervisor().clone());
        tokio::spawn(app::run(listeners, Vec::new(), app, stop.clone()));
        Self { client: Client::new(&url, TOKEN), url, supervisor, stop, _storage: storage }
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The environment of a sidecar that stores presence in `database`.
pub fn on_database(database: &super::TestDatabase) -> Vec<(&'static str, String)> {
    let mut environment = database.environment();
    environment.push(("PRESENCE_CACHE_STORE", "database".to_owned()));
    environment
}

/// The environment of a sidecar on `redis`.
pub fn on_redis(redis: &super::RedisServer) -> Vec<(&'static str, String)> {
    vec![("PRESENCE_CACHE_STORE", "redis".to_owned()), ("REDIS_PORT", redis.port().to_string())]
}

fn environment_of(more: &[(&str, String)], storage: &std::path::Path) -> Vec<(String, String)> {
    let given = [
        ("PRESENCE_TOKEN", TOKEN.to_owned()),
        ("PRESENCE_STORAGE", storage.display().to_string()),
        ("PRESENCE_CACHE_STORE", "array".to_owned()),
    ];
    let all = given.iter().chain(more);
    all.map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// A sidecar process, killed when dropped.
pub struct Process {
    /// A client with the service token.
    pub client: Client,
    /// Its URL.
    pub url: String,
    child: Child,
    log: Arc<Mutex<String>>,
    storage: TempDir,
}

impl Process {
    /// Starts the binary and waits until it listens.
    pub fn start(environment: &[(&str, String)]) -> Self {
        Self::start_binary(Path::new(env!("CARGO_BIN_EXE_presence-sidecar")), environment)
    }

    /// Starts this binary, which may be of another version, and waits until it listens.
    pub fn start_binary(binary: &Path, environment: &[(&str, String)]) -> Self {
        Self::start_under(&[], binary, environment)
    }

    /// Starts a binary through a program that replaces itself by it, such as `prlimit` with its arguments.
    pub fn start_under(launcher: &[String], binary: &Path, environment: &[(&str, String)]) -> Self {
        let storage = TempDir::new().unwrap();
        let path = binary.display().to_string();
        let command: Vec<&str> = launcher.iter().map(String::as_str).chain([path.as_str(), "serve"]).collect();
        let mut child = Command::new(command[0])
            .args(&command[1..])
            .env_clear()
            .env("PRESENCE_LISTEN", "127.0.0.1:0")
            .envs(environment_of(environment, storage.path()))
            .env("PRESENCE_LOG_FORMAT", "json")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let (log, (tell, told)) = (Arc::new(Mutex::new(String::new())), channel());
        let kept = log.clone();
        std::thread::spawn(move || {
            for line in lines {
                let parsed: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
                if let Some(url) = parsed["listen"].as_str() {
                    _ = tell.send(url.to_owned());
                }
                kept.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        let url = told.recv().expect("the sidecar logs its address");
        Self { client: Client::new(&url, TOKEN), url, child, log, storage }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its storage folder.
    pub fn storage(&self) -> &Path {
        self.storage.path()
    }

    /// Its log output so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Its log output, as soon as it has `text`: a response may arrive before the line that is logged with it.
    pub async fn log_with(&self, text: &str) -> String {
        let has_text = async {
            while !self.log().contains(text) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(10), has_text).await.is_ok();
        assert!(in_time, "the log has no {text:?}: {}", self.log());
        self.log()
    }

    /// Kills it (`SIGKILL`).
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops it (`SIGTERM`); returns its exit status.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        super::tools::send_signal("TERM", self.child.id());
        self.wait()
    }

    /// Waits until it has ended; returns its exit status.
    pub fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
