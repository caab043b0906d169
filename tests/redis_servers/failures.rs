//! Users come, idle and vanish at three sidecars while something happens to the masters of a cluster: no answer is worse than
//! 503, service is back soon, each recorded transition is delivered, and with `redis.wait_replicas` nothing that was answered is
//! lost. `tests/redis_servers/run` repeats each of them five times.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use presence_sidecar::presence::store::own_prefixes;
use presence_sidecar::storage::redis::shard_of;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{assert_all_beat, on_cluster};
use crate::crash;
use crate::presence::harness::PREFIX;
use crate::support::{Client, Reaction, Receiver, RedisCluster, Sidecar};

const USERS: i64 = 500;
const SIDECARS: usize = 3;
const WORKERS: i64 = 4;
const SHARDS: usize = 16;
/// For the election of a new master, and for slots that move.
const PATIENCE: Duration = Duration::from_secs(30);
/// The time to service after an election.
const SOON: Duration = Duration::from_secs(3);

/// A transition that was answered with 200: the user, the transition, and when.
type Answered = (i64, String, Instant);

/// The sidecars of an app, and the receiver of their webhooks.
struct Replicas {
    sidecars: Vec<Sidecar>,
    webhooks: Receiver,
}

impl Replicas {
    /// Replicas whose answers wait for this number of replicas of Redis.
    async fn start(cluster: &RedisCluster, wait_replicas: u32) -> Self {
        let webhooks = Receiver::reacting(|_| Reaction::Answer(204, "")).await;
        let mut environment = on_cluster(cluster);
        environment.extend([
            ("PRESENCE__REDIS__WAIT_REPLICAS", wait_replicas.to_string()),
            ("PRESENCE__REDIS__SHARDS", SHARDS.to_string()),
            ("PRESENCE_DRIVER", "webhook".to_owned()),
            ("PRESENCE_WEBHOOK_URL", webhooks.url.clone()),
            ("PRESENCE_WEBHOOK_SECRET", "secret".to_owned()),
            ("PRESENCE__WEBHOOK__SCHEDULE", ["1s"; 60].join(",")),
            ("PRESENCE_TTL", "4".to_owned()),
            ("PRESENCE_AWAY_AFTER", "2".to_owned()),
        ]);
        let mut sidecars = Vec::new();
        for _ in 0..SIDECARS {
            sidecars.push(Sidecar::with(&environment).await);
        }
        let replicas = Self { sidecars, webhooks };
        replicas.assert_served(PATIENCE).await;
        replicas
    }

    async fn assert_served(&self, patience: Duration) {
        for sidecar in &self.sidecars {
            assert_all_beat(sidecar, 10_000..10_060, patience).await;
        }
    }

    /// Lets users live while `happen` happens, and for a moment before and after it; then waits until all are offline and all is
    /// delivered. Returns the transitions that were answered, and the log.
    async fn run(&self, happen: impl FnOnce()) -> (Vec<Answered>, Vec<Value>) {
        let (stop, mut workers) = (CancellationToken::new(), JoinSet::new());
        for worker in 0..WORKERS {
            let clients = self.sidecars.iter().map(|sidecar| sidecar.client.clone()).collect();
            workers.spawn(live(clients, worker, stop.clone()));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        tokio::task::block_in_place(happen);
        self.assert_served(SOON).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        stop.cancel();
        let mut answered: Vec<Answered> = workers.join_all().await.into_iter().flatten().collect();
        answered.sort_by_key(|(_, _, at)| *at);
        let log = crash::settled(&self.sidecars[0].client).await;
        crash::check_log(&log);
        (answered, log)
    }

    /// Checks that nothing is lost, and that what is recorded is delivered, and nothing else.
    async fn live_while(&self, happen: impl FnOnce()) {
        let (answered, log) = self.run(happen).await;
        crash::check(&log, &self.webhooks.posts(), &HashSet::new());
        let lost = not_recorded(answered, &log);
        assert!(lost.is_empty(), "{} are lost, the first of them {:?}", lost.len(), lost.first());
    }

    /// The transitions that were answered and are lost; checks that what is recorded is delivered. What is lost may be delivered, too.
    async fn lost_while(&self, happen: impl FnOnce()) -> Vec<Answered> {
        let (answered, log) = self.run(happen).await;
        let recorded: HashSet<&Value> = log.iter().map(|change| &change["id"]).collect();
        let mut posts = self.webhooks.posts();
        posts.retain(|post| recorded.contains(&post.json()["id"]));
        crash::check(&log, &posts, &HashSet::new());
        not_recorded(answered, &log)
    }
}

/// Calls for the users of one worker, one after the other, until stopped.
async fn live(clients: Vec<Client>, worker: i64, stop: CancellationToken) -> Vec<Answered> {
    let mut answered = Vec::new();
    while !stop.is_cancelled() {
        let client = &clients[rand::random_range(0..clients.len())];
        let user = rand::random_range(0..USERS / WORKERS) * WORKERS + worker;
        let answer = match rand::random_range(0..10) {
            0 => client.post("/api/v1/presence/offline", json!({"user_id": user})).await,
            kind => client.post("/api/v1/presence/heartbeat", json!({"user_id": user, "active": kind > 3})).await,
        };
        assert!(matches!(answer.status, 200 | 503), "{}: {}", answer.status, answer.text);
        if let Some(transition) = answer.json["transition"].as_str() {
            answered.push((user, transition.to_owned(), Instant::now()));
        }
    }
    answered
}

/// For each user and transition, the last of those that were answered if the log has fewer.
fn not_recorded(mut answered: Vec<Answered>, log: &[Value]) -> Vec<Answered> {
    let mut recorded: HashMap<(i64, String), usize> = HashMap::new();
    for change in log {
        let transition = match (change["previous"].as_str(), change["event"].as_str(), change["cause"].as_str()) {
            // Idle from the beginning, perhaps.
            (Some("offline"), Some("online" | "away"), _) => "came_online",
            // Not those of the sweep.
            (_, Some("offline"), Some("offline")) => "went_offline",
            _ => continue,
        };
        *recorded.entry((change["user_id"].as_i64().unwrap(), transition.to_owned())).or_default() += 1;
    }
    answered.retain(|(user, transition, _)| match recorded.get_mut(&(*user, transition.clone())) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        _ => true,
    });
    answered
}

