//! Old entries of the change log are removed.

use presence_sidecar::presence::domain::Span;

use crate::presence::harness::{START, StoreHarness, beat};
use crate::support::RedisServer;

/// How often Redis has been asked for entries from the end of a log.
fn searches(redis: &RedisServer) -> usize {
    let stats = redis.cli(&["INFO", "commandstats"]);
    let calls = stats.split_once("cmdstat_xrevrange:calls=").map_or("0", |(_, rest)| rest);
    calls.split(',').next().unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn log_without_old_entries_is_not_searched() {
    require!("redis-server");
    let redis = RedisServer::start();
    let harness = StoreHarness::redis(&redis);
    for user in 1..=3 {
        harness.act(user, beat(true), START).await;
    }
    let now = harness.store.time().await.unwrap();
    let before = searches(&redis);
    harness.store.trim_changes(now.minus(Span::from_secs(3_600))).await.unwrap();
    // Redis reads the whole log when it has no entry as old as that.
    assert_eq!(searches(&redis), before);
    assert_eq!(harness.changes().await.len(), 3);
    let before = searches(&redis);
    harness.store.trim_changes(now.plus(Span::from_secs(3_600))).await.unwrap();
    assert_eq!(searches(&redis), before + 1);
    assert_eq!(harness.changes().await.len(), 0);
}
