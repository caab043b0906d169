//! `presence-values.json`: the bytes in Redis after a heartbeat, through HTTP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use presence_sidecar::php::date;
use redis::Commands;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::laravel::Laravel;
use super::{Env, key_of};
use crate::support::{RedisServer, Sidecar, bytes, fixture, on_redis};

#[derive(Deserialize)]
struct Recording {
    config: Value,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    /// The exact text, as in a request.
    meta_json: Box<RawValue>,
    app_timezone: Option<String>,
    redis_db: Option<i64>,
    redis_key: Option<Value>,
    redis_value: Value,
    redis_ttl: i64,
}

fn recording() -> Recording {
    let text = std::fs::read_to_string(fixture("vectors/presence-values.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The recorded metas that a JSON request can have: those that PHP decodes from their JSON.
pub fn expressible_metas(laravel: &mut Laravel) -> Vec<(String, Value)> {
    let cases = recording().cases.into_iter().filter(|case| is_expressible(case, laravel));
    cases.map(|case| (case.name, serde_json::from_str(case.meta_json.get()).unwrap())).collect()
}

fn is_expressible(case: &Case, laravel: &mut Laravel) -> bool {
    let value = format!("unserialize(base64_decode('{}'))", STANDARD.encode(bytes(&case.redis_value)));
    let back = format!("json_decode(json_encode({value}, JSON_PRESERVE_ZERO_FRACTION), true) === {value}");
    laravel.evaluate(&back).unwrap() == true
}

/// The text of a record's `last_seen_at`, which has the same length in every record.
fn last_seen(record: &[u8]) -> &str {
    let before = b"a:2:{s:12:\"last_seen_at\";s:25:\"";
    let rest = record.strip_prefix(before).unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(record)));
    std::str::from_utf8(&rest[..25]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeat_writes_the_recorded_bytes_except_the_time() {
    require!("laravel", "redis-server");
    let redis = RedisServer::start();
    let mut laravel = Laravel::start(redis.port(), &[]);
    let Recording { config, cases } = recording();
    let mut written = 0;
    for case in cases.iter().filter(|case| is_expressible(case, &mut laravel)) {
        let env = [
            ("REDIS_PREFIX", config["redis.options"]["prefix"].as_str().unwrap()),
            ("CACHE_PREFIX", config["cache.prefix"].as_str().unwrap()),
            ("REDIS_CACHE_DB", config["redis.cache.database"].as_str().unwrap()),
            ("PRESENCE_TTL", &case.redis_ttl.to_string()),
            ("APP_TIMEZONE", case.app_timezone.as_deref().unwrap_or("UTC")),
        ];
        let database = case.redis_db.unwrap_or(1);
        let key = case.redis_key.as_ref().map_or_else(|| [env[0].1, env[1].1, &key_of("1")].concat().into(), bytes);
        let (value, left) = beat(&redis, &env, case.meta_json.get(), &At { database, key }).await;

        let recorded = bytes(&case.redis_value);
        let expected = String::from_utf8_lossy(&recorded).replacen(last_seen(&recorded), last_seen(&value), 1);
        assert_eq!(String::from_utf8_lossy(&value), expected, "{}", case.name);
        assert_eq!(left, case.redis_ttl, "{}", case.name);
        assert_recent(last_seen(&value), env[4].1.parse().unwrap());
        written += 1;
    }
    assert!(written > cases.len() / 2, "only {written} of {} cases could be sent", cases.len());
}

/// The key of a record.
struct At {
    database: i64,
    key: Vec<u8>,
}

/// The record and its time to live in seconds after a heartbeat of user 1 to a new sidecar.
async fn beat(redis: &RedisServer, env: &Env<'_>, meta: &str, at: &At) -> (Vec<u8>, i64) {
    let mut environment = on_redis(redis);
    environment.extend(env.iter().map(|&(name, value)| (name, value.to_owned())));
    let sidecar = Sidecar::with(&environment).await;
    let mut connection = redis.connect(at.database);
    let () = connection.del(&at.key).unwrap();
    let request = sidecar.client.request(reqwest::Method::POST, "/api/v1/presence/heartbeat");
    let body = format!(r#"{{"user_id":1,"meta":{meta}}}"#);
    let answer = sidecar.client.send(request.header("content-type", "application/json").body(body)).await;
    assert_eq!(answer.status, 200, "{meta}: {}", answer.text);
    let left: i64 = connection.pttl(&at.key).unwrap();
    // The original time to live: rounded up to whole seconds.
    (connection.get(&at.key).unwrap(), (left + 999) / 1000)
}

/// Asserts a time within the last seconds, with the offset that the zone has now.
fn assert_recent(iso: &str, zone: Tz) {
    let seen = DateTime::<Utc>::from_timestamp_micros(date::parse(iso, 0).unwrap().micros).unwrap();
    assert!((Utc::now() - seen).abs() < TimeDelta::seconds(5), "{iso}");
    assert_eq!(seen.with_timezone(&zone).format("%Y-%m-%dT%H:%M:%S%:z").to_string(), iso);
}
