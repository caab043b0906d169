//! The time to live of records, and their end.

use serde_json::json;

use super::{Pair, key_of};

#[tokio::test(flavor = "multi_thread")]
async fn laravel_reads_the_time_to_live_of_records() {
    require!("laravel", "redis-server");
    let mut pair = Pair::with(&[("PRESENCE_TTL", "90"), ("PRESENCE_AWAY_AFTER", "30")]).await;
    pair.beat("7", &json!([])).await;
    let left = pair.laravel.ttl(&key_of("7"));
    assert!((89..=90).contains(&left), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeat_renews_a_shortened_time_to_live() {
    require!("laravel", "redis-server");
    let mut pair = Pair::start().await;
    pair.beat("7", &json!({"by": "sidecar"})).await;
    pair.laravel.put(&key_of("7"), "['last_seen_at' => Carbon::now()->toIso8601String(), 'meta' => []]", 5);
    pair.beat("7", &json!({"by": "sidecar"})).await;
    assert!(pair.laravel.ttl(&key_of("7")) >= 119);
    assert_eq!(pair.laravel.get(&key_of("7"))["meta"], json!({"by": "sidecar"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn laravel_does_not_find_records_that_the_sidecar_ended() {
    require!("laravel", "redis-server");
    let mut pair = Pair::start().await;
    pair.beat("7", &json!([])).await;
    assert_ne!(pair.laravel.get(&key_of("7")), json!(null));
    let answer = pair.client().post("/api/v1/presence/offline", json!({"user_id": 7})).await;
    assert_eq!(answer.json["transition"], "went_offline", "{}", answer.text);
    assert_eq!(pair.laravel.get(&key_of("7")), json!(null));
    assert_eq!(pair.laravel.ttl(&key_of("7")), -2);
    assert_eq!(pair.laravel.status("7")["status"], "offline");
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecar_ends_records_that_laravel_wrote() {
    require!("laravel", "redis-server");
    let mut pair = Pair::start().await;
    pair.laravel.heartbeat("7", &json!({}));
    let answer = pair.client().post("/api/v1/presence/offline", json!({"user_id": 7})).await;
    assert_eq!((answer.status, &answer.json["status"]), (200, &json!("offline")), "{}", answer.text);
    assert_eq!(pair.laravel.get(&key_of("7")), json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn user_forgotten_by_laravel_is_offline() {
    require!("laravel", "redis-server");
    let mut pair = Pair::start().await;
    pair.beat("7", &json!({"device": "phone"})).await;
    assert_eq!(pair.status("7").await["status"], "online");
    pair.laravel.forget(&key_of("7"));
    let status = pair.status("7").await;
    assert_eq!(status["status"], "offline", "{status}");
    assert_eq!((&status["last_seen_at"], &status["meta"]), (&json!(null), &json!([])));
    let many = pair.client().post("/api/v1/presence/many", json!({"user_ids": [7]})).await;
    assert_eq!(many.json["7"]["status"], "offline", "{}", many.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeat_restores_a_user_forgotten_by_laravel() {
    require!("laravel", "redis-server");
    let mut pair = Pair::start().await;
    pair.beat("7", &json!({"n": 1})).await;
    pair.laravel.forget(&key_of("7"));
    pair.beat("7", &json!({"n": 2})).await;
    assert_eq!(pair.laravel.get(&key_of("7"))["meta"], json!({"n": 2}));
    assert_eq!(pair.status("7").await["status"], "online");
}
