//! A master that does not reply fails the calls for its own users alone.

use std::time::{Duration, Instant};

use presence_sidecar::presence::domain::Outbox;
use presence_sidecar::presence::store::own_prefixes;
use presence_sidecar::queue::{Disposition, NewJob, Queue, RedisQueue};
use presence_sidecar::storage::redis::shard_of;
use serde_json::json;

use super::{assert_all_beat, on_cluster};
use crate::presence::harness::{PREFIX, StoreHarness, subject};
use crate::support::{Client, RedisCluster, Sidecar};

const PATIENCE: Duration = Duration::from_secs(20);
/// Half of `redis.timeout_ms`: a call that waits for the frozen node takes longer.
const SHORT: Duration = Duration::from_millis(225);

/// Three masters that serve their slots although another one does not.
fn cluster() -> RedisCluster {
    RedisCluster::start_with(3, 0, &["--cluster-require-full-coverage", "no"])
}

/// The nodes of the record and of the state of a user.
fn nodes_of(cluster: &RedisCluster, user: i64, shards: usize) -> [usize; 2] {
    let key = format!("presence|guard:web|user:{user}");
    let own = own_prefixes(PREFIX, shards).swap_remove(shard_of(&key, shards));
    [cluster.owner(&format!("{PREFIX}{key}")), cluster.owner(&own)]
}

/// Beats, and reads the user in the two ways; the statuses, and the longest time of a call.
async fn call(client: &Client, user: i64) -> ([u16; 3], Duration) {
    let mut longest = Duration::ZERO;
    let mut statuses = [0; 3];
    for (call, status) in statuses.iter_mut().enumerate() {
        let began = Instant::now();
        *status = match call {
            0 => client.heartbeat(user).await.status,
            1 => client.get(&format!("/api/v1/presence/status/{user}")).await.status,
            _ => client.post("/api/v1/presence/many", json!({"user_ids": [user]})).await.status,
        };
        longest = longest.max(began.elapsed());
    }
    (statuses, longest)
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_other_nodes_do_not_wait_for_a_frozen_master() {
    require!("redis-server");
    slow!();
    let cluster = cluster();
    let sidecar = Sidecar::with(&on_cluster(&cluster)).await;
    assert_all_beat(&sidecar, 1..61, PATIENCE).await;
    let (theirs, others): (Vec<i64>, Vec<i64>) = (1..61).partition(|user| nodes_of(&cluster, *user, 16).contains(&2));
    cluster.signal(2, "STOP");
    // Calls for the users of the frozen node, all the time.
    let load = theirs.iter().map(|user| {
        let (client, user) = (sidecar.client.clone(), *user);
        tokio::spawn(async move {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(4) {
                assert!(call(&client, user).await.0.contains(&503), "{user} is on the frozen node");
            }
        })
    });
    let load: Vec<_> = load.collect();
    let mut times = Vec::new();
    for _ in 0..3 {
        for user in &others {
            let (statuses, longest) = call(&sidecar.client, *user).await;
            assert_eq!(statuses, [200; 3], "{user}");
            times.push(longest);
        }
    }
    times.sort_unstable();
    let most = times[times.len() * 9 / 10];
    assert!(most < SHORT, "nine of ten users of other nodes have waited for up to {most:?}");
    assert_eq!(sidecar.client.get("/ready").await.status, 200);
    assert_eq!(sidecar.client.get("/api/v1/presence/counts").await.status, 503);
    for load in load {
        load.await.unwrap();
    }
    cluster.signal(2, "CONT");
    assert_all_beat(&sidecar, 1..61, PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_of_all_shards_name_the_one_that_does_not_reply() {
    require!("redis-server");
    slow!();
    let cluster = cluster();
    let harness = StoreHarness::on_servers(cluster.servers(), PREFIX, (0, 4), Outbox::default());
    let scope = subject(1).scope.key(true);
    harness.store.counts(&scope).await.unwrap();
    let only = StoreHarness::on_servers(cluster.servers(), PREFIX, (0, 1), Outbox::default());
    only.store.counts(&scope).await.unwrap();
    let owners: Vec<usize> = own_prefixes(PREFIX, 4).iter().map(|prefix| cluster.owner(prefix)).collect();
    let frozen = owners[3];
    let address = cluster.address_of(frozen);
    cluster.signal(frozen, "STOP");
    let [counts, end] = [
        harness.store.counts(&scope).await.map(drop).unwrap_err().reason(),
        harness.store.end_of_changes().await.map(drop).unwrap_err().reason(),
    ];
    let theirs: Vec<String> =
        (0..4).filter(|shard| owners[*shard] == frozen).map(|shard| format!("{shard:02}")).collect();
    assert!(counts.contains(&format!("shard {}: ", theirs.join(", "))) && counts.contains(&address), "{counts}");
    assert!(end.contains("shard ") && end.contains(&address), "{end}");
    // One shard has no name.
    cluster.signal(frozen, "CONT");
    let own = cluster.owner(&own_prefixes(PREFIX, 1)[0]);
    cluster.signal(own, "STOP");
    for error in [only.store.counts(&scope).await.map(drop), only.store.end_of_changes().await.map(drop)] {
        let reason = error.unwrap_err().reason();
        assert!(!reason.contains("shard") && reason.contains(&cluster.address_of(own)), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_other_shards_are_handed_out_and_settled_while_a_master_is_frozen() {
    require!("redis-server");
    slow!();
    let cluster = cluster();
    let prefixes = own_prefixes("app", 4);
    let queue = RedisQueue::new(&cluster.servers(), Duration::from_secs(1), prefixes.clone()).unwrap();
    let lanes: Vec<String> = (0..32).map(|lane| lane.to_string()).collect();
    let jobs = lanes.iter().map(|lane| NewJob { id: lane, lane, payload: b"{}", delay: Duration::ZERO });
    queue.push("app", &jobs.collect::<Vec<_>>()).await.unwrap();
    let frozen = cluster.owner(&prefixes[0]);
    let others = lanes.iter().filter(|lane| cluster.owner(&prefixes[shard_of(lane, 4)]) != frozen).count();
    cluster.signal(frozen, "STOP");
    // The frozen node executes a claim later, for nobody; its jobs are handed out again when the lease ends.
    let lease = Duration::from_secs(8);
    let claimed = queue.claim("app", 100, lease).await.unwrap();
    assert_eq!(claimed.len(), others);
    let began = Instant::now();
    assert_eq!(queue.claim("app", 100, lease).await.unwrap(), []);
    let done = claimed.into_iter().map(|job| job.into_settlement(Disposition::Done));
    let settled = queue.settle("app", &done.collect::<Vec<_>>()).await.unwrap();
    assert_eq!(settled, vec![true; others]);
    assert!(began.elapsed() < Duration::from_secs(1), "the frozen shard was waited for: {:?}", began.elapsed());
    cluster.signal(frozen, "CONT");
    let deadline = Instant::now() + lease + PATIENCE;
    let mut left = lanes.len() - others;
    while left > 0 {
        left -= queue.claim("app", 100, lease).await.map_or(0, |jobs| jobs.len());
        assert!(Instant::now() < deadline, "{left} jobs are not handed out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
