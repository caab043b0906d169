//! Logs, workers, signals and reloads: what fails around a sidecar keeps it neither from its work nor from stopping.

mod commands;
mod first_start;
mod logs;
mod reload;
mod stop;
mod workers;

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{Client, TOKEN, free_port, send_signal};

/// The longest time that a test waits for a condition.
const PATIENCE: Duration = Duration::from_secs(20);

const BINARY: &str = env!("CARGO_BIN_EXE_presence-sidecar");

/// A sidecar process with a configuration file and a standard error of the test's choice; killed when dropped.
pub struct Server {
    /// A client with the service token.
    pub client: Client,
    /// Host and port.
    pub address: String,
    child: Child,
    folder: TempDir,
}

impl Server {
    /// Starts a sidecar with the store in memory and this configuration file; its log goes to a file.
    pub async fn start(toml: &str, environment: &[(&str, String)]) -> Self {
        let folder = TempDir::new().unwrap();
        let log = Stdio::from(File::create(folder.path().join("log")).unwrap());
        Self::spawn(folder, toml, environment, log).up().await
    }

    /// Starts a sidecar with this standard error.
    pub async fn start_with(environment: &[(&str, String)], log: Stdio) -> Self {
        Self::spawn(TempDir::new().unwrap(), "", environment, log).up().await
    }

    /// As `start`, without waiting.
    fn spawn(folder: TempDir, toml: &str, environment: &[(&str, String)], log: Stdio) -> Self {
        let config = folder.path().join("presence.toml");
        if !config.exists() {
            std::fs::write(&config, toml).unwrap();
        }
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(BINARY);
        command.args(["serve", "--config"]).arg(&config).env_clear();
        command.env("PRESENCE_CACHE_STORE", "array").env("PRESENCE_STORAGE", folder.path());
        command.env("PRESENCE_LISTEN", &address);
        if !toml.contains("[auth]") {
            command.env("PRESENCE_TOKEN", TOKEN);
        }
        let environment = environment.iter().map(|(name, value)| (*name, value.as_str()));
        let child = command.envs(environment).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Self { client: Client::new(&format!("http://{address}"), TOKEN), address, child, folder }
    }

    /// Waits until it accepts connections.
    async fn up(mut self) -> Self {
        let end = Instant::now() + PATIENCE;
        while tokio::net::TcpStream::connect(&self.address).await.is_err() {
            assert!(Instant::now() < end, "the sidecar does not listen");
            assert!(self.child.try_wait().unwrap().is_none(), "the sidecar has ended: {}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self
    }

    /// The log so far, if it goes to a file.
    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until the log has `text`; returns the line.
    pub async fn logged(&self, text: &str) -> String {
        let has = async || self.log().lines().rev().find(|line| line.contains(text)).map(str::to_owned);
        wait_for(has, || format!("the log has no {text:?}:\n{}", self.log())).await
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("presence.toml")
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        send_signal(name, self.child.id());
    }

    /// Waits until it has ended by itself; returns the status and the time since the call.
    async fn ended(&mut self) -> (ExitStatus, Duration) {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, started.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the sidecar does not end: {}", self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Waits until `condition` has a value.
async fn wait_for<T>(condition: impl AsyncFn() -> Option<T>, message: impl Fn() -> String) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < end, "{}", message());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The value of a metric without labels, or with these.
fn metric(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}
