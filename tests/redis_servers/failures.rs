//! Users come, idle and vanish while something happens to the masters of a cluster: no answer is worse than 503, service is
//! back soon, and with `redis.wait_replicas` nothing that was answered is lost. `tests/redis_servers/run` repeats each of them five times.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{assert_all_beat, changes_by_user, on_cluster};
use crate::support::{Client, RedisCluster, Sidecar};

const USERS: i64 = 500;
const WORKERS: i64 = 4;
/// For the election of a new master, and for slots that move.
const PATIENCE: Duration = Duration::from_secs(30);
/// The time to service after an election.
const SOON: Duration = Duration::from_secs(3);

/// Calls for the users of one worker, one after the other, until stopped. Returns the number of transitions of each user that
/// were answered.
async fn live(client: Client, worker: i64, stop: CancellationToken) -> HashMap<i64, usize> {
    let mut answered: HashMap<i64, usize> = HashMap::new();
    while !stop.is_cancelled() {
        let user = rand::random_range(0..USERS / WORKERS) * WORKERS + worker;
        let answer = match rand::random_range(0..10) {
            0 => client.post("/api/v1/presence/offline", json!({"user_id": user})).await,
            kind => client.post("/api/v1/presence/heartbeat", json!({"user_id": user, "active": kind > 3})).await,
        };
        assert!(matches!(answer.status, 200 | 503), "{}: {}", answer.status, answer.text);
        if answer.status == 200 && !answer.json["transition"].is_null() {
            *answered.entry(user).or_default() += 1;
        }
    }
    answered
}

/// Lets users live while `happen` happens, and for a moment before and after it; then checks that nothing is lost.
async fn live_while(sidecar: &Sidecar, happen: impl FnOnce()) {
    assert_eq!(lost_while(sidecar, happen).await, Vec::<String>::new());
}

/// Lets users live while `happen` happens, and for a moment before and after it. Returns the users of whom fewer transitions are
/// recorded than were answered, once for each that is missing.
async fn lost_while(sidecar: &Sidecar, happen: impl FnOnce()) -> Vec<String> {
    let (stop, mut workers) = (CancellationToken::new(), JoinSet::new());
    for worker in 0..WORKERS {
        workers.spawn(live(sidecar.client.clone(), worker, stop.clone()));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    tokio::task::block_in_place(happen);
    assert_all_beat(sidecar, 10_000..10_060, SOON).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.cancel();
    let answered: Vec<HashMap<i64, usize>> = workers.join_all().await;
    // It also checks that the `seq` of each user rises.
    let changes = changes_by_user(&sidecar.client).await;
    let missing = |(user, count): (i64, usize)| {
        let user = user.to_string();
        let recorded = changes.get(&user).map_or(0, Vec::len);
        std::iter::repeat_n(user, count.saturating_sub(recorded))
    };
    answered.into_iter().flatten().flat_map(missing).collect()
}

async fn start(cluster: &RedisCluster) -> Sidecar {
    let mut environment = on_cluster(cluster);
    environment.push(("PRESENCE__REDIS__WAIT_REPLICAS", "1".to_owned()));
    let sidecar = Sidecar::with(&environment).await;
    assert_all_beat(&sidecar, 10_000..10_060, PATIENCE).await;
    sidecar
}

fn wait_until_promoted(cluster: &RedisCluster, replica: usize) {
    let deadline = Instant::now() + PATIENCE;
    while !cluster.cli(replica, &["ROLE"]).starts_with("master") {
        assert!(Instant::now() < deadline, "no new master was elected");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hardly_anything_is_lost_when_a_master_of_two_replicas_is_killed() {
    require!("redis-server");
    slow!();
    let mut cluster = RedisCluster::start(3, 1);
    // One of two servers with a slot is gone, so a second replica must be there to confirm.
    cluster.add_replica(0);
    let sidecar = start(&cluster).await;
    let lost = lost_while(&sidecar, || {
        cluster.stop(0);
        cluster.wait_until_replaced(0);
    });
    // One replica has confirmed each answer, and the other one may be elected: what it lacks is what was just being sent.
    let lost = lost.await;
    assert!(i64::try_from(lost.len()).unwrap() <= WORKERS, "{lost:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_a_master_is_frozen_for_ten_seconds() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(3, 1);
    let sidecar = start(&cluster).await;
    let replica = cluster.replica_of(1);
    live_while(&sidecar, || {
        cluster.signal(1, "STOP");
        wait_until_promoted(&cluster, replica);
        std::thread::sleep(Duration::from_secs(10));
        cluster.signal(1, "CONT");
        cluster.wait_until_ready();
    })
    .await;
    assert!(cluster.cli(1, &["ROLE"]).starts_with("slave"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_in_a_planned_failover() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(3, 1);
    let sidecar = start(&cluster).await;
    live_while(&sidecar, || {
        cluster.fail_over(2);
        cluster.wait_until_ready();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_all_slots_of_a_node_move() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(3, 1);
    let sidecar = start(&cluster).await;
    live_while(&sidecar, || cluster.move_all_slots(0, 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_a_node_is_added_and_removed() {
    require!("redis-server");
    slow!();
    let mut cluster = RedisCluster::start(2, 1);
    let sidecar = start(&cluster).await;
    live_while(&sidecar, || {
        let node = cluster.add_node();
        cluster.add_replica(node);
        cluster.move_all_slots(0, node);
        // The one without slots has become a replica.
        cluster.move_all_slots(node, 1);
    })
    .await;
}
