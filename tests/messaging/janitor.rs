//! Messages that are no longer to be kept.

use std::time::Duration;

use presence_sidecar::app;
use presence_sidecar::config::{Sources, load};
use presence_sidecar::messaging::{Messaging, MessagingOptions as Base, Metrics};
use presence_sidecar::php::date;
use presence_sidecar::storage::sql::Database;
use presence_sidecar::telemetry::Registry;
use serde_json::json;

use super::ground::{Ground, crypt};
use crate::support::{ENGINES, TestDatabase};

const DAY: Duration = Duration::from_secs(86_400);
const MICROS_OF_A_DAY: i64 = 86_400_000_000;

fn messaging(database: &TestDatabase, keep_acked: Option<Duration>, keep: Option<Duration>) -> Messaging {
    let environment = database.environment().into_iter().map(|(name, value)| (name.to_owned(), value));
    let config = load(&Sources { environment: environment.collect(), ..Sources::default() }).unwrap().config;
    Messaging::new(Base {
        database: Database::open(&config.database),
        names: app::table_names(&config),
        crypt: crypt(),
        zone: chrono_tz::UTC,
        max_recipients: 100,
        bcrypt_cost: 4,
        keep_acked,
        keep,
        queue: None,
        metrics: Metrics::new(&Registry::new()),
    })
    .0
}

/// What a whole pass deletes.
async fn cleaned(messaging: &Messaging) -> u64 {
    let (mut place, mut deleted) = (0, 0);
    loop {
        deleted += messaging.clean(&mut place).await.unwrap();
        if place == 0 {
            return deleted;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_is_deleted_and_nothing_else() {
    for engine in ENGINES {
        let ground = Ground::start(engine).await;
        let device = ground.register("one").await;
        for n in 1..=4 {
            ground.publish(&[&device], "event", json!({"n": n})).await;
        }
        let ids: Vec<i64> = device.messages("").await.iter().map(|message| message["id"].as_i64().unwrap()).collect();
        device.acknowledge(ids[1]).await;
        // The first three are old; of those the first two are acknowledged.
        ground.database.sql(&format!("UPDATE messages SET created_at = '2026-03-04 05:06:07' WHERE id <= {}", ids[2]));
        ground.database.sql("UPDATE sidecar_done_steps SET done_at = '2026-03-04 05:06:07'");
        let lately = date::database(chrono::Utc::now().timestamp_micros() - 29 * MICROS_OF_A_DAY, chrono_tz::UTC);
        ground.database.sql(&format!("INSERT INTO sidecar_done_steps (id, done_at) VALUES ('lately', '{lately}')"));
        let left = || ground.database.sql("SELECT COUNT(*) FROM messages").trim().to_owned();

        assert_eq!(cleaned(&messaging(&ground.database, None, None)).await, 4, "the names of four steps");
        assert_eq!(left(), "4", "it is off by default");
        let names = ground.database.lines("SELECT id FROM sidecar_done_steps");
        assert_eq!(names, ["lately"], "a job may be replayed, and fail, and be replayed");
        assert_eq!(cleaned(&messaging(&ground.database, Some(DAY), None)).await, 2, "{engine:?}");
        assert_eq!(left(), "2");
        let all = messaging(&ground.database, Some(DAY), Some(DAY));
        assert_eq!((cleaned(&all).await, cleaned(&all).await), (1, 0));
        assert_eq!(device.messages("?cursor=-1").await[0]["id"], json!(ids[3]));
    }
}

/// Stores so many messages that no key opens, at a time.
fn fill(database: &TestDatabase, to: &str, count: usize, at: &str) {
    let row = format!("('{to}', 't', 'c', 'n', 't', '{at}')");
    let rows = vec![row; count].join(", ");
    database
        .sql(&format!("INSERT INTO messages (to_client_id, type, ciphertext, nonce, tag, created_at) VALUES {rows}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_goes_by_ids_behind_what_stays_and_no_further_than_the_first_that_are_young() {
    for engine in ENGINES {
        let ground = Ground::start(engine).await;
        let (silent, busy) = (ground.register("silent").await, ground.register("busy").await);
        let (old, young) = ("2026-03-04 05:06:07", "2037-03-04 05:06:07");
        fill(&ground.database, &silent.id, 600, old);
        fill(&ground.database, &busy.id, 3, old);
        fill(&ground.database, &busy.id, 600, young);
        fill(&ground.database, &busy.id, 1, old);
        let newest: i64 = ground.database.sql("SELECT MAX(id) FROM messages").trim().parse().unwrap();
        assert_eq!(busy.acknowledge(newest).await.status, 200);
        assert_eq!(cleaned(&messaging(&ground.database, Some(DAY), None)).await, 3, "{engine:?}");
        let mut place = 0;
        let all = messaging(&ground.database, None, Some(DAY));
        assert_eq!(all.clean(&mut place).await.unwrap(), 500, "a step is small");
        assert_eq!((cleaned(&all).await, cleaned(&all).await), (100, 0), "the young ones are not gone through");
    }
}
