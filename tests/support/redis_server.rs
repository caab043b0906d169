//! A redis-server process for one test.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::free_port;
use super::tools::{command, send_signal};

/// A Redis on a free port, in a temporary folder, killed when dropped.
pub struct RedisServer {
    port: u16,
    folder: TempDir,
    arguments: Vec<String>,
    child: Option<Child>,
}

impl RedisServer {
    /// A Redis without persistence.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A Redis with additional arguments, such as `["--appendonly", "yes"]`.
    pub fn start_with(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let mut server = Self { port: free_port(), folder: TempDir::new().unwrap(), arguments, child: None };
        server.run();
        server
    }

    /// Starts it again on the same port, after [`RedisServer::stop`].
    pub fn run(&mut self) {
        let child = command("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(self.folder.path())
            .arg("--unixsocket")
            .arg(self.socket())
            .args(&self.arguments)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_secs(10);
        while !["PONG", "NOAUTH"].iter().any(|word| self.cli(&["PING"]).starts_with(word)) {
            assert!(Instant::now() < deadline, "redis-server did not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it, as in a crash.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Freezes it (`SIGSTOP`) or resumes it (`SIGCONT`).
    pub fn signal(&self, name: &str) {
        send_signal(name, self.id());
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// The folder of its files.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its unix socket.
    pub fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// Runs a command with redis-cli; returns the output.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let output = command("redis-cli").args(["-p", &self.port.to_string()]).args(arguments).output();
        String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
    }

    /// Its address, and the first database.
    pub fn info(&self) -> redis::ConnectionInfo {
        address(self.port)
    }

    /// A connection to one of its databases.
    pub fn connect(&self, db: i64) -> redis::Connection {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}/{db}", self.port)).unwrap();
        client.get_connection().unwrap()
    }
}

/// The server at a port of this host, and its first database.
pub fn address(port: u16) -> redis::ConnectionInfo {
    let address = redis::ConnectionAddr::Tcp("127.0.0.1".to_owned(), port);
    redis::IntoConnectionInfo::into_connection_info(address).unwrap()
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
    }
}