fn wait_until_promoted(cluster: &RedisCluster, replica: usize) {
    let deadline = Instant::now() + PATIENCE;
    while !cluster.cli(replica, &["ROLE"]).starts_with("master") {
        assert!(Instant::now() < deadline, "no new master was elected");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The shards of a master.
fn shards_of(cluster: &RedisCluster, node: usize) -> BTreeSet<usize> {
    let prefixes = own_prefixes(PREFIX, SHARDS);
    (0..SHARDS).filter(|shard| cluster.owner(&prefixes[*shard]) == node).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn hardly_anything_is_lost_when_a_master_of_two_replicas_is_killed() {
    require!("redis-server");
    slow!();
    let mut cluster = RedisCluster::start(3, 1);
    // One of two servers with a slot is gone, so a second replica must be there to confirm.
    cluster.add_replica(0);
    let replicas = Replicas::start(&cluster, 1).await;
    let lost = replicas.lost_while(|| {
        cluster.stop(0);
        cluster.wait_until_replaced(0);
    });
    // One replica has confirmed each answer, and the other one may be elected: what it lacks is what was just being sent.
    let lost = lost.await;
    assert!(i64::try_from(lost.len()).unwrap() <= WORKERS, "{lost:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_confirmation_what_the_replica_lacks_is_lost_and_nothing_else() {
    require!("redis-server");
    slow!();
    let mut cluster = RedisCluster::start(3, 1);
    let replicas = Replicas::start(&cluster, 0).await;
    let (replica, shards) = (cluster.replica_of(0), shards_of(&cluster, 0));
    let mut cut_off = None;
    let lost = replicas.lost_while(|| {
        // From here on it may lack what is answered.
        cut_off = Some(Instant::now());
        cluster.signal(replica, "STOP");
        cluster.cli(0, &["CLIENT", "KILL", "TYPE", "replica"]);
        std::thread::sleep(Duration::from_millis(500));
        cluster.stop(0);
        cluster.signal(replica, "CONT");
        cluster.wait_until_replaced(0);
    });
    let lost = lost.await;
    #[expect(clippy::print_stdout, reason = "the number is what a failover without confirmation costs")]
    {
        println!("{} transitions of half a second are lost", lost.len());
    }
    assert!(!lost.is_empty(), "the replica has had what was written while it was cut off");
    for (user, transition, at) in lost {
        let key = format!("presence|guard:web|user:{user}");
        assert!(shards.contains(&shard_of(&key, SHARDS)), "{user} is on another node");
        assert!(Some(at) > cut_off, "{transition} of {user} was answered before the replica was cut off");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_a_master_is_frozen_for_ten_seconds() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(3, 1);
    let replicas = Replicas::start(&cluster, 1).await;
    let replica = cluster.replica_of(1);
    let frozen = replicas.live_while(|| {
        cluster.signal(1, "STOP");
        wait_until_promoted(&cluster, replica);
        std::thread::sleep(Duration::from_secs(10));
        cluster.signal(1, "CONT");
        cluster.wait_until_ready();
    });
    frozen.await;
    assert!(cluster.cli(1, &["ROLE"]).starts_with("slave"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_in_a_planned_failover() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(3, 1);
    let replicas = Replicas::start(&cluster, 1).await;
    let failed_over = replicas.live_while(|| {
        cluster.fail_over(2);
        cluster.wait_until_ready();
    });
    failed_over.await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_all_slots_of_a_node_move() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(3, 1);
    let replicas = Replicas::start(&cluster, 1).await;
    replicas.live_while(|| cluster.move_all_slots(0, 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_a_node_is_added_and_removed() {
    require!("redis-server");
    slow!();
    let mut cluster = RedisCluster::start(2, 1);
    let replicas = Replicas::start(&cluster, 1).await;
    let moved = replicas.live_while(|| {
        let node = cluster.add_node();
        cluster.add_replica(node);
        cluster.move_all_slots(0, node);
        // The one without slots has become a replica.
        cluster.move_all_slots(node, 1);
    });
    moved.await;
}
