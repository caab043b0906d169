//! Streams: their limits, slow readers, and what they cost the store.

use std::time::Duration;

use serde_json::json;

use super::raw_stream::RawStream;
use crate::http::tokens::token;
use crate::support::{Client, RedisServer, Sidecar, TOKEN, on_redis};

const STREAM: &str = "/api/v1/presence/stream";

async fn open(client: &Client) -> reqwest::Response {
    client.request(reqwest::Method::GET, STREAM).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_over_a_limit_are_refused() {
    let sidecar = Sidecar::with(&[
        ("PRESENCE__STREAM__MAX", "6".to_owned()),
        ("PRESENCE__STREAM__MAX_PER_USER", "2".to_owned()),
        ("PRESENCE__STREAM__MAX_PER_ADDRESS", "3".to_owned()),
    ])
    .await;
    let [one, two, three] = [1, 2, 3].map(|user| sidecar.client.with_token(&token(user, json!({}))));
    let (first, second) = (open(&one).await, open(&one).await);
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 200));
    let refused = one.get(STREAM).await;
    assert_eq!((refused.status, &refused.headers["retry-after"]), (429, &"5".parse().unwrap()), "{}", refused.text);
    let third = open(&two).await;
    assert_eq!(third.status(), 200);
    assert_eq!(three.get(STREAM).await.status, 429, "the fourth stream from one address");
    let services = [open(&sidecar.client).await, open(&sidecar.client).await, open(&sidecar.client).await];
    assert!(services.iter().all(|response| response.status() == 200), "an application has no limit per address");
    let refused = sidecar.client.get(STREAM).await;
    assert_eq!((refused.status, refused.headers.contains_key("retry-after")), (503, true), "{}", refused.text);
    drop(first);
    let reopened = async {
        while open(&one).await.status() != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reopened).await.expect("a closed stream gives its place back");
    let metrics = sidecar.client.get("/metrics").await.text;
    assert!(metrics.contains("presence_streams_refused_total"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_reader_is_disconnected_and_continues_from_its_cursor() {
    slow!();
    let sidecar = Sidecar::with(&[("PRESENCE__STREAM__STALL_TIMEOUT_SECONDS", "1".to_owned())]).await;
    let meta = json!({"note": "x".repeat(8_000)});
    for batch in 0..40 {
        let beats: Vec<_> = (0..100).map(|user| json!({"user_id": batch * 100 + user, "meta": meta})).collect();
        assert_eq!(sidecar.client.post("/api/v1/presence/heartbeats", json!(beats)).await.status, 200);
    }
    let end = sidecar.client.get("/api/v1/presence/snapshot?limit=1").await.json["cursor"].as_str().unwrap().to_owned();
    let slow = RawStream::open(&sidecar.url, TOKEN, "0-0").await;
    // The reader is slow: it reads nothing for longer than it may.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let last = slow.read_to_end().await;
    assert!(!last.is_empty() && last != end, "the stream ended at {last}, and the log at {end}");
    let mut again = RawStream::open(&sidecar.url, TOKEN, &last).await;
    let rest = tokio::time::timeout(Duration::from_secs(30), again.read_until(&format!("id: {end}\n"))).await;
    assert_eq!(rest, Ok(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_at_the_same_position_share_their_reads() {
    require!("redis-server");
    let redis = RedisServer::start();
    let sidecar = Sidecar::on(&redis).await;
    for batch in 0..10 {
        let beats: Vec<_> = (0..100).map(|user| json!({"user_id": batch * 100 + user})).collect();
        assert_eq!(sidecar.client.post("/api/v1/presence/heartbeats", json!(beats)).await.status, 200);
    }
    let end = sidecar.client.get("/api/v1/presence/snapshot?limit=1").await.json["cursor"].as_str().unwrap().to_owned();
    redis.cli(&["CONFIG", "RESETSTAT"]);
    let followers = (0..50).map(|_| {
        let (url, end) = (sidecar.url.clone(), end.clone());
        tokio::spawn(async move { RawStream::open(&url, TOKEN, "0-0").await.read_until(&format!("id: {end}\n")).await })
    });
    for follower in followers.collect::<Vec<_>>() {
        assert!(follower.await.unwrap());
    }
    let stats = redis.cli(&["INFO", "commandstats"]);
    let line = stats.lines().find(|line| line.starts_with("cmdstat_xrange:")).unwrap();
    let calls: u64 = line.split(['=', ',']).nth(1).unwrap().parse().unwrap();
    // A page of 200 entries is read in 7 steps, behind the check of its position; the log has 5 pages. One read for each
    // stream would be 50 times as much.
    assert!(calls < 200, "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_survives_an_outage_of_redis_with_its_data() {
    require!("redis-server");
    let mut redis = RedisServer::start_with(&["--appendonly", "yes"]);
    let sidecar = Sidecar::with(&on_redis(&redis)).await;
    sidecar.client.heartbeat(1).await;
    let mut stream = RawStream::open(&sidecar.url, TOKEN, "0-0").await;
    assert!(stream.read_until("\"user_id\":1,").await);
    redis.stop();
    assert_eq!(sidecar.client.heartbeat(2).await.status, 503);
    redis.run();
    while sidecar.client.heartbeat(3).await.status != 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let received = tokio::time::timeout(Duration::from_secs(15), stream.read_until("\"user_id\":3,")).await;
    assert_eq!(received, Ok(true));
}
