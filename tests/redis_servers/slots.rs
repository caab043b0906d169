//! Slots that move between nodes.

use std::time::Duration;

use presence_sidecar::presence::domain::Status;
use presence_sidecar::presence::domain::{Event, Outbox, OutboxQueue};
use presence_sidecar::presence::store::own_prefixes;
use presence_sidecar::queue::{Disposition, JobState, NewJob, Queue, RedisQueue};
use presence_sidecar::storage::redis::{shard_of, slot_of};

use super::{assert_all_beat, changes_by_user, on_cluster};
use crate::presence::harness::{PREFIX, START, StoreHarness, after, beat, offline, subject};
use crate::support::{RedisCluster, Sidecar};

#[test]
fn slot_is_that_of_the_hash_tag() {
    // The values of CLUSTER KEYSLOT.
    for (key, slot) in [("123456789", 12_739), ("foo", 12_182), ("{user1000}.following", 3_443), ("foo{}{bar}", 8_363)]
    {
        assert_eq!(slot_of(key.as_bytes()), slot, "{key}");
    }
    assert_eq!(slot_of(b"foo{{bar}}zap"), slot_of(b"{bar"));
    assert_eq!(slot_of(b"{user1000}.followers"), slot_of(b"user1000"));
}

#[test]
fn shard_of_a_user_never_changes() {
    // Stored data depends on these values.
    let shards = ["presence|guard:web|user:1", "presence|guard:web|user:2", "a", ""].map(|key| shard_of(key, 16));
    assert_eq!(shards, SHARDS_OF_KEYS);
    let mut counts = [0; 16];
    (0..16_000).for_each(|user| counts[shard_of(&format!("presence|guard:web|user:{user}"), 16)] += 1);
    assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
}

/// The shards of the keys above.
const SHARDS_OF_KEYS: [usize; 4] = [0, 2, 8, 11];

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_follow_slots_that_move() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(3, 0);
    let sidecar = Sidecar::with(&on_cluster(&cluster)).await;
    assert_all_beat(&sidecar, 1..41, Duration::from_secs(5)).await;
    let before = changes_by_user(&sidecar.client).await;
    for shard in 0..16 {
        let slot = usize::from(slot_of(format!("{{presence:{shard:02}}}").as_bytes()));
        let to = (cluster.owner_of_slot(slot) + 1) % 3;
        cluster.migrate(slot, to, || {});
        assert_all_beat(&sidecar, 1..41, Duration::from_secs(3)).await;
    }
    assert_eq!(changes_by_user(&sidecar.client).await, before);
    assert_all_beat(&sidecar, 41..81, Duration::ZERO).await;
    assert_eq!(changes_by_user(&sidecar.client).await.len(), 80);
}

/// A script that reaches a node in the middle of a migration must not write a part of a commit there.
#[tokio::test(flavor = "multi_thread")]
async fn commit_during_a_migration_is_all_or_nothing() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(2, 0);
    let queue =
        OutboxQueue { name: "app".to_owned(), events: vec![Event::Online, Event::Offline], debounce: Duration::ZERO };
    let outbox = Outbox { queues: vec![queue], ..Outbox::default() };
    let harness = StoreHarness::on_servers(cluster.servers(), PREFIX, (0, 1), outbox);
    harness.act(1, beat(true), START).await;
    let commit = harness.prepare(&subject(1), offline(), after(1)).await;
    let new = harness.prepare(&subject(2), beat(true), after(1)).await;
    let slot = usize::from(slot_of(b"{presence}"));
    let to = 1 - cluster.owner_of_slot(slot);
    let handle = tokio::runtime::Handle::current();
    let (store, commits) = (harness.store.clone(), [commit, new]);
    let during = tokio::task::block_in_place(|| {
        let mut during = None;
        cluster.migrate(slot, to, || {
            during = Some(handle.block_on(store.commit(&commits, after(1))));
        });
        during.unwrap()
    });
    assert!(during.is_err(), "the slot is being migrated: {during:?}");
    assert_eq!(harness.log().await, [("1".to_owned(), Status::Online)]);
    assert_eq!(harness.queue.list("app", JobState::Pending, None, 10).await.unwrap().len(), 1);
    harness.act(1, offline(), after(2)).await;
    harness.act(2, beat(true), after(2)).await;
    assert_eq!(harness.log().await.len(), 3);
    assert_eq!(harness.queue.list("app", JobState::Pending, None, 10).await.unwrap().len(), 3);
}

/// A script that reaches a node in the middle of a migration must not change a part of a lane there.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_neither_pushed_nor_handed_out_nor_settled_during_a_migration() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(2, 0);
    let prefixes = own_prefixes("app", 1);
    let queue = RedisQueue::new(&cluster.servers(), Duration::from_secs(1), prefixes.clone()).unwrap();
    let job = |id| NewJob { id, lane: id, payload: b"{}", delay: Duration::ZERO };
    let lease = Duration::from_secs(60);
    queue.push("app", &["1", "2", "3"].map(job)).await.unwrap();
    let claimed = queue.claim("app", 1, lease).await.unwrap();
    let done: Vec<_> = claimed.into_iter().map(|job| job.into_settlement(Disposition::Done)).collect();
    let to = 1 - cluster.owner(&prefixes[0]);
    let handle = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        cluster.migrate(usize::from(slot_of(prefixes[0].as_bytes())), to, || {
            handle.block_on(queue.push("app", &[job("4")])).unwrap_err();
            handle.block_on(queue.claim("app", 10, lease)).unwrap_err();
            handle.block_on(queue.settle("app", &done)).unwrap_err();
        });
    });
    assert_eq!(queue.settle("app", &done).await.unwrap(), [true]);
    let left: Vec<String> = queue.claim("app", 10, lease).await.unwrap().into_iter().map(|job| job.id).collect();
    assert_eq!(left, ["2", "3"]);
}
