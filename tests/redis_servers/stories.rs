//! The stories of every store and queue, on several shards, on a cluster and behind Sentinels. The servers are started once
//! for all of them.

use futures_util::stream::{StreamExt, iter};
use presence_sidecar::storage::redis::RedisServers;

use crate::support::{RedisCluster, RedisServer, SentinelTrio};
use crate::{presence, queue};

/// Most stories that run at the same time; many of them wait.
const CONCURRENCY: usize = 8;

async fn tell(servers: &RedisServers, cache_db: i64, shards: usize) {
    let mut stories = presence::stories_on(servers, cache_db, shards);
    stories.extend(queue::redis_servers::stories(servers, shards));
    iter(stories).for_each_concurrent(CONCURRENCY, |story| story).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stories_hold_on_several_shards() {
    require!("redis-server");
    let server = RedisServer::start();
    tell(&server.info().into(), 1, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stories_hold_on_a_cluster() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(3, 0);
    tell(&cluster.servers(), 0, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stories_hold_on_a_cluster_with_one_shard() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(2, 0);
    tell(&cluster.servers(), 0, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stories_hold_behind_sentinels() {
    require!("redis-server");
    slow!();
    let trio = SentinelTrio::start();
    tell(&trio.servers(), 1, 1).await;
}
