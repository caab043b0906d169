//! The number of shards of an installation is fixed.

use std::time::Duration;

use super::{assert_all_beat, changes_by_user};
use crate::support::{RedisServer, Sidecar, on_redis};

async fn with_shards(redis: &RedisServer, shards: &str) -> Sidecar {
    let mut environment = on_redis(redis);
    environment.push(("PRESENCE__REDIS__SHARDS", shards.to_owned()));
    Sidecar::with(&environment).await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_shards_is_refused() {
    require!("redis-server");
    let redis = RedisServer::start();
    let sidecar = with_shards(&redis, "4").await;
    assert_all_beat(&sidecar, 1..9, Duration::from_secs(5)).await;
    assert_eq!(changes_by_user(&sidecar.client).await.len(), 8);
    for other in ["1", "8"] {
        let sidecar = with_shards(&redis, other).await;
        assert_eq!(sidecar.client.heartbeat(1).await.status, 503);
        let ready = sidecar.client.get("/ready").await;
        assert_eq!(ready.status, 503);
        assert!(ready.json["reason"].as_str().unwrap().contains("set redis.shards = 4"), "{}", ready.text);
    }
    let again = with_shards(&redis, "4").await;
    assert_all_beat(&again, 1..9, Duration::ZERO).await;
    assert_eq!(changes_by_user(&again.client).await.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_are_refused_where_the_keys_are_in_one() {
    require!("redis-server");
    let redis = RedisServer::start();
    let sidecar = Sidecar::on(&redis).await;
    assert_all_beat(&sidecar, 1..3, Duration::from_secs(5)).await;
    let several = with_shards(&redis, "4").await;
    assert_eq!(several.client.heartbeat(1).await.status, 503);
    assert_all_beat(&sidecar, 1..3, Duration::ZERO).await;
}
