//! Support for tests: database and Redis servers, sidecars in this process or as processes, an HTTP client, a receiver.

pub mod attacked;
mod certificates;
mod client;
mod fault_proxy;
mod galera;
pub mod prometheus;
mod receiver;
mod redis_cluster;
mod redis_server;
mod reverb;
mod sentinels;
mod sidecar;
mod small_disk;
mod sql_server;
mod sqlite_file;
mod websocket;
#[macro_use]
mod tools;

use std::path::PathBuf;

pub use certificates::Certificates;
pub use client::{Answer, Client, begin_heartbeat};
pub use fault_proxy::FaultProxy;
pub use galera::{Galera, PROVIDER};
pub use receiver::{Post, Reaction, Receiver};
pub use redis_cluster::RedisCluster;
pub use redis_server::RedisServer;
pub use reverb::{APP_ID, APP_KEY, APP_SECRET, HeldPort, Published, Reverb};
pub use sentinels::SentinelTrio;
pub use sidecar::{Process, Sidecar, TOKEN, on_database, on_redis};
pub use small_disk::SmallDisk;
pub use sql_server::{ENGINES, Engine, ServerOptions, SqlServer, TestDatabase};
pub use sqlite_file::run as sqlite_run;
pub use tools::{cases, command, is_skipped, is_too_slow, send_signal, test_tool};

/// The path of a test fixture.
pub fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

/// A file in `tests/vectors/`, as JSON.
pub fn vectors(file: &str) -> serde_json::Value {
    let path = fixture("vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// The exact bytes of `{"base64", "text"}` in a vector.
pub fn bytes(value: &serde_json::Value) -> Vec<u8> {
    use base64::Engine;
    match value["base64"].as_str() {
        Some(base64) => base64::engine::general_purpose::STANDARD.decode(base64).unwrap(),
        None => value["text"].as_str().unwrap().into(),
    }
}

/// A port that no process listens on.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
