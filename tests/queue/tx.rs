//! Jobs that are pushed and retracted in a transaction of the caller.

use std::time::Duration;

use presence_sidecar::queue::{Disposition, JobState, NewJob, Queue, SqlQueue};
use presence_sidecar::storage::sql::{Database, Statements, TableNames};

use super::{LEASE, Q};
use crate::storage::migrated;
use crate::support::{ENGINES, TestDatabase};

fn job<'a>(lane: &'a str, id: &'a str, delay: Duration) -> NewJob<'a> {
    NewJob { id, lane, payload: id.as_bytes(), delay }
}

/// A migrated database with its queue.
async fn open_queue(test: &TestDatabase) -> (Database, TableNames, SqlQueue) {
    let (database, names) = migrated(test).await;
    let queue = SqlQueue::new(database.clone(), &names);
    (database, names, queue)
}

#[tokio::test(flavor = "multi_thread")]
async fn pushed_job_exists_after_the_commit_of_its_transaction() {
    for engine in ENGINES {
        let test = TestDatabase::create(engine);
        let (database, _, queue) = open_queue(&test).await;
        let mut rolled_back = database.begin().await.unwrap();
        queue.push_in_tx(&mut rolled_back, Q, &[job("a", "1", Duration::ZERO)]).await.unwrap();
        drop(rolled_back);
        assert_eq!(queue.claim(Q, 10, LEASE).await.unwrap(), [], "{engine:?}");
        let mut committed = database.begin().await.unwrap();
        assert!(queue.is_idle_in_tx(&mut committed, Q, "a").await.unwrap());
        queue.push_in_tx(&mut committed, Q, &[job("a", "2", Duration::ZERO)]).await.unwrap();
        assert!(!queue.is_idle_in_tx(&mut committed, Q, "a").await.unwrap());
        committed.commit().await.unwrap();
        assert_eq!(queue.claim(Q, 10, LEASE).await.unwrap()[0].id, "2", "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn delayed_jobs_are_retracted_from_the_end_of_their_lane() {
    for engine in ENGINES {
        let test = TestDatabase::create(engine);
        let (database, _, queue) = open_queue(&test).await;
        let jobs = [job("a", "1", Duration::ZERO), job("a", "2", LEASE), job("a", "3", LEASE)];
        queue.push(Q, &jobs).await.unwrap();
        let held = queue.held(&[(Q, "b"), (Q, "a")]).await.unwrap();
        let held: Vec<Vec<&str>> = held.iter().map(|jobs| jobs.iter().map(|job| job.id.as_str()).collect()).collect();
        assert_eq!(held, [vec![], vec!["2", "3"]], "{engine:?}");
        let mut transaction = database.begin().await.unwrap();
        let mut retract = queue.begin_retract(&mut transaction, &[(Q, "a")]).await.unwrap();
        assert!(!retract.retract("a", &[(Q, "2")]), "it is not the last");
        assert!(!retract.retract("a", &[(Q, "3"), (Q, "1")]), "all or none");
        assert!(!retract.retract("b", &[(Q, "3")]), "it is in another lane");
        assert!(retract.retract("a", &[(Q, "3")]));
        assert!(retract.retract("a", &[(Q, "2")]));
        assert!(!retract.retract("a", &[(Q, "1")]), "it is due");
        queue.end_retract(&mut transaction, retract).await.unwrap();
        transaction.commit().await.unwrap();
        let mut jobs = queue.claim(Q, 10, LEASE).await.unwrap();
        assert!(queue.settle(Q, &[jobs.remove(0).into_settlement(Disposition::Done)]).await.unwrap()[0]);
        assert_eq!(queue.stats(Q).await.unwrap().pending, 0, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn emptied_lane_starts_again_with_its_next_job() {
    for engine in ENGINES {
        let test = TestDatabase::create(engine);
        let (database, names, queue) = open_queue(&test).await;
        queue.push(Q, &[job("a", "1", LEASE)]).await.unwrap();
        let mut transaction = database.begin().await.unwrap();
        let mut retract = queue.begin_retract(&mut transaction, &[(Q, "a")]).await.unwrap();
        assert!(retract.retract("a", &[(Q, "1")]));
        queue.end_retract(&mut transaction, retract).await.unwrap();
        transaction.commit().await.unwrap();
        queue.push(Q, &[job("a", "2", Duration::ZERO)]).await.unwrap();
        // The id is pending in another lane, so that no lane is created.
        queue.push(Q, &[job("b", "2", LEASE)]).await.unwrap();
        let lanes = "-- name: lanes\nSELECT COUNT(*) FROM {queue_lanes}\n";
        let lanes = Statements::read(database.engine(), lanes, &names.pairs()).get("lanes");
        assert_eq!(database.rows(&lanes, &[]).await.unwrap()[0].int_or_null(0).unwrap(), Some(1), "{engine:?}");
        assert_eq!(queue.claim(Q, 10, LEASE).await.unwrap()[0].id, "2", "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn open_transaction_blocks_its_own_lane_alone() {
    for engine in ENGINES.into_iter().filter(|engine| *engine != crate::support::Engine::Sqlite) {
        let test = TestDatabase::create(engine);
        let (database, _, queue) = open_queue(&test).await;
        queue.push(Q, &[job("a", "1", Duration::ZERO), job("b", "2", Duration::ZERO)]).await.unwrap();
        let mut stuck = database.begin().await.unwrap();
        queue.push_in_tx(&mut stuck, Q, &[job("a", "3", Duration::ZERO)]).await.unwrap();
        let jobs = queue.claim(Q, 10, LEASE).await.unwrap();
        assert_eq!(jobs.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), ["2"], "{engine:?}");
        stuck.commit().await.unwrap();
        let jobs = queue.claim(Q, 10, LEASE).await.unwrap();
        assert_eq!(jobs.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), ["1"], "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_payload_and_any_names_are_stored_unchanged() {
    let (lane, payload) = (format!("häßlich|{}\n", "x".repeat(5_000)), (0..=255).collect::<Vec<u8>>());
    for engine in ENGINES {
        let test = TestDatabase::create(engine);
        let (_, _, queue) = open_queue(&test).await;
        let jobs = ["ID", "id"].map(|id| NewJob { id, lane: &lane, payload: &payload, delay: Duration::ZERO });
        queue.push(Q, &jobs).await.unwrap();
        let head = queue.claim(Q, 10, LEASE).await.unwrap().remove(0);
        assert_eq!((&head.lane, &head.payload, head.id.as_str()), (&lane, &payload, "ID"), "{engine:?}");
        let listed = queue.list(Q, JobState::Pending, None, 10).await.unwrap();
        assert_eq!(listed.len(), 2, "ids are case-sensitive");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_jobs_keep_their_order() {
    let payload = vec![7; 300_000];
    let ids: Vec<String> = (0..250).map(|number| format!("{number:03}")).collect();
    for engine in ENGINES {
        let test = TestDatabase::create(engine);
        let (_, _, queue) = open_queue(&test).await;
        let payload = |number: usize| if number < 8 { &payload[..] } else { b"small" };
        let jobs = ids.iter().enumerate().map(|(number, id)| NewJob {
            id,
            lane: "a",
            payload: payload(number),
            delay: Duration::ZERO,
        });
        queue.push(Q, &jobs.collect::<Vec<_>>()).await.unwrap();
        for id in &ids[..20] {
            let head = queue.claim(Q, 10, LEASE).await.unwrap().remove(0);
            assert_eq!(head.id, *id, "{engine:?}");
            queue.settle(Q, &[head.into_settlement(Disposition::Done)]).await.unwrap();
        }
        assert_eq!(queue.stats(Q).await.unwrap().pending, 230);
    }
}
