//! The hour that summer time skips: a server of MariaDB with summer time, and an app in UTC.

use std::sync::{Arc, Mutex};

use chrono::{Datelike, Timelike, Utc};
use serde_json::json;

use crate::messaging::{Device, Harness};
use crate::support::{Engine, ServerOptions, SqlServer, TestDatabase};

/// A time zone whose summer time began a minute before the present time of UTC, as its clocks show it: that hour does not
/// exist there.
fn zone() -> String {
    let now = Utc::now();
    let start = now - chrono::Duration::minutes(1);
    // Without 29 February, as `Jn` counts.
    let day = start.with_year(2027).unwrap_or(start).ordinal();
    let end = (day + 30 - 1) % 365 + 1;
    format!("CET-1CEST,J{day}/{:02}:{:02}:{:02},J{end}/3", start.hour(), start.minute(), start.second())
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_stored_in_the_hour_that_summer_time_skips() {
    require!("mariadbd");
    let options = ServerOptions { zone: Some(zone()), ..ServerOptions::default() };
    let server = Arc::new(Mutex::new(SqlServer::start_with(Engine::MariaDb, options)));
    let database = TestDatabase::create_on(&server);
    let now = Utc::now().format("%Y-%m-%d %H:%M:%S");
    let stored = database.sql(&format!("SELECT FROM_UNIXTIME(UNIX_TIMESTAMP('{now}'))"));
    assert_ne!(stored.trim(), now.to_string(), "the hour exists in this time zone");

    for queue in ["sync", "database"] {
        let database = TestDatabase::create_on(&server);
        let harness = Harness::on(database, &[("QUEUE_CONNECTION", queue)]).await;
        let device: Device = harness.register("one").await;
        assert_eq!(harness.publish(&[&device], "event", json!({"n": 1})).await.status, 200);
        let sent = device.post("/messages/send", &device.seal(&json!({"type": "t", "payload": {"n": 2}}))).await;
        assert_eq!(sent.status, 200, "{}", sent.text);
        let mut messages = Vec::new();
        while messages.len() < 2 {
            messages = device.messages("?cursor=-1").await;
        }
        assert!(messages.iter().all(|message| device.open(message).is_some()), "the time is that of the AAD");
        assert_eq!(device.acknowledge(messages[1]["id"].as_i64().unwrap()).await.status, 200);
        if queue == "database" {
            assert_eq!(harness.database.sql("SELECT COUNT(*) FROM sidecar_queue_jobs WHERE dead = 1").trim(), "0");
        }
    }
    // With the time zone of the app's own connection, the times are those of the app.
    let database = TestDatabase::create_on(&server);
    let harness = Harness::on(database, &[("PRESENCE__DATABASE__TIMEZONE", "+00:00")]).await;
    harness.register("one").await;
    let stored = harness.database.sql("SET time_zone = '+00:00'; SELECT created_at FROM clients");
    let age =
        Utc::now().naive_utc() - chrono::NaiveDateTime::parse_from_str(stored.trim(), "%Y-%m-%d %H:%M:%S").unwrap();
    assert!(age.num_seconds().abs() < 60, "{stored}");
}
