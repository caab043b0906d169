//! A rolling upgrade: sidecars of 0.1.0 and of this version on one store at once, under load, with the checks of
//! `tests/crash`. By hand, with `tests/upgrade/rolling`, since it takes minutes and a binary of 0.1.0.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::crash::messages::{killed_in_the_middle, shared, side_by_side};
use crate::crash::{Environment, Faults, Start, transitions_survive};
use crate::support::{Engine, Process, RedisServer, TestDatabase, on_database, on_redis};

const WHY: &str = "tests/upgrade/rolling names the binary of 0.1.0";

/// The binary of 0.1.0, and that of this version.
pub fn binaries() -> [PathBuf; 2] {
    let old = std::env::var_os("PRESENCE_SIDECAR_OLD_BIN").expect(WHY);
    let new = std::env::var_os("PRESENCE_SIDECAR_NEW_BIN").unwrap_or(env!("CARGO_BIN_EXE_presence-sidecar").into());
    [old, new].map(PathBuf::from)
}

fn span() -> Duration {
    let seconds = std::env::var("PRESENCE_ROLLING_SECONDS").map_or(60, |seconds| seconds.parse().unwrap());
    Duration::from_secs(seconds)
}

/// 0.1.0 at place 0, this version at place 1, both in turn at the others.
fn mixed(environment: Environment) -> Start {
    let (binaries, starts) = (binaries(), AtomicUsize::new(0));
    Arc::new(move |place| {
        let version = if place < 2 { place } else { starts.fetch_add(1, Ordering::Relaxed) % 2 };
        Process::start_binary(&binaries[version], &environment)
    })
}

/// This version at place 1; at place 0, where sidecars are killed, both in turn.
fn exchanged(environment: Environment) -> Start {
    let (binaries, starts) = (binaries(), AtomicUsize::new(0));
    Arc::new(move |place| {
        let version = if place == 1 { 1 } else { starts.fetch_add(1, Ordering::Relaxed) % 2 };
        Process::start_binary(&binaries[version], &environment)
    })
}

/// Messages in `database`, queued there or in `redis`.
fn messaging(database: &TestDatabase, redis: Option<&RedisServer>) -> Environment {
    let mut environment = shared(database);
    if let Some(redis) = redis {
        environment.extend([("QUEUE_CONNECTION", "redis".to_owned()), ("REDIS_PORT", redis.port().to_string())]);
    }
    environment
}

async fn messages_survive(database: TestDatabase, redis: Option<RedisServer>) {
    side_by_side(database.engine, mixed(messaging(&database, redis.as_ref())), span()).await;
}

async fn fan_out_survives(database: TestDatabase, redis: Option<RedisServer>) {
    killed_in_the_middle(&database, exchanged(messaging(&database, redis.as_ref())), (300, 6)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "by hand: tests/upgrade/rolling"]
async fn both_versions_record_and_deliver_every_transition_once_on_one_redis() {
    let redis = RedisServer::start_with(&["--appendonly", "yes"]);
    assert!(transitions_survive(on_redis(&redis), mixed, span(), Faults::default()).await > 500);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "by hand: tests/upgrade/rolling"]
async fn both_versions_record_and_deliver_every_transition_once_on_one_mariadb() {
    let database = TestDatabase::create(Engine::MariaDb);
    assert!(transitions_survive(on_database(&database), mixed, span(), Faults::default()).await > 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "by hand: tests/upgrade/rolling"]
async fn both_versions_publish_and_poll_in_order_through_one_redis() {
    messages_survive(TestDatabase::create(Engine::Sqlite), Some(RedisServer::start())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "by hand: tests/upgrade/rolling"]
async fn both_versions_publish_and_poll_in_order_through_one_mariadb() {
    messages_survive(TestDatabase::create(Engine::MariaDb), None).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "by hand: tests/upgrade/rolling"]
async fn both_versions_complete_the_fan_out_of_each_other_through_one_redis() {
    fan_out_survives(TestDatabase::create(Engine::Sqlite), Some(RedisServer::start())).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "by hand: tests/upgrade/rolling"]
async fn both_versions_complete_the_fan_out_of_each_other_through_one_mariadb() {
    fan_out_survives(TestDatabase::create(Engine::MariaDb), None).await;
}
