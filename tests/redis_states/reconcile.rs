//! Lists, states and due times that disagree are corrected.

use presence_sidecar::presence::domain::Status;
use presence_sidecar::presence::store::{Counts, Reconciled};

use crate::presence::harness::{START, StoreHarness, after, beat, offline, subject};
use crate::support::{ENGINES, RedisServer, TestDatabase};

const OWN: &str = "laravel-database-laravel-cache-{presence}:";

/// Makes steps over everything, and returns the sum.
async fn reconcile(harness: &StoreHarness) -> Reconciled {
    let (mut sum, mut from) = (Reconciled::default(), 0);
    loop {
        let step = harness.store.reconcile(from, after(1)).await.unwrap();
        sum.due += step.due;
        sum.rosters += step.rosters;
        sum.counts += step.counts;
        match step.next {
            Some(next) => from = next,
            None => return sum,
        }
    }
}

async fn counts(harness: &StoreHarness) -> Counts {
    harness.store.counts(&subject(1).scope.key(true)).await.unwrap()
}

#[tokio::test]
async fn lost_keys_of_redis_are_corrected() {
    require!("redis-server");
    let redis = RedisServer::start();
    let harness = StoreHarness::redis(&redis);
    for user in 1..=4 {
        harness.act(user, beat(true), START).await;
    }
    assert_eq!(reconcile(&harness).await, Reconciled::default(), "nothing to correct");
    let key = |user: i64| subject(user).key;
    let scope = key(1).scope().to_owned();
    let roster = |status: &str| format!("{OWN}roster:{status}:{scope}");
    // 1: no due time. 2: neither state nor due time. 3: on no roster. 4: on the wrong roster, too.
    redis.cli(&["ZREM", &format!("{OWN}due"), key(1).as_str(), key(2).as_str()]);
    redis.cli(&["DEL", &format!("{OWN}state:{}", key(2).as_str())]);
    redis.cli(&["ZREM", &roster("online"), key(3).member()]);
    redis.cli(&["ZADD", &roster("away"), "0", key(4).member()]);
    assert_eq!(reconcile(&harness).await, Reconciled { due: 2, rosters: 2, ..Reconciled::default() });
    assert_eq!(reconcile(&harness).await, Reconciled::default(), "corrected once");
    assert_eq!(counts(&harness).await, Counts { online: 4, away: 0 });
    // The records of 1, 3 and 4 are fresh; with the one of 2, nothing is left of that user.
    redis.cli(&["-n", "1", "DEL", &format!("laravel-database-laravel-cache-{}", key(2).as_str())]);
    harness.sweep().step(after(2)).await.unwrap();
    let log = harness.log().await;
    assert_eq!(log.last().unwrap(), &("2".to_owned(), Status::Offline));
    assert_eq!(counts(&harness).await, Counts { online: 3, away: 0 });
    harness.sweep().step(after(120)).await.unwrap();
    assert_eq!(counts(&harness).await, Counts::default());
}

#[tokio::test]
async fn wrong_counts_of_a_database_are_corrected() {
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        let harness = StoreHarness::sql(&database).await;
        for user in 1..=3 {
            harness.act(user, beat(true), START).await;
        }
        harness.act(4, beat(false), START).await;
        assert_eq!(reconcile(&harness).await, Reconciled::default(), "{engine:?}");
        for spoil in ["UPDATE sidecar_presence_counts SET members = 9", "DELETE FROM sidecar_presence_counts"] {
            database.sql(spoil);
            assert_eq!(
                reconcile(&harness).await,
                Reconciled { counts: 2, ..Reconciled::default() },
                "{engine:?}: {spoil}"
            );
            assert_eq!(counts(&harness).await, Counts { online: 3, away: 1 }, "{engine:?}: {spoil}");
        }
        assert_eq!(reconcile(&harness).await, Reconciled::default(), "{engine:?}");
    }
}

/// Asserts that the steps meet each present user once.
async fn assert_meets_present_users(harness: &StoreHarness) {
    for user in 1..=3 {
        harness.act(user, beat(true), START).await;
    }
    harness.act(4, beat(false), START).await;
    harness.act(5, beat(true), START).await;
    harness.act(5, offline(), after(1)).await;
    let (mut members, mut from) = (Counts::default(), 0);
    loop {
        let step = harness.store.reconcile(from, after(1)).await.unwrap();
        members.add(Status::Online, step.members.online);
        members.add(Status::Away, step.members.away);
        match step.next {
            Some(next) => from = next,
            None => break,
        }
    }
    assert_eq!(members, Counts { online: 3, away: 1 });
}

#[tokio::test]
async fn steps_meet_the_present_users_of_every_store() {
    assert_meets_present_users(&StoreHarness::array()).await;
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        assert_meets_present_users(&StoreHarness::sql(&database).await).await;
    }
    require!("redis-server");
    let redis = RedisServer::start();
    assert_meets_present_users(&StoreHarness::redis(&redis)).await;
}
