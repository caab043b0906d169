//! `presence-values.json` and `presence-reads.json`: what a status reads from a value, through Redis and HTTP.
//!
//! The recorded times are long past. A value is put with its time moved to where it has the same age now; and since an
//! age counts in whole seconds, value and status have to fall into one second of the clock, else both are done again.

use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, TimeDelta, Timelike, Utc};
use redis::Commands;
use serde_json::{Value, json};

use super::as_the_facade;
use crate::support::{RedisServer, Sidecar, bytes, on_redis, vectors};

const KEY: &str = "laravel-database-laravel-cache-presence|guard:web|user:1";

/// A value, the moment at which it was read, and what was read.
struct Recorded {
    name: String,
    value: Vec<u8>,
    now: DateTime<Utc>,
    status: Value,
}

/// A Redis and a sidecar with the settings of the recording.
struct Reader {
    redis: RedisServer,
    sidecar: Sidecar,
}

impl Reader {
    async fn start(away_after: u32) -> Self {
        let redis = RedisServer::start();
        let mut environment = on_redis(&redis);
        environment.push(("PRESENCE_AWAY_AFTER", away_after.to_string()));
        Self { sidecar: Sidecar::with(&environment).await, redis }
    }

    fn put(&self, value: &[u8]) {
        let () = self.redis.connect(1).set_ex(KEY, value, 1000).unwrap();
    }

    async fn assert_reads(&self, case: &Recorded) {
        let (delta, status) = loop {
            let now = early_in_a_second().await;
            let delta = whole_second(now) - whole_second(case.now);
            self.put(&moved(&case.value, delta, case.now));
            let answer = self.sidecar.client.get("/api/v1/presence/status/1").await;
            assert_eq!(answer.status, 200, "{}: {}", case.name, answer.text);
            if whole_second(Utc::now()) == whole_second(now) {
                break (delta, as_the_facade(&answer.json));
            }
        };
        let mut expected = case.status.clone();
        if let Some(seen) = expected["last_seen_at"].as_str() {
            let seen = Utc::now().min(seen.parse::<DateTime<Utc>>().unwrap() + delta + future(seen, case.now));
            expected["last_seen_at"] = json!(seen.to_rfc3339_opts(SecondsFormat::Micros, true));
        }
        assert_eq!(status, expected, "{}", case.name);
    }
}

/// Waits for a moment with most of its second still to come, off its beginning by more than two clocks may differ.
async fn early_in_a_second() -> DateTime<Utc> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let now = Utc::now();
        if (20_000_000..600_000_000).contains(&now.nanosecond()) {
            return now;
        }
        assert!(Instant::now() < deadline, "the clock stands still");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn whole_second(at: DateTime<Utc>) -> DateTime<Utc> {
    at.with_nanosecond(0).unwrap()
}
