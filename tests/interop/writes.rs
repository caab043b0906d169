//! The sidecar writes, Laravel reads.

use presence_sidecar::php::date;
use serde_json::{Value, json};

use super::recorded_writes::expressible_metas;
use super::{Pair, as_the_facade, key_of};
use crate::support::vectors;

/// JSON after decoding by PHP: an empty object is an empty array, and an object with the keys 0, 1, … a list.
fn decoded_by_php(value: &Value) -> Value {
    match value {
        Value::Object(map) if map.keys().enumerate().all(|(index, key)| *key == index.to_string()) => {
            map.values().map(decoded_by_php).collect()
        }
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), decoded_by_php(value))).collect(),
        Value::Array(list) => list.iter().map(decoded_by_php).collect(),
        _ => value.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn laravel_reads_every_meta_of_the_sidecar() {
    require!("laravel", "redis-server");
    let mut pair = Pair::start().await;
    let mut metas = expressible_metas(&mut pair.laravel);
    metas.push((
        "numeric keys".to_owned(),
        json!({"0": "a", "1": {"0": [], "-0": 1, "01": 2, "-5": 3}, "9223372036854775808": 4}),
    ));
    metas.push(("odd keys".to_owned(), json!({"": 1, " ": 2, "a\u{0}b": "c\u{0}d", "\u{fffd}": "\"';{}"})));
    for (name, meta) in metas {
        pair.beat("7", &meta).await;
        let record = pair.laravel.get(&key_of("7"));
        let expected = decoded_by_php(&meta);
        assert_eq!(record["meta"], expected, "{name}");
        assert_eq!(record["meta"].to_string(), expected.to_string(), "the order of {name}");
        assert_eq!(record.as_object().unwrap().len(), 2, "{record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn laravel_finds_records_of_the_sidecar_in_every_scope() {
    require!("laravel", "redis-server");
    let mut pair = Pair::start().await;
    for case in vectors("presence-keys.json")["cases"].as_array().unwrap() {
        let scope = case["scope"].as_object().cloned().unwrap_or_default();
        let body = json!({"user_id": case["user_id"], "scope": scope, "meta": {"case": case["name"]}});
        let answer = pair.client().post("/api/v1/presence/heartbeat", body.clone()).await;
        let is_blank = case["user_id"].as_str().is_some_and(|id| id.trim().is_empty());
        if is_blank || !is_valid_key_part(&scope) {
            assert_eq!(answer.status, 422, "{body}: {}", answer.text);
            continue;
        }
        assert_eq!(answer.status, 200, "{body}: {}", answer.text);
        let key = pair.laravel.key(&case["user_id"], &Value::Object(scope));
        assert_eq!(key, case["key"]["text"].as_str().unwrap(), "{body}");
        assert_eq!(pair.laravel.get(&key)["meta"]["case"], case["name"], "{body}");
    }
}

/// Whether the sidecar accepts a part: strings and integers that cannot give the key of another scope.
fn is_valid_key_part(scope: &serde_json::Map<String, Value>) -> bool {
    let tenant = scope.get("tenant").and_then(Value::as_str).unwrap_or_default();
    if ["loc:", "dom:", "guard:", "user:"].iter().any(|part| tenant.starts_with(part)) {
        return false;
    }
    ["tenant", "location", "domain", "guard"].into_iter().filter_map(|part| scope.get(part)).all(|part| match part {
        Value::Null => true,
        Value::Number(number) => number.is_i64(),
        Value::String(text) => {
            let is_of_spaces = !text.is_empty() && text.trim().is_empty();
            !is_of_spaces && !text.chars().any(|character| character == '|' || character.is_control())
        }
        _ => false,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn laravel_and_sidecar_agree_on_the_status() {
    require!("laravel", "redis-server");
    let mut pair = Pair::start().await;
    let meta = json!({"device": "phone", "ratio": 0.1});
    pair.beat("7", &meta).await;
    // Either request may be in the next second.
    let (mut php, mut own) = (pair.laravel.status("7"), as_the_facade(&pair.status("7").await));
    for status in [&mut php, &mut own] {
        assert!(status["seconds_ago"].as_i64().unwrap() <= 1, "{status}");
        status["seconds_ago"] = Value::Null;
        // The record keeps whole seconds.
        let seen = status["last_seen_at"].as_str().unwrap();
        status["last_seen_at"] = json!(seen.split('.').next());
    }
    assert_eq!(php, own);
    assert_eq!((&php["status"], &php["meta"]), (&json!("online"), &meta));
}

#[tokio::test(flavor = "multi_thread")]
async fn record_has_the_time_in_the_time_zone_of_the_app() {
    require!("laravel", "redis-server");
    for zone in ["UTC", "Europe/Paris", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe"] {
        let mut pair = Pair::with(&[("APP_TIMEZONE", zone)]).await;
        pair.beat("7", &json!([])).await;
        let written = pair.laravel.get(&key_of("7"))["last_seen_at"].as_str().unwrap().to_owned();
        let php =
            pair.laravel.evaluate(&format!("Carbon::parse('{written}')->setTimezone('{zone}')->toIso8601String()"));
        assert_eq!(php.unwrap(), written, "{zone}: an offset that PHP would not have written");
        let seen = date::parse(&written, 0).unwrap().micros / 1_000_000;
        let now = pair.laravel.evaluate("Carbon::now()->timestamp").unwrap().as_i64().unwrap();
        assert!((0..=1).contains(&(now - seen)), "{written} is {} seconds ago", now - seen);
    }
}
