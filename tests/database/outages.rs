//! A server that is down, frozen, or back.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use presence_sidecar::database::{Error, Statements};

use super::{config, opened};
use crate::support::{Engine, SqlServer, TestDatabase};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_down_or_frozen_is_used_again_when_it_is_back() {
    for engine in [Engine::MariaDb, Engine::Postgres] {
        let server = Arc::new(Mutex::new(SqlServer::start(engine)));
        let config = {
            let database = TestDatabase::create_on(&server);
            config(&database, &[("PRESENCE__DATABASE__TIMEOUT_MS", "300")])
        };
        let (database, names) = opened(&config);
        database.migrate(&names).await.unwrap();
        let one = Statements::read(database.engine(), "-- name: one\nSELECT CAST(? AS CHAR(3))\n", &[]).get("one");
        let asked = async || database.rows(&one, &["abc".into()]).await.map(|rows| rows[0].text_or_null(0).unwrap());
        assert_eq!(asked().await.unwrap().as_deref(), Some("abc"));

        server.lock().unwrap().stop();
        let started = Instant::now();
        assert!(matches!(asked().await, Err(Error::Unavailable(_))));
        assert!(started.elapsed() < Duration::from_secs(2));
        server.lock().unwrap().run();
        assert_eq!(asked().await.unwrap().as_deref(), Some("abc"), "{engine:?}");

        if engine == Engine::Postgres {
            continue;
        }
        server.lock().unwrap().signal("STOP");
        let deadline = Instant::now() + Duration::from_secs(10);
        // A signal takes a moment to reach every thread.
        while asked().await.is_ok() {
            assert!(Instant::now() < deadline, "it did not freeze");
        }
        server.lock().unwrap().signal("CONT");
        while asked().await.is_err() {
            assert!(Instant::now() < deadline, "it did not recover");
        }
    }
}
