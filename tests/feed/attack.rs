//! Many streams that are far behind, as all pages of an application after a deploy: heartbeats go on meanwhile.
//!
//! With PRESENCE_SIDECAR_ATTACKED a release binary is attacked, with the numbers of a large application.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use super::raw_stream::RawStream;
use crate::http::tokens::{seconds, token};
use crate::support::attacked::{
    attacked_binary, is_alone, move_away, move_server_away, move_to_sidecar, on_own_processor,
};
use crate::support::{Client, Process, RedisServer, TOKEN, on_redis};

/// The heartbeats of which the p99 is taken.
const HEARTBEATS: usize = 1_000;

/// An attack, and the time in which all streams must have caught up.
struct Attack {
    streams: usize,
    /// Whether they are of pages, which watch some users, or of applications, which receive everything.
    are_pages: bool,
    entries: usize,
    meta_bytes: usize,
    patience: Duration,
}

fn start(redis: &RedisServer) -> Process {
    let mut environment = on_redis(redis);
    environment.push(("PRESENCE__STREAM__MAX_PER_ADDRESS", "2000".to_owned()));
    Process::start_under(&on_own_processor(), &attacked_binary(), &environment)
}

/// Writes changes of new users.
async fn fill(client: &Client, attack: &Attack) {
    let meta = json!({"note": "x".repeat(attack.meta_bytes)});
    let users: Vec<usize> = (0..attack.entries).collect();
    for users in users.chunks(100) {
        let beats: Vec<Value> = users.iter().map(|user| json!({"user_id": user, "meta": meta})).collect();
        let answer = client.post("/api/v1/presence/heartbeats", json!(beats)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

/// Sends heartbeats from a thread of its own, which no stream delays, one every 10 ms; all must succeed.
struct Pulse {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Duration>>,
}

impl Pulse {
    fn start(url: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (address, stopped) = (url.strip_prefix("http://").unwrap().to_owned(), stop.clone());
        let thread = std::thread::spawn(move || {
            move_to_sidecar();
            let socket = TcpStream::connect(&address).unwrap();
            let mut socket = BufReader::new(socket);
            let mut latencies = Vec::new();
            while !stopped.load(Ordering::SeqCst) {
                let started = Instant::now();
                let status = heartbeat(&mut socket, &address);
                assert_eq!(status, "HTTP/1.1 200 OK", "heartbeat {} failed", latencies.len());
                latencies.push(started.elapsed());
                std::thread::sleep(Duration::from_millis(10));
            }
            latencies
        });
        Self { stop, thread }
    }

    /// The latencies.
    fn end(self) -> Vec<Duration> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

/// Sends one heartbeat over a connection that is kept; returns the status line.
fn heartbeat(socket: &mut BufReader<TcpStream>, address: &str) -> String {
    const BODY: &str = r#"{"user_id":"pulse"}"#;
    let head = format!(
        "POST /api/v1/presence/heartbeat HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    socket.get_mut().write_all(head.as_bytes()).unwrap();
    let (mut status, mut length) = (String::new(), 0);
    socket.read_line(&mut status).unwrap();
    loop {
        let mut line = String::new();
        socket.read_line(&mut line).unwrap();
        if let Some(bytes) = line.strip_prefix("content-length: ") {
            length = bytes.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    socket.read_exact(&mut vec![0; length]).unwrap();
    status.trim_end().to_owned()
}

/// The token of a page that watches 20 users, among them the last one of the log.
fn page_token(number: usize, entries: usize) -> String {
    let watch: Vec<usize> = (1..20).map(|other| (number * 37 + other * 91) % entries).chain([entries - 1]).collect();
    token(number as u64, json!({"watch": watch, "exp": seconds(600)}))
}

fn p99(latencies: &mut [Duration]) -> Duration {
    latencies.sort_unstable();
    latencies[(latencies.len() * 99).div_ceil(100).saturating_sub(1)]
}

/// The latencies of heartbeats while nothing else happens.
async fn quiet(sidecar: &Process) -> Vec<Duration> {
    let pulse = Pulse::start(&sidecar.url);
    tokio::time::sleep(Duration::from_secs(if is_alone() { 5 } else { 2 })).await;
    pulse.end()
}

/// The threads of the pages.
fn pages() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().on_thread_start(move_away).build().unwrap()
}

/// Opens all streams; returns when each has caught up, with the latencies of heartbeats meanwhile, and the time it took.
async fn catch_up(sidecar: &Process, attack: &Attack, last: &str) -> (Vec<Duration>, Duration) {
    let (pulse, started, pages) = (Pulse::start(&sidecar.url), Instant::now(), pages());
    let streams = (0..attack.streams).map(|number| {
        let (url, last, entries, are_pages) = (sidecar.url.clone(), last.to_owned(), attack.entries, attack.are_pages);
        pages.spawn(async move {
            // Signed here: on the processor of the sidecar it would take the time of the heartbeats.
            let token = if are_pages { page_token(number, entries) } else { TOKEN.to_owned() };
            let mut stream = RawStream::open(&url, &token, "0-0").await;
            (stream.read_until(&last).await, stream)
        })
    });
    let streams: Vec<_> = streams.collect();
    let caught_up = async {
        let mut open = Vec::new();
        for stream in streams {
            let (arrived, stream) = stream.await.unwrap();
            assert!(arrived, "a stream ended early");
            open.push(stream);
        }
    };
    let ended = tokio::time::timeout(attack.patience, caught_up).await;
    assert!(ended.is_ok(), "not all streams caught up within {:?}", attack.patience);
    let took = started.elapsed();
    pages.shutdown_background();
    (pulse.end(), took)
}

async fn assert_heartbeats_go_on(attack: Attack) {
    let redis = RedisServer::start();
    move_server_away(redis.id());
    let sidecar = start(&redis);
    fill(&sidecar.client, &attack).await;
    let last = sidecar.client.changes().await.last().unwrap()["cursor"].as_str().unwrap().to_owned();
    let last = format!("id: {last}\n");
    let (mut quiet_times, mut busy_times, mut took) = (quiet(&sidecar).await, Vec::new(), Vec::new());
    // Again and again until 1 % of the heartbeats are ten: a machine has pauses of its own.
    while took.is_empty() || (is_alone() && busy_times.len() < HEARTBEATS) {
        let (latencies, time) = catch_up(&sidecar, &attack, &last).await;
        busy_times.extend(latencies);
        took.push(time);
    }
    quiet_times.extend(quiet(&sidecar).await);
    let (during, quiet) = (p99(&mut busy_times), p99(&mut quiet_times));
    // Not `println!`: the test runner would print the figures only if the test fails.
    let figures = format!(
        "{} streams caught up in {took:.1?}; {} heartbeats, p99 {during:?}, quiet {quiet:?}\n",
        attack.streams,
        busy_times.len()
    );
    std::io::stderr().write_all(figures.as_bytes()).unwrap();
    // A debug build on a machine that runs other tests has no latency to compare. Applications read as fast as they can, and
    // a heartbeat waits for the pages of some of them.
    let alone = if attack.are_pages { 5 } else { 10 };
    let tolerance = Duration::from_millis(if is_alone() { alone } else { 2_000 });
    assert!(during <= (3 * quiet).max(tolerance), "p99 {during:?} instead of {quiet:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_pages_far_behind_do_not_delay_heartbeats() {
    require!("redis-server");
    let (streams, entries, patience) = if is_alone() { (1_000, 3_000, 10) } else { (200, 1_000, 60) };
    let patience = Duration::from_secs(patience);
    assert_heartbeats_go_on(Attack { streams, are_pages: true, entries, meta_bytes: 0, patience }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_pages_far_behind_with_large_metas_do_not_delay_heartbeats() {
    require!("redis-server");
    let (streams, entries) = if is_alone() { (1_000, 3_000) } else { (100, 600) };
    let patience = Duration::from_secs(60);
    assert_heartbeats_go_on(Attack { streams, are_pages: true, entries, meta_bytes: 8_000, patience }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn applications_that_read_everything_do_not_delay_heartbeats() {
    require!("redis-server");
    let (streams, entries) = if is_alone() { (60, 3_000) } else { (20, 600) };
    let patience = Duration::from_secs(60);
    assert_heartbeats_go_on(Attack { streams, are_pages: false, entries, meta_bytes: 8_000, patience }).await;
}
