//! Many streams that are far behind, as all pages of an application after a deploy: heartbeats go on meanwhile.
//!
//! With PRESENCE_SIDECAR_BIN a release binary is attacked, with the numbers of a large application.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::raw_stream::RawStream;
use crate::support::{Client, Process, RedisServer, TOKEN, on_redis};

/// An attack, and the time in which all streams must have caught up.
struct Attack {
    streams: usize,
    entries: usize,
    meta_bytes: usize,
    patience: Duration,
}

/// The binary to be attacked, if it is not the one of this build.
fn release_binary() -> Option<PathBuf> {
    std::env::var_os("PRESENCE_SIDECAR_BIN").map(PathBuf::from)
}

fn start(redis: &RedisServer) -> Process {
    match release_binary() {
        Some(binary) => Process::start_binary(&binary, &on_redis(redis)),
        None => Process::start(&on_redis(redis)),
    }
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

/// The latencies of heartbeats, one every 10 ms, until `end` resolves; all must succeed.
async fn heartbeats(client: Client, end: impl Future<Output = ()>) -> Vec<Duration> {
    let mut latencies = Vec::new();
    tokio::pin!(end);
    loop {
        let started = Instant::now();
        let answer = client.heartbeat("pulse").await;
        assert_eq!(answer.status, 200, "heartbeat {} failed: {}", latencies.len(), answer.text);
        latencies.push(started.elapsed());
        tokio::select! {
            () = &mut end => break,
            () = tokio::time::sleep(Duration::from_millis(10)) => {}
        }
    }
    latencies.sort_unstable();
    latencies
}

fn p99(latencies: &[Duration]) -> Duration {
    latencies[(latencies.len() * 99).div_ceil(100).saturating_sub(1)]
}

async fn assert_heartbeats_go_on(attack: Attack) {
    let redis = RedisServer::start();
    let sidecar = start(&redis);
    fill(&sidecar.client, &attack).await;
    let quiet = heartbeats(sidecar.client.clone(), tokio::time::sleep(Duration::from_secs(3))).await;
    let end = sidecar.client.get("/api/v1/presence/snapshot?limit=1").await.json;
    let last = format!("id: {}\n", end["cursor"].as_str().unwrap());
    let started = Instant::now();
    let url = sidecar.url.clone();
    let streams = (0..attack.streams).map(|_| {
        let (url, last) = (url.clone(), last.clone());
        tokio::spawn(async move {
            let mut stream = RawStream::open(&url, TOKEN, "0-0").await;
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
    let busy = tokio::time::timeout(attack.patience, heartbeats(sidecar.client.clone(), caught_up)).await;
    let busy = busy.unwrap_or_else(|_| panic!("not all streams caught up within {:?}", attack.patience));
    let took = started.elapsed();
    let (quiet, during) = (p99(&quiet), p99(&busy));
    // Not `println!`: the test runner would print the figures only if the test fails.
    let figures = format!(
        "{} streams caught up in {took:?}; {} heartbeats, p99 {during:?}, quiet {quiet:?}\n",
        attack.streams,
        busy.len()
    );
    std::io::stderr().write_all(figures.as_bytes()).unwrap();
    // A debug build on a machine that runs other tests has no latency to compare.
    let tolerance = Duration::from_millis(if release_binary().is_some() { 5 } else { 2_000 });
    assert!(during <= (3 * quiet).max(tolerance), "p99 {during:?} instead of {quiet:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_far_behind_do_not_delay_heartbeats() {
    require!("redis-server");
    let is_release = release_binary().is_some();
    let attack = if is_release {
        Attack { streams: 1_000, entries: 3_000, meta_bytes: 0, patience: Duration::from_secs(10) }
    } else {
        Attack { streams: 200, entries: 1_000, meta_bytes: 0, patience: Duration::from_secs(60) }
    };
    assert_heartbeats_go_on(attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_with_large_metas_do_not_delay_heartbeats() {
    require!("redis-server");
    let is_release = release_binary().is_some();
    let attack = if is_release {
        Attack { streams: 1_000, entries: 3_000, meta_bytes: 8_000, patience: Duration::from_secs(60) }
    } else {
        Attack { streams: 60, entries: 600, meta_bytes: 8_000, patience: Duration::from_secs(60) }
    };
    assert_heartbeats_go_on(attack).await;
}
