//! Laravel writes, the sidecar reads.

use serde_json::{Value, json};

use super::recorded_writes::expressible_metas;
use super::{Pair, key_of};

#[tokio::test(flavor = "multi_thread")]
async fn sidecar_reads_every_meta_of_laravel() {
    require!("laravel", "redis-server");
    let mut pair = Pair::start().await;
    for (name, meta) in expressible_metas(&mut pair.laravel) {
        pair.laravel.heartbeat("7", &meta);
        let (own, php) = (pair.status("7").await, pair.laravel.status("7"));
        assert_eq!(own["status"], "online", "{name}");
        assert_eq!(own["meta"].to_string(), php["meta"].to_string(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecar_encodes_objects_in_meta_as_laravel() {
    require!("laravel", "redis-server");
    let mut pair = Pair::start().await;
    let objects = [
        "Carbon::parse('2026-01-02T03:04:05.6+02:00')",
        "Carbon\\CarbonImmutable::parse('2026-01-02 03:04:05', 'Europe/Paris')",
        "collect(['a' => [1, 2.5], 'b' => collect([])])",
        "new ArrayObject(['x' => null])",
        "(object) ['name' => 'Zoë', 'tags' => (object) ['x' => 1]]",
        "[true, -0.0, 1e100, PHP_INT_MIN, 'ünï']",
    ];
    for object in objects {
        let record = format!("['last_seen_at' => Carbon::now()->toIso8601String(), 'meta' => ['it' => {object}]]");
        pair.laravel.put(&key_of("7"), &record, 120);
        let (own, php) = (pair.status("7").await, pair.laravel.status("7"));
        assert_eq!(own["status"], "online", "{object}");
        assert_eq!(own["meta"], php["meta"], "{object}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecar_parses_every_date_that_laravel_parses() {
    require!("laravel", "redis-server");
    let mut pair = Pair::start().await;
    let dates = [
        "Carbon::now()->toIso8601String()",
        "Carbon::now('Asia/Kolkata')->toIso8601String()",
        "Carbon::now('America/St_Johns')->toRfc3339String(true)",
        "Carbon::now()->toIso8601ZuluString()",
        "Carbon::now()->toIso8601ZuluString('microsecond')",
        "Carbon::now()->toJSON()",
        "Carbon::now()->toDateTimeString()",
        "Carbon::now()->toRfc2822String()",
        "Carbon::now()->timestamp",
        "Carbon::now()",
        "Carbon\\CarbonImmutable::now('Europe/Paris')",
        "new DateTimeImmutable()",
        "null",
        "''",
    ];
    for date in dates {
        pair.laravel.put(&key_of("7"), &format!("['last_seen_at' => {date}, 'meta' => ['a' => 1]]"), 120);
        let (own, php) = (pair.status("7").await, pair.laravel.status("7"));
        assert_eq!((&php["status"], &own["status"]), (&json!("online"), &json!("online")), "{date}: {own}");
        assert_eq!(own["meta"], json!({"a": 1}), "{date}");
        assert!(own["seconds_ago"].as_i64().unwrap() <= 1, "{date}: {own}");
        if !["null", "''"].contains(&date) {
            assert_eq!(own["last_seen_at"], php["last_seen_at"], "{date}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn record_without_meta_has_an_empty_meta() {
    require!("laravel", "redis-server");
    let mut pair = Pair::start().await;
    for meta in ["", ", 'meta' => null", ", 'more' => 1"] {
        pair.laravel.put(&key_of("7"), &format!("['last_seen_at' => Carbon::now()->toIso8601String(){meta}]"), 120);
        let status = pair.status("7").await;
        assert_eq!((&status["status"], &status["meta"]), (&json!("online"), &json!([])), "{meta}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_value_is_offline_and_does_not_affect_other_users() {
    require!("laravel", "redis-server");
    let mut pair = Pair::start().await;
    let foreign = [
        "'a string'",
        "5",
        "1.5",
        "true",
        "null",
        "[]",
        "['meta' => []]",
        "['last_seen_at' => 'abc']",
        "['last_seen_at' => []]",
        "['last_seen_at' => new stdClass]",
        "new stdClass",
        "Carbon::now()",
        "collect([1])",
        "\"\\xff\\xfe\\x00\"",
        "array_fill(0, 2000, ['x' => [1]])",
    ];
    pair.laravel.heartbeat("8", &json!({"a": 1}));
    for value in foreign {
        pair.laravel.put(&key_of("7"), value, 120);
        let status = pair.status("7").await;
        assert_eq!(status["status"], "offline", "{value}: {status}");
        assert_eq!((&status["last_seen_at"], &status["meta"]), (&Value::Null, &json!([])), "{value}");
        let many = pair.client().post("/api/v1/presence/many", json!({"user_ids": [7, 8]})).await;
        assert_eq!((many.status, &many.json["7"]["status"]), (200, &json!("offline")), "{value}: {}", many.text);
        assert_eq!(many.json["8"]["status"], "online", "{value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeat_replaces_a_foreign_value() {
    require!("laravel", "redis-server");
    let mut pair = Pair::start().await;
    pair.laravel.put(&key_of("7"), "new stdClass", 1000);
    pair.beat("7", &json!({"a": 1})).await;
    assert_eq!(pair.laravel.get(&key_of("7"))["meta"], json!({"a": 1}));
    assert_eq!(pair.status("7").await["status"], "online");
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_of_both_records_is_used() {
    require!("laravel", "redis-server");
    let mut pair = Pair::start().await;
    pair.beat("7", &json!({"by": "sidecar"})).await;
    pair.laravel.heartbeat("7", &json!({"by": "laravel"}));
    assert_eq!(pair.status("7").await["meta"], json!({"by": "laravel"}));
    pair.beat("7", &json!({"by": "sidecar"})).await;
    assert_eq!(pair.status("7").await["meta"], json!({"by": "sidecar"}));
    assert_eq!(pair.laravel.status("7")["meta"], json!({"by": "sidecar"}));
}
