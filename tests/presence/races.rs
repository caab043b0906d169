//! Many writers at once.

use std::collections::HashMap;

use presence_sidecar::presence::domain::Status;

use super::harness::{START, StoreHarness, after, beat};
use crate::support::{ENGINES, RedisServer, TestDatabase};

async fn twenty_sweeps_record_each_transition_once(harness: StoreHarness) {
    for user in 0..300 {
        harness.act(user, beat(true), START).await;
    }
    let mut sweeps = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (sweep, heartbeats) = (harness.sweep(), harness.clone());
        sweeps.spawn(async move {
            for second in [90, 96, 102, 120, 126, 132] {
                sweep.step(after(second)).await.unwrap();
                if number % 4 == 0 {
                    heartbeats.act(1_000 + number, beat(true), after(second)).await;
                }
            }
        });
    }
    sweeps.join_all().await;
    let mut seqs: HashMap<String, Vec<(u64, Status)>> = HashMap::new();
    for (_, change) in harness.changes().await {
        seqs.entry(change.user_id.to_string()).or_default().push((change.seq, change.status));
    }
    for user in 0..300 {
        let log = &seqs[&user.to_string()];
        let statuses: Vec<_> = log.iter().map(|(_, status)| *status).collect();
        assert_eq!(statuses, [Status::Online, Status::Away, Status::Offline], "user {user}");
        assert!(log.is_sorted_by(|left, right| left.0 < right.0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_racing_sweeps_in_memory_record_each_transition_exactly_once() {
    twenty_sweeps_record_each_transition_once(StoreHarness::array()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_racing_sweeps_in_each_database_record_each_transition_exactly_once() {
    slow!();
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        twenty_sweeps_record_each_transition_once(StoreHarness::sql(&database).await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_racing_sweeps_on_redis_record_each_transition_exactly_once() {
    require!("redis-server");
    let server = RedisServer::start();
    twenty_sweeps_record_each_transition_once(StoreHarness::redis(&server)).await;
}
