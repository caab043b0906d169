//! Deletion of expired messages.

use std::time::Duration;

use presence_sidecar::app;
use presence_sidecar::config::{Sources, load};
use presence_sidecar::messaging::worker::{Retention, RetentionWorker};
use presence_sidecar::messaging::{Messaging, MessagingOptions, Metrics, SendLimits};
use presence_sidecar::php::date;
use presence_sidecar::storage::sql::Database;
use presence_sidecar::telemetry::Registry;
use serde_json::json;

use super::harness::{Harness, crypt};
use crate::support::{ENGINES, Engine, TestDatabase};

const DAY: Duration = Duration::from_secs(86_400);
const MICROS_OF_A_DAY: i64 = 86_400_000_000;

fn worker(database: &TestDatabase, acknowledged: Option<Duration>, all: Option<Duration>) -> RetentionWorker {
    let environment = database.environment().into_iter().map(|(name, value)| (name.to_owned(), value));
    let config = load(&Sources { environment: environment.collect(), ..Sources::default() }).unwrap().config;
    let (messaging, _) = Messaging::new(MessagingOptions {
        database: Database::open(&config.database),
        names: app::table_names(&config),
        crypt: crypt(),
        zone: chrono_tz::UTC,
        limits: SendLimits { recipients: 100, stored_bytes: 1 << 20 },
        bcrypt_cost: 4,
        replace_lost_keys: false,
        queue: None,
        metrics: Metrics::new(&Registry::new()),
    });
    RetentionWorker::new(&messaging, Retention { acknowledged, all })
}

/// Runs a whole pass; returns the number of deleted rows.
async fn prune(worker: &RetentionWorker) -> u64 {
    let (mut last_id, mut deleted) = (0, 0);
    loop {
        deleted += worker.prune_step(&mut last_id).await.unwrap();
        if last_id == 0 {
            return deleted;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_deletes_only_expired_rows() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let device = harness.register("one").await;
        for n in 1..=4 {
            harness.publish(&[&device], "event", json!({"n": n})).await;
        }
        let ids: Vec<i64> = device.messages("").await.iter().map(|message| message["id"].as_i64().unwrap()).collect();
        device.acknowledge(ids[1]).await;
        // The first three are old; of those the first two are acknowledged.
        harness.database.sql(&format!("UPDATE messages SET created_at = '2026-03-04 05:06:07' WHERE id <= {}", ids[2]));
        harness.database.sql("UPDATE sidecar_done_steps SET done_at = '2026-03-04 05:06:07'");
        let recent = date::database(chrono::Utc::now().timestamp_micros() - 29 * MICROS_OF_A_DAY, chrono_tz::UTC);
        harness.database.sql(&format!("INSERT INTO sidecar_done_steps (id, done_at) VALUES ('recent', '{recent}')"));
        let left = || harness.database.sql("SELECT COUNT(*) FROM messages").trim().to_owned();

        assert_eq!(prune(&worker(&harness.database, None, None)).await, 4, "four idempotency keys");
        assert_eq!(left(), "4", "messages are kept by default");
        let names = harness.database.lines("SELECT id FROM sidecar_done_steps");
        assert_eq!(names, ["recent"], "keys are kept for 30 days, for jobs that are replayed repeatedly");
        assert_eq!(prune(&worker(&harness.database, Some(DAY), None)).await, 2, "{engine:?}");
        assert_eq!(left(), "2");
        let all = worker(&harness.database, Some(DAY), Some(DAY));
        assert_eq!((prune(&all).await, prune(&all).await), (1, 0));
        assert_eq!(device.messages("?cursor=-1").await[0]["id"], json!(ids[3]));
    }
}

/// Inserts `count` messages that no key opens, stored at `at`.
fn fill(database: &TestDatabase, to: &str, count: usize, at: &str) {
    let row = format!("('{to}', 't', 'c', 'n', 't', '{at}')");
    let rows = vec![row; count].join(", ");
    database
        .sql(&format!("INSERT INTO messages (to_client_id, type, ciphertext, nonce, tag, created_at) VALUES {rows}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_pass_skips_kept_messages_and_ends_at_the_first_young_batch() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let (silent, busy) = (harness.register("silent").await, harness.register("busy").await);
        let (old, young) = ("2026-03-04 05:06:07", "2037-03-04 05:06:07");
        fill(&harness.database, &silent.id, 600, old);
        fill(&harness.database, &busy.id, 3, old);
        fill(&harness.database, &busy.id, 600, young);
        fill(&harness.database, &busy.id, 1, old);
        let newest: i64 = harness.database.sql("SELECT MAX(id) FROM messages").trim().parse().unwrap();
        assert_eq!(busy.acknowledge(newest).await.status, 200);
        assert_eq!(prune(&worker(&harness.database, Some(DAY), None)).await, 3, "{engine:?}");
        let mut last_id = 0;
        let all = worker(&harness.database, None, Some(DAY));
        let step = if engine == Engine::Postgres { 200 } else { 500 };
        assert_eq!(all.prune_step(&mut last_id).await.unwrap(), step, "a step is small");
        assert_eq!((prune(&all).await, prune(&all).await), (600 - step, 0), "young messages are not visited");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_step_that_fails_leaves_out_only_its_failed_part() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let device = harness.register("one").await;
        harness.publish(&[&device], "event", json!({"n": 1})).await;
        harness.database.sql("UPDATE sidecar_done_steps SET done_at = '2026-03-04 05:06:07'");
        harness.database.sql("UPDATE messages SET created_at = '2026-03-04 05:06:07'");
        harness.database.sql("ALTER TABLE messages RENAME TO elsewhere");
        let (worker, mut last_id) = (worker(&harness.database, None, Some(DAY)), 0);
        assert!(worker.prune_step(&mut last_id).await.is_err(), "{engine:?}");
        assert_eq!(harness.database.sql("SELECT COUNT(*) FROM sidecar_done_steps").trim(), "0", "{engine:?}");
        harness.database.sql("ALTER TABLE elsewhere RENAME TO messages");
        assert_eq!(prune(&worker).await, 1, "{engine:?}");
    }
}
