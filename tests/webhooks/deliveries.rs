//! Deliveries end to end: a sidecar, a queue, a receiver.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Client, Post, Reaction, Receiver, RedisServer, Sidecar, free_port, on_redis};

/// The environment of a sidecar that posts to `url` and retries after a second, with further variables.
fn environment_posting_to(url: &str, more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut environment = vec![
        ("PRESENCE_DRIVER", "webhook".to_owned()),
        ("PRESENCE_WEBHOOK_URL", url.to_owned()),
        ("PRESENCE_WEBHOOK_SECRET", "secret".to_owned()),
        ("PRESENCE__WEBHOOK__SCHEDULE", "1s,1s,1s".to_owned()),
    ];
    environment.extend(more.iter().map(|&(name, value)| (name, value.to_owned())));
    environment
}

fn events(posts: &[Post]) -> Vec<String> {
    posts.iter().map(|post| post.json()["event"].as_str().unwrap().to_owned()).collect()
}

async fn deliveries(client: &Client, query: &str) -> Vec<Value> {
    let response = client.get(&format!("/api/v1/webhooks/deliveries{query}")).await;
    assert_eq!(response.status, 200, "{}", response.text);
    response.json["data"].as_array().unwrap().clone()
}

/// Polls until there are `count` dead letters.
async fn dead_letters(client: &Client, count: usize) -> Vec<Value> {
    for _ in 0..600 {
        let dead = deliveries(client, "?state=dead").await;
        if dead.len() == count {
            return dead;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("there are {:?}", deliveries(client, "?state=dead").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn webhook_has_the_members_of_the_change_log() {
    let receiver = Receiver::start().await;
    let sidecar = Sidecar::with(&environment_posting_to(
        &receiver.url,
        &[("PRESENCE__WEBHOOK__HEADERS", "{ X-Team = \"blue\" }")],
    ))
    .await;
    let body = json!({"user_id": "u/1", "meta": {"page": "/a/🎉"}, "scope": {"tenant": 7}});
    sidecar.client.post("/api/v1/presence/heartbeat", body).await;
    let post = receiver.wait_for(1).await.remove(0);
    let change = sidecar.client.changes().await.remove(0);
    let posted = post.json();
    for entry in ["id", "user_id", "seq", "scope", "event", "status"] {
        assert_eq!(posted[entry], change[entry], "{entry}");
    }
    assert_eq!(posted["meta"], json!({"page": "/a/🎉", "status": "online"}));
    assert_eq!(
        (&post.headers["webhook-id"], &post.headers["x-team"]),
        (&posted["id"].as_str().unwrap().to_owned(), &"blue".to_owned())
    );
    assert_eq!((post.target.as_str(), post.headers["content-type"].as_str()), ("/hooks/presence", "application/json"));
    assert!(post.headers["x-presence-signature"].starts_with(&format!("t={},v1=", post.headers["webhook-timestamp"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn sweep_posts_away_and_offline() {
    require!("redis-server");
    let redis = RedisServer::start();
    let receiver = Receiver::start().await;
    let mut environment = environment_posting_to(&receiver.url, &[("PRESENCE_TTL", "2"), ("PRESENCE_AWAY_AFTER", "1")]);
    environment.extend(on_redis(&redis));
    let sidecar = Sidecar::with(&environment).await;
    sidecar.client.heartbeat(1).await;
    let posts = receiver.wait_for(3).await;
    assert_eq!(events(&posts), ["online", "away", "offline"]);
    let seqs: Vec<u64> = posts.iter().map(|post| post.json()["seq"].as_u64().unwrap()).collect();
    assert!(seqs.is_sorted_by(|left, right| left < right));
}

#[tokio::test(flavor = "multi_thread")]
async fn explicit_calls_always_post_and_heartbeats_only_changes() {
    let receiver = Receiver::start().await;
    let sidecar = Sidecar::with(&environment_posting_to(&receiver.url, &[])).await;
    for call in ["online", "online", "heartbeat", "offline", "offline", "heartbeat", "heartbeat"] {
        sidecar.client.post(&format!("/api/v1/presence/{call}"), json!({"user_id": 1})).await;
    }
    assert_eq!(events(&receiver.wait_for(5).await), ["online", "online", "offline", "offline", "online"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_is_retried_in_order_until_it_is_accepted() {
    require!("redis-server");
    let redis = RedisServer::start();
    let receiver = Receiver::reacting(|number| match number {
        0 => Reaction::Answer(500, ""),
        1 => Reaction::Reset,
        _ => Reaction::Answer(204, ""),
    })
    .await;
    let mut environment = environment_posting_to(&receiver.url, &[]);
    environment.extend(on_redis(&redis));
    let sidecar = Sidecar::with(&environment).await;
    for call in ["online", "offline"] {
        sidecar.client.post(&format!("/api/v1/presence/{call}"), json!({"user_id": 1})).await;
    }
    let posts = receiver.wait_for(4).await;
    assert_eq!(events(&posts), ["online", "online", "online", "offline"]);
    assert!(posts[..3].iter().all(|post| post.body == posts[0].body), "the same bytes each time");
}

#[tokio::test(flavor = "multi_thread")]
async fn webhook_retries_are_immediate_requests_of_one_attempt() {
    let receiver = Receiver::reacting(|number| match number {
        0 | 1 => Reaction::Answer(503, ""),
        _ => Reaction::Answer(204, ""),
    })
    .await;
    let more = [("PRESENCE__WEBHOOK__RETRIES", "3"), ("PRESENCE__WEBHOOK__SCHEDULE", "1h")];
    let sidecar = Sidecar::with(&environment_posting_to(&receiver.url, &more)).await;
    sidecar.client.heartbeat(1).await;
    assert_eq!(receiver.wait_for(3).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letter_can_be_replayed() {
    let refuse = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let refusing = refuse.clone();
    let receiver = Receiver::reacting(move |_| match refusing.load(std::sync::atomic::Ordering::SeqCst) {
        true => Reaction::Answer(422, ""),
        false => Reaction::Answer(204, ""),
    })
    .await;
    let sidecar = Sidecar::with(&environment_posting_to(&receiver.url, &[("PRESENCE__WEBHOOK__SCHEDULE", "")])).await;
    for user in [1, 2, 3] {
        sidecar.client.heartbeat(user).await;
    }
    let dead = dead_letters(&sidecar.client, 3).await;
    assert_eq!(
        (&dead[0]["last"], &dead[0]["tries"], &dead[0]["event"]),
        (&json!("HTTP 422"), &json!(1), &json!("online"))
    );
    refuse.store(false, std::sync::atomic::Ordering::SeqCst);
    let replay = format!("/api/v1/webhooks/deliveries/{}/replay", dead[0]["id"].as_str().unwrap());
    assert_eq!(sidecar.client.post(&replay, json!({})).await.json, json!({"replayed": 1}));
    assert_eq!(sidecar.client.post(&replay, json!({})).await.status, 404);
    let later = "/api/v1/webhooks/deliveries/replay?since=2100-01-01T00:00:00Z";
    assert_eq!(sidecar.client.post(later, json!({})).await.json, json!({"replayed": 0}));
    let all = "/api/v1/webhooks/deliveries/replay?since=2020-01-01T00:00:00Z";
    assert_eq!(sidecar.client.post(all, json!({})).await.json, json!({"replayed": 2}));
    let posts = receiver.wait_for(6).await;
    let ids = |posts: &[Post]| {
        posts.iter().map(|post| post.json()["id"].to_string()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(ids(&posts[..3]), ids(&posts[3..]));
    dead_letters(&sidecar.client, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_wait_after_410_and_retry_after() {
    for response in [Reaction::Answer(410, ""), Reaction::Answer(503, "retry-after: 600\r\n")] {
        let receiver = Receiver::reacting(move |_| response.clone()).await;
        let sidecar = Sidecar::with(&environment_posting_to(&receiver.url, &[])).await;
        sidecar.client.heartbeat(1).await;
        receiver.wait_for(1).await;
        while deliveries(&sidecar.client, "?state=pending").await[0]["tries"] == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        sidecar.client.heartbeat(2).await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(receiver.posts().len(), 1);
        assert_eq!(deliveries(&sidecar.client, "?state=pending").await.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_receiver_delays_neither_heartbeats_nor_other_endpoints() {
    let (slow, quick) =
        (Receiver::reacting(|_| Reaction::Late(Duration::from_secs(10))).await, Receiver::start().await);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("presence.toml");
    let endpoint = format!("[[webhook.endpoints]]\nname = \"quick\"\nurl = \"{}\"\nsecret = \"other\"\n", quick.url);
    std::fs::write(&file, endpoint).unwrap();
    let more = [("PRESENCE__WEBHOOK__TIMEOUT", "20"), ("PRESENCE_CONFIG", file.to_str().unwrap())];
    let sidecar = crate::support::Process::start(&environment_posting_to(&slow.url, &more));
    let started = std::time::Instant::now();
    for user in 0..100 {
        assert_eq!(sidecar.client.heartbeat(user).await.status, 200);
    }
    quick.wait_for(100).await;
    assert!(started.elapsed() < Duration::from_secs(8), "it took {:?}", started.elapsed());
    assert!(slow.posts().len() <= 32, "at most webhook.concurrency requests are in flight");
}

#[tokio::test(flavor = "multi_thread")]
async fn recovered_receiver_gets_all_deliveries_after_a_probe() {
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}/");
    let sidecar = Sidecar::with(&environment_posting_to(&url, &[("PRESENCE__WEBHOOK__SCHEDULE", "1s,1h,1h")])).await;
    for user in 0..200 {
        sidecar.client.heartbeat(user).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let receiver = Receiver::on(port, None, |_| Reaction::Answer(200, "")).await;
    let posts = receiver.wait_for(200).await;
    assert_eq!(posts.len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn page_refresh_within_debounce_posts_nothing() {
    let receiver = Receiver::start().await;
    let sidecar =
        Sidecar::with(&environment_posting_to(&receiver.url, &[("PRESENCE__WEBHOOK__DEBOUNCE_SECONDS", "1")])).await;
    for call in ["heartbeat", "offline", "heartbeat", "offline"] {
        sidecar.client.post(&format!("/api/v1/presence/{call}"), json!({"user_id": 1})).await;
    }
    assert_eq!(events(&receiver.wait_for(2).await), ["online", "offline"]);
    assert_eq!(sidecar.client.changes().await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_deliveries_and_contain_no_secret() {
    let receiver = Receiver::reacting(|number| match number {
        0 => Reaction::Answer(404, ""),
        _ => Reaction::Answer(204, ""),
    })
    .await;
    let url = format!("{}?token=in-the-address", receiver.url);
    let sidecar =
        Sidecar::with(&environment_posting_to(&url, &[("PRESENCE__WEBHOOK__HEADERS", "{ X-Key = \"in-a-header\" }")]))
            .await;
    sidecar.client.heartbeat(1).await;
    receiver.wait_for(2).await;
    let attempts =
        |outcome: &str| format!("presence_webhook_attempts_total{{endpoint=\"default\",outcome=\"{outcome}\"}} 1");
    for _ in 0..100 {
        let metrics = sidecar.client.get("/metrics").await.text;
        assert!(!metrics.contains("in-a-header") && !metrics.contains("in-the-address") && !metrics.contains("secret"));
        if metrics.contains(&attempts("rejected")) && metrics.contains(&attempts("delivered")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", sidecar.client.get("/metrics").await.text);
}
