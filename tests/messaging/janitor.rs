//! Messages that are no longer to be kept.

use std::time::Duration;

use presence_sidecar::config::{Sources, load};
use presence_sidecar::database::{Database, Names};
use presence_sidecar::laravel::date;
use presence_sidecar::messaging::{Ground as Base, Messaging, Metrics};
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
        names: Names::new(&config.messaging.tables, &config.database),
        crypt: crypt(),
        zone: chrono_tz::UTC,
        bcrypt_cost: 4,
        keep_acked,
        keep,
        queue: None,
        metrics: Metrics::new(&Registry::new()),
    })
    .0
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

        assert_eq!(messaging(&ground.database, None, None).clean().await.unwrap(), 4, "the names of four steps");
        assert_eq!(left(), "4", "it is off by default");
        let names = ground.database.lines("SELECT id FROM sidecar_done_steps");
        assert_eq!(names, ["lately"], "a job may be replayed, and fail, and be replayed");
        assert_eq!(messaging(&ground.database, Some(DAY), None).clean().await.unwrap(), 2, "{engine:?}");
        assert_eq!(left(), "2");
        let all = messaging(&ground.database, Some(DAY), Some(DAY));
        assert_eq!((all.clean().await.unwrap(), all.clean().await.unwrap()), (1, 0));
        assert_eq!(device.messages("?cursor=-1").await[0]["id"], json!(ids[3]));
    }
}
