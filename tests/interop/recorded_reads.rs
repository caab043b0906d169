//! `presence-values.json` and `presence-reads.json`: the responses of status and many to a record, through Redis and HTTP.
//!
//! The recorded times are in the past, so the time of a record is shifted to give it the same age now. An age counts in
//! whole seconds, so write and read must happen within one second of the clock; otherwise both are repeated.

use std::time::{Duration, Instant};

use chrono::{DateTime, FixedOffset, SecondsFormat, SubsecRound, TimeDelta, Utc};
use presence_sidecar::php::Value as Php;
use presence_sidecar::php::serialize::{serialize, unserialize};
use redis::Commands;
use serde_json::{Value, json};

use super::as_the_facade;
use crate::support::{RedisServer, Sidecar, bytes, on_redis, vectors};

/// The key of the record of user 1.
const KEY: &str = "laravel-database-laravel-cache-presence|guard:web|user:1";

/// A recorded value, the time of the read, and the response of PHP.
struct Recorded {
    name: String,
    value: Vec<u8>,
    now: DateTime<Utc>,
    status: Value,
}

fn moment(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

fn record_of(seen: &Value, meta: &str) -> Vec<u8> {
    let seen = seen.as_str().unwrap();
    format!("a:2:{{s:12:\"last_seen_at\";s:{}:\"{seen}\";s:4:\"meta\";{meta}}}", seen.len()).into()
}

/// PHP's response, as JSON or as JSON in a string; offline where PHP raised an error.
fn answer_of(recorded: &Value) -> Value {
    match recorded {
        Value::Null => json!({"status": "offline", "last_seen_at": null, "seconds_ago": null, "meta": []}),
        Value::String(text) => serde_json::from_str(text).unwrap(),
        answer => answer.clone(),
    }
}

/// The same JSON with whole numbers as integers: PHP encodes 1.0 as 1.
fn by_meaning(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "whole and within 64 bits")]
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e18 => json!(float as i64),
            _ => value.clone(),
        },
        Value::Array(list) => list.iter().map(by_meaning).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), by_meaning(value))).collect(),
        _ => value.clone(),
    }
}

impl Recorded {
    /// The shift of its times for a read at `now`. A time in the future is shifted by one more second, as it comes closer
    /// until the status is read.
    fn distance(&self, now: DateTime<Utc>, seen: DateTime<Utc>) -> TimeDelta {
        let to_come = seen >= self.now.trunc_subsecs(0) + TimeDelta::seconds(1);
        now.trunc_subsecs(0) - self.now.trunc_subsecs(0) + TimeDelta::seconds(to_come.into())
    }

    /// The value with its time shifted, in the same format; `None` if it has no time.
    fn value_at(&self, now: DateTime<Utc>) -> Option<Vec<u8>> {
        let Ok(Php::Array(mut record)) = unserialize(&self.value) else { return None };
        let moved = match record.get("last_seen_at")? {
            Php::Int(seconds) => {
                Php::Int(seconds + self.distance(now, DateTime::from_timestamp(*seconds, 0)?).num_seconds())
            }
            text => {
                let text = text.as_str()?;
                let seen: DateTime<FixedOffset> = DateTime::parse_from_rfc3339(text).ok()?;
                let digits = if text.contains('.') { SecondsFormat::Micros } else { SecondsFormat::Secs };
                let moved = seen + self.distance(now, seen.to_utc());
                Php::from(moved.to_rfc3339_opts(digits, text.ends_with('Z')))
            }
        };
        record.insert("last_seen_at", moved);
        Some(serialize(&record.into()))
    }

    /// PHP's response with its time shifted.
    fn status_at(&self, now: DateTime<Utc>) -> Value {
        let mut status = self.status.clone();
        if !status["last_seen_at"].is_null() {
            let seen = moment(&status["last_seen_at"]);
            let moved = seen + self.distance(now, seen);
            status["last_seen_at"] = json!(moved.to_rfc3339_opts(SecondsFormat::Micros, true));
        }
        status
    }

