//! Probes of a database that callers share.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use presence_sidecar::storage::sql::{Error, SharedProbe, Statements};

use super::{config, open};
use crate::support::{Engine, TestDatabase};

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_callers_share_one_probe() {
    let test = TestDatabase::create(Engine::Sqlite);
    let (database, _) = open(&config(&test, &[]));
    let (probe, count) = (SharedProbe::default(), AtomicUsize::new(0));
    let ask = async |fails: bool| {
        let run = || async {
            count.fetch_add(1, Ordering::SeqCst);
            // Everybody has asked when the probe ends.
            tokio::task::yield_now().await;
            if fails { Err(Error::Unavailable("on purpose".into())) } else { Ok(()) }
        };
        probe.run(&database, run).await.map_err(|error| error.reason())
    };
    let failures = join_all((0..50).map(|_| ask(true))).await;
    assert!(failures.iter().all(|outcome| outcome.as_ref().is_err_and(|why| why.contains("on purpose"))));
    assert!(count.swap(0, Ordering::SeqCst) <= 2, "those who waited got the result of one");

    assert_eq!(ask(false).await, Ok(()), "a failure is not kept");
    assert_eq!((ask(true).await, count.swap(0, Ordering::SeqCst)), (Ok(()), 1), "a success is kept for a moment");

    let missing = Statements::read(database.engine(), "-- name: it\nDELETE FROM absent\n", &[]).get("it");
    let failed = database.execute(&missing, &[]).await;
    assert!(failed.as_ref().is_err_and(Error::is_temporary), "{failed:?}");
    assert!(ask(true).await.is_err(), "not after a statement that failed");
    assert_eq!(count.load(Ordering::SeqCst), 1);
}
