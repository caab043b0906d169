//! A real Laravel app and a real sidecar on one Redis: each reads what the other writes.

mod clients;
mod cluster;
mod database;
mod doctor;
mod laravel;
mod lasting;
mod prefixes;
mod reads;
mod recorded_reads;
mod recorded_writes;
mod writes;

use serde_json::{Value, json};

use self::laravel::Laravel;
use crate::support::{Client, RedisServer, Sidecar, on_redis};

/// Variables of an app's `.env`.
type Env<'a> = [(&'a str, &'a str)];

/// A Laravel app and a sidecar that read the same `.env`.
struct Pair {
    redis: RedisServer,
    sidecar: Sidecar,
    laravel: Laravel,
}

impl Pair {
    async fn start() -> Self {
        Self::with(&[]).await
    }

    async fn with(env: &Env<'_>) -> Self {
        let redis = RedisServer::start();
        let mut environment = on_redis(&redis);
        environment.extend(env.iter().map(|&(name, value)| (name, value.to_owned())));
        let sidecar = Sidecar::with(&environment).await;
        let laravel = Laravel::start(redis.port(), env);
        Self { redis, sidecar, laravel }
    }

    fn client(&self) -> &Client {
        &self.sidecar.client
    }

    /// The status of a user in the default scope, from the sidecar.
    async fn status(&self, user: &str) -> Value {
        let answer = self.client().get(&format!("/api/v1/presence/status/{user}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json
    }

    /// Sends a heartbeat with a meta, in the default scope.
    async fn beat(&self, user: &str, meta: &Value) {
        let answer = self.client().post("/api/v1/presence/heartbeat", json!({"user_id": user, "meta": meta})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

/// The logical key of a user in the default scope; the id must have no capitals.
fn key_of(user: &str) -> String {
    format!("presence|guard:web|user:{user}")
}

/// The part of a response that the PHP package returns as well.
fn as_the_facade(status: &Value) -> Value {
    let entries = ["status", "last_seen_at", "seconds_ago", "meta"];
    entries.into_iter().map(|entry| (entry.to_owned(), status[entry].clone())).collect()
}