    async fn assert_read_by(&self, reader: &Reader) {
        let (now, mut status) = reader.within_a_second(|now| self.value_at(now).unwrap_or(self.value.clone())).await;
        if self.value_at(now).is_none() && !status["last_seen_at"].is_null() {
            // A record without a time has the current time, which the recording had in whole seconds.
            let seen = moment(&status["last_seen_at"]).trunc_subsecs(0);
            status["last_seen_at"] = json!(seen.to_rfc3339_opts(SecondsFormat::Micros, true));
        }
        let (status, expected) = (by_meaning(&status), by_meaning(&self.status_at(now)));
        assert_eq!(status, expected, "{}", self.name);
        assert_eq!(status.to_string(), expected.to_string(), "the order of {}", self.name);
    }
}

/// A Redis, and a sidecar with the settings of the recording.
struct Reader {
    redis: RedisServer,
    sidecar: Sidecar,
}

impl Reader {
    async fn start() -> Self {
        let redis = RedisServer::start();
        let mut environment = on_redis(&redis);
        environment.push(("PRESENCE_AWAY_AFTER", "90".to_owned()));
        Self { sidecar: Sidecar::with(&environment).await, redis }
    }

    fn put(&self, value: &[u8]) {
        let () = self.redis.connect(1).set_ex(KEY, value, 1000).unwrap();
    }

    /// The status of a value that is created for the time of the write.
    async fn within_a_second(&self, value: impl Fn(DateTime<Utc>) -> Vec<u8>) -> (DateTime<Utc>, Value) {
        loop {
            let now = wait_for_start_of_second().await;
            self.put(&value(now));
            let answer = self.sidecar.client.get("/api/v1/presence/status/1").await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            if Utc::now() < now.trunc_subsecs(0) + TimeDelta::milliseconds(980) {
                return (now, as_the_facade(&answer.json));
            }
        }
    }
}

/// Waits until shortly after the start of a second, as clocks differ slightly.
async fn wait_for_start_of_second() -> DateTime<Utc> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let now = Utc::now();
        if (20..700).contains(&now.timestamp_subsec_millis()) {
            return now;
        }
        assert!(Instant::now() < deadline, "the clock stands still");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_values_have_the_status_of_laravel() {
    require!("redis-server");
    let reader = Reader::start().await;
    for case in vectors("presence-values.json")["cases"].as_array().unwrap() {
        let recorded = Recorded {
            name: case["name"].to_string(),
            value: bytes(&case["redis_value"]),
            now: moment(&case["now"]),
            status: answer_of(&case["status_json"]),
        };
        recorded.assert_read_by(&reader).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_ages_and_foreign_values_have_the_status_of_laravel() {
    require!("redis-server");
    let reader = Reader::start().await;
    for case in vectors("presence-reads.json")["cases"].as_array().unwrap() {
        let (value, now) = match (case["stored"].as_str(), case["age_seconds"].as_i64()) {
            (Some(stored), _) => (stored.into(), moment(&case["now"])),
            (None, Some(age)) => {
                (record_of(&case["seen_at"], "a:0:{}"), moment(&case["seen_at"]) + TimeDelta::seconds(age))
            }
            (None, None) => continue,
        };
        let status = answer_of(&case["php_status_json"]);
        Recorded { name: case["name"].to_string(), value, now, status }.assert_read_by(&reader).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_returns_each_id_once_in_the_order_of_laravel() {
    require!("redis-server");
    let reader = Reader::start().await;
    for case in vectors("presence-reads.json")["cases"].as_array().unwrap() {
        let Some(recorded) = case["php_many_json"].as_str() else { continue };
        let recorded: Value = serde_json::from_str(recorded).unwrap();
        let seen = recorded.as_object().unwrap().values().find_map(|status| status["last_seen_at"].as_str()).unwrap();
        let (now, _) = reader
            .within_a_second(|now| {
                record_of(&json!(now.to_rfc3339_opts(SecondsFormat::Secs, false)), "a:1:{s:1:\"a\";i:1;}")
            })
            .await;
        let many = reader.sidecar.client.post("/api/v1/presence/many", json!({"user_ids": case["ids"]})).await;
        let now = now.trunc_subsecs(0).to_rfc3339_opts(SecondsFormat::Micros, true);
        let mut expected: Value = serde_json::from_str(&recorded.to_string().replace(seen, &now)).unwrap();
        for (id, status) in expected.as_object_mut().unwrap() {
            // The second may have passed; the test above checks ages.
            status["seconds_ago"] = many.json[id]["seconds_ago"].clone();
        }
        assert_eq!(many.text, expected.to_string(), "{}", case["name"]);
    }
}
