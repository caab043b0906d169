//! The sidecar under attack, and what is measured of it: memory, the time of heartbeats, health.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::messages::register;
use crate::support::attacked::{attacked_binary, is_alone, move_away, move_to_sidecar, on_own_processor};
use crate::support::{Process, TOKEN};

/// Maximum memory of the sidecar in MiB, whatever callers without a token do.
const MAX_MEMORY: u64 = 192;

/// Maximum ratio of the time of heartbeats under attack to that in quiet times.
const MAX_SLOWDOWN: u32 = 5;

/// Times below this are never a failure: attackers and other tests share the machine with a debug build.
const TOLERATED: Duration = Duration::from_millis(1_000);

/// The same while nothing else runs, as in `tests/attack/run`.
const TOLERATED_ALONE: Duration = Duration::from_millis(5);

/// The sidecar under attack: with the default limits, open registration, and an address space of 1 GiB.
pub struct Target {
    /// The process.
    pub process: Process,
    /// Host and port.
    pub address: String,
    /// The credentials of a client that has registered itself, before attacks use up the limits of its address.
    pub client: Value,
    quiet: Duration,
}

impl Target {
    /// Starts a sidecar, and measures heartbeats in quiet times.
    pub fn start() -> Self {
        Self::with(&[], &["--as=1073741824"])
    }

    /// Starts a sidecar with additional environment variables, under these limits of `prlimit`.
    pub fn with(environment: &[(&str, String)], limits: &[&str]) -> Self {
        let mut launcher: Vec<String> = vec!["prlimit".to_owned()];
        launcher.extend(limits.iter().map(|limit| (*limit).to_owned()));
        launcher.extend(on_own_processor());
        let process = Process::start_under(&launcher, &attacked_binary(), environment);
        let address = process.url.trim_start_matches("http://").to_owned();
        let mut target = Self { process, address, client: Value::Null, quiet: Duration::ZERO };
        target.client = register(&target, "attacker").unwrap();
        target.quiet = target.heartbeats_during(|| std::thread::sleep(Duration::from_secs(1)));
        target
    }

    /// Opens a connection.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream
    }

    /// Opens a connection and sends bytes; the connection, unless it was closed meanwhile.
    pub fn send(&self, bytes: &[u8]) -> Option<TcpStream> {
        let mut stream = self.connect();
        stream.write_all(bytes).ok().map(|()| stream)
    }

    /// Opens a connection, sends bytes, and reads until the other side closes or waits.
    pub fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        _ = stream.write_all(bytes);
        let mut response = Vec::new();
        _ = stream.read_to_end(&mut response);
        String::from_utf8_lossy(&response).into_owned()
    }

    /// Runs `attack` for a time on many threads, and checks that the sidecar held.
    pub fn withstand(&self, threads: usize, duration: Duration, attack: impl Fn(usize) + Sync) {
        let slowest = self.heartbeats_during(|| {
            let until = Instant::now() + duration;
            let attack = &attack;
            std::thread::scope(|scope| {
                for thread in 0..threads {
                    scope.spawn(move || {
                        move_away();
                        while Instant::now() < until {
                            attack(thread);
                        }
                    });
                }
            });
        });
        self.check(slowest);
    }

    /// Runs `attack` once while heartbeats are measured, and checks that the sidecar held.
    pub fn withstand_once<T: Send>(&self, attack: impl FnOnce() -> T + Send) -> T {
        let mut result = None;
        let attack = || {
            move_away();
            let result = attack();
            // What it left open is part of the attack; a few heartbeats would not tell.
            std::thread::sleep(Duration::from_secs(1));
            result
        };
        let slowest = self.heartbeats_during(|| {
            std::thread::scope(|scope| result = scope.spawn(attack).join().ok());
        });
        self.check(slowest);
        result.unwrap()
    }

    /// Checks memory, heartbeats and health.
    fn check(&self, slowest: Duration) {
        let memory = self.peak_memory();
        let tolerated = if is_alone() { TOLERATED_ALONE } else { TOLERATED };
        let allowed = (self.quiet * MAX_SLOWDOWN).max(tolerated);
        report(&format!("  {memory} MiB at most; heartbeats: p99 {:?} quiet, {slowest:?} under attack", self.quiet));
        assert!(memory <= MAX_MEMORY, "{memory} MiB of memory");
        assert!(slowest <= allowed, "p99 of heartbeats is {slowest:?}, in quiet times {:?}", self.quiet);
        let up = self.exchange(b"GET /up HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        assert!(up.starts_with("HTTP/1.1 200"), "/up: {up}");
    }

    /// The greatest memory of the process so far, in MiB.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }

    /// The p99 of heartbeats of an application while `work` runs. Each must be answered with 200.
    fn heartbeats_during(&self, work: impl FnOnce()) -> Duration {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, address) = (stop.clone(), self.address.clone());
        let probe = std::thread::spawn(move || {
            move_to_sidecar();
            let mut times = Vec::new();
            let mut stream = TcpStream::connect(&address).unwrap();
            stream.set_nodelay(true).unwrap();
            while !stopped.load(Ordering::Relaxed) {
                times.push(heartbeat(&mut stream));
                std::thread::sleep(Duration::from_millis(2));
            }
            times
        });
        work();
        stop.store(true, Ordering::Relaxed);
        let mut times = probe.join().unwrap();
        times.sort_unstable();
        times[times.len() * 99 / 100]
    }
}

/// Prints a line while the attacks run alone.
pub fn report(line: &str) {
    if is_alone() {
        std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

/// Sends a heartbeat on an open connection; returns the time until the response.
fn heartbeat(stream: &mut TcpStream) -> Duration {
    let body = "{\"user_id\":1}";
    let request = format!(
        "POST /api/v1/presence/heartbeat HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let started = Instant::now();
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = [0; 4096];
    let read = stream.read(&mut response).unwrap();
    let response = String::from_utf8_lossy(&response[..read]);
    assert!(response.starts_with("HTTP/1.1 200"), "a heartbeat: {response}");
    started.elapsed()
}
