//! Sessions that a server ends, refuses or restricts, locks, and statements that are killed.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use presence_sidecar::storage::sql::{Database, Error, Statement, Statements};

use super::{Traffic, as_user, create_user, environment};
use crate::storage::{config, open};
use crate::support::{ENGINES, Engine, ServerOptions, Sidecar, SqlServer, TestDatabase};

/// Other tests at the same time make new connections slow; that is no outage.
const PATIENT: &[(&str, &str)] = &[("PRESENCE__DATABASE__TIMEOUT_MS", "5000")];

/// Ends all sessions of a user.
fn end_sessions(database: &TestDatabase, user: &str) {
    match database.engine {
        Engine::Postgres => {
            database.sql(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{user}'"));
        }
        Engine::MariaDb | Engine::Sqlite => {
            for id in database.lines(&format!("SELECT id FROM information_schema.processlist WHERE user = '{user}'")) {
                // The session may have ended by itself.
                _ = database.try_sql(&format!("KILL {id}"));
            }
        }
    }
}

fn statement(database: &Database, text: &str) -> Statement {
    Statements::read(database.engine(), &format!("-- name: it\n{text}\n"), &[]).get("it")
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_connections_are_an_outage() {
    for engine in ENGINES.servers() {
        let arguments: &[&str] = match engine {
            Engine::Postgres => &["-c", "max_connections=8", "-c", "superuser_reserved_connections=3"],
            Engine::MariaDb | Engine::Sqlite => &["--max-connections=10"],
        };
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let options = ServerOptions { arguments, ..ServerOptions::default() };
        let server = Arc::new(Mutex::new(SqlServer::start_with(engine, options)));
        let database = TestDatabase::create_on(&server);
        create_user(&database, "guest");
        create_user(&database, "crowding");
        let few = [("DB_USERNAME", "guest"), ("PRESENCE__DATABASE__MAX_CONNECTIONS", "2")];
        let environment = environment(&database, &few);
        let variables: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (opened, schema) = open(&config(&database, &variables));
        opened.migrate(&schema).await.unwrap();
        opened.close().await;
        let mut held = Vec::new();
        while let Some(another) = database.try_hold_as("crowding", "SELECT 1") {
            held.push(another);
        }
        let sidecar = Sidecar::with(&environment).await;
        let mut traffic = Traffic::to(&sidecar);
        for _ in 0..3 {
            assert_eq!(traffic.send().await, [503; 3], "{engine:?}");
        }
        drop(held);
        traffic.recover().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_statement_or_session_is_an_outage_of_one_statement() {
    for engine in ENGINES.servers() {
        let database = TestDatabase::create(engine);
        let limits = [("PRESENCE__DATABASE__MAX_CONNECTIONS", "1"), ("PRESENCE__DATABASE__TIMEOUT_MS", "5000")];
        let (opened, _) = open(&config(&database, &limits));
        let (sleep, find, kills): (_, _, &[&str]) = match engine {
            Engine::Postgres => (
                "SELECT CAST(pg_sleep(600) AS text)",
                "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT CAST(pg_sleep%' AND state = 'active'",
                &["SELECT pg_cancel_backend(", "SELECT pg_terminate_backend("],
            ),
            Engine::MariaDb | Engine::Sqlite => (
                "SELECT CAST(SLEEP(600) AS CHAR(3)) FROM DUAL WHERE SLEEP(600) = 0",
                "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT CAST(SLEEP%'",
                &["KILL QUERY ", "KILL "],
            ),
        };
        for kill in kills {
            let (sleep, quick) = (statement(&opened, sleep), statement(&opened, "SELECT CAST(1 AS CHAR(1))"));
            let killing = async {
                let deadline = Instant::now() + Duration::from_secs(10);
                loop {
                    let found = database.lines(find);
                    // A killed reading statement may be repeated once, over another connection.
                    if let Some(id) = found.first() {
                        let end = if engine == Engine::Postgres { ")" } else { "" };
                        _ = database.try_sql(&format!("{kill}{id}{end}"));
                    }
                    assert!(Instant::now() < deadline, "{engine:?}: nothing to kill");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            let outcome = tokio::select! {
                outcome = opened.execute(&sleep, &[]) => outcome,
                () = killing => unreachable!("it goes on for ever"),
            };
            // MariaDB's SLEEP returns early when its statement is killed.
            assert!(matches!(outcome, Err(Error::Unavailable(_)) | Ok(_)), "{engine:?} {kill}: {outcome:?}");
            opened.rows(&quick, &[]).await.unwrap_or_else(|error| panic!("{engine:?} {kill}: {}", error.chain()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_mode_is_an_outage_that_ends_with_the_mode() {
    for engine in ENGINES.servers() {
        let server = Arc::new(Mutex::new(SqlServer::start(engine)));
        let database = TestDatabase::create_on(&server);
        create_user(&database, "guest");
        let sidecar = Sidecar::with(&environment(&database, &as_user("guest"))).await;
        let mut traffic = Traffic::to(&sidecar);
        traffic.recover().await;
        let name = database.name();
        let modes = match engine {
            Engine::Postgres => vec![(
                format!("ALTER DATABASE {name} SET default_transaction_read_only = on"),
                format!("BEGIN READ WRITE; ALTER DATABASE {name} RESET default_transaction_read_only; COMMIT"),
            )],
            Engine::MariaDb | Engine::Sqlite => vec![
                ("SET GLOBAL read_only = 1".to_owned(), "SET GLOBAL read_only = 0".to_owned()),
                // New sessions are read-only, and stay so when the mode has ended.
                ("SET GLOBAL tx_read_only = 1".to_owned(), "SET GLOBAL tx_read_only = 0".to_owned()),
            ],
        };
        for (begin, end) in modes {
            traffic.context.clone_from(&begin);
            database.sql(&begin);
            end_sessions(&database, "guest");
            traffic.fail().await;
            database.sql(&end);
            traffic.recover().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn locked_tables_are_an_outage_that_ends_with_the_lock() {
    for engine in ENGINES.servers() {
        let database = TestDatabase::create(engine);
        let sidecar = Sidecar::with(&environment(&database, &[])).await;
        let mut traffic = Traffic::to(&sidecar);
        traffic.recover().await;
        // As ALTER TABLE does while it copies a table.
        let lock = match engine {
            Engine::Postgres => "BEGIN; LOCK TABLE cache, clients IN ACCESS EXCLUSIVE MODE",
            Engine::MariaDb | Engine::Sqlite => "LOCK TABLES cache WRITE, clients WRITE",
        };
        let held = database.hold_with(lock);
        traffic.fail().await;
        drop(held);
        traffic.recover().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn altered_column_is_no_outage_for_prepared_statements() {
    for engine in ENGINES.servers() {
        let database = TestDatabase::create(engine);
        let sidecar = Sidecar::with(&environment(&database, PATIENT)).await;
        let mut traffic = Traffic::to(&sidecar);
        for change in ["varchar(99)", "text", "varchar(200)"] {
            // Concurrent requests prepare the statements on several connections.
            for _ in 0..4 {
                assert_eq!(traffic.send().await, [200, 201, 200], "{engine:?} {change}");
            }
            match engine {
                Engine::Postgres => database.sql(&format!(
                    "ALTER TABLE sidecar_presence_users ALTER COLUMN status TYPE {change}; \
                     ALTER TABLE clients ALTER COLUMN name TYPE {change}"
                )),
                Engine::MariaDb | Engine::Sqlite => {
                    database.sql(&format!("ALTER TABLE clients MODIFY name {change} DEFAULT NULL"))
                }
            };
        }
        for _ in 0..4 {
            assert_eq!(traffic.send().await, [200, 201, 200], "{engine:?}");
        }
        traffic.recover().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_sessions_that_the_server_closed_are_replaced() {
    for engine in ENGINES.servers() {
        let server = Arc::new(Mutex::new(SqlServer::start(engine)));
        let database = TestDatabase::create_on(&server);
        let limit = match engine {
            Engine::Postgres => format!("ALTER DATABASE {} SET idle_session_timeout = '1s'", database.name()),
            Engine::MariaDb | Engine::Sqlite => "SET GLOBAL wait_timeout = 1".to_owned(),
        };
        if database.try_sql(&limit).is_err() {
            // Postgres has the setting since version 14.
            continue;
        }
        let sidecar = Sidecar::with(&environment(&database, PATIENT)).await;
        let mut traffic = Traffic::to(&sidecar);
        traffic.recover().await;
        let sessions = match engine {
            Engine::Postgres => "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'presence-sidecar'",
            Engine::MariaDb | Engine::Sqlite => {
                "SELECT COUNT(*) FROM information_schema.processlist WHERE command = 'Sleep'"
            }
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        // The client's own session may be closed as well.
        while !database.try_sql(sessions).is_ok_and(|count| count.trim() == "0") && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(traffic.send().await, [200, 201, 200], "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn value_that_the_database_cannot_store_is_refused() {
    require!("mariadbd");
    let database = TestDatabase::create(Engine::MariaDb);
    let sidecar = Sidecar::with(&environment(&database, &[])).await;
    Traffic::to(&sidecar).recover().await;
    database.sql("ALTER TABLE clients MODIFY name varchar(9) CHARACTER SET latin1 DEFAULT NULL");
    let register = async |name: &str| {
        let body = serde_json::json!({"fingerprint": name, "name": name});
        sidecar.client.post("/api/v1/clients/register", body).await.status
    };
    assert_eq!((register("😀").await, register("much too long").await, register("short").await), (422, 422, 201));
}
