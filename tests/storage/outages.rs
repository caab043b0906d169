//! Servers that are down, frozen or back, and other failures that a retry may solve.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use presence_sidecar::storage::sql::{Database, Error, Statement, Statements};

use super::{config, open};
use crate::support::{ENGINES, Engine, SqlServer, TestDatabase};

#[tokio::test]
async fn read_only_file_is_answered_with_what_to_do_about_a_file() {
    let folder = tempfile::TempDir::new().unwrap();
    let url = |mode: &str| format!("sqlite://{}/sidecar.sqlite?mode={mode}", folder.path().display());
    let open = async |mode: &str| sqlx::SqlitePool::connect(&url(mode)).await.unwrap();
    let create = "CREATE TABLE some (id INTEGER)";
    sqlx::query(create).execute(&open("rwc").await).await.unwrap();
    let refused = sqlx::query("INSERT INTO some VALUES (1)").execute(&open("ro").await).await.unwrap_err();
    let text = Error::from(refused).chain();
    assert!(text.contains("the file, its folder or its disk is read-only") && !text.contains("replica"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn database_recovers_after_its_server_was_down_or_frozen() {
    for engine in ENGINES.servers() {
        let server = Arc::new(Mutex::new(SqlServer::start(engine)));
        let config = {
            let database = TestDatabase::create_on(&server);
            config(&database, &[("PRESENCE__DATABASE__TIMEOUT_MS", "300")])
        };
        let (database, schema) = open(&config);
        database.migrate(&schema).await.unwrap();
        let one = Statements::read(database.engine(), "-- name: one\nSELECT CAST(? AS CHAR(3))\n", &[]).get("one");
        let read = async || database.rows(&one, &["abc".into()]).await.map(|rows| rows[0].text_or_null(0).unwrap());
        assert_eq!(read().await.unwrap().as_deref(), Some("abc"));

        server.lock().unwrap().stop();
        let started = Instant::now();
        assert!(matches!(read().await, Err(Error::Unavailable(_))));
        assert!(started.elapsed() < Duration::from_secs(2));
        server.lock().unwrap().run();
        assert_eq!(read().await.unwrap().as_deref(), Some("abc"), "{engine:?}");

        if engine == Engine::Postgres {
            continue;
        }
        server.lock().unwrap().signal("STOP");
        let deadline = Instant::now() + Duration::from_secs(10);
        // A signal takes time to reach every thread.
        while read().await.is_ok() {
            assert!(Instant::now() < deadline, "the server did not freeze");
        }
        server.lock().unwrap().signal("CONT");
        while read().await.is_err() {
            assert!(Instant::now() < deadline, "the database did not recover");
        }
    }
}

/// A statement of the test's own.
fn statement(database: &Database, text: &str) -> Statement {
    Statements::read(database.engine(), &format!("-- name: it\n{text}\n"), &[]).get("it")
}

#[tokio::test(flavor = "multi_thread")]
async fn lock_wait_times_out_and_frees_its_connection_for_readers() {
    for engine in ENGINES.servers() {
        let database = TestDatabase::create(engine);
        database.sql("CREATE TABLE things (id int PRIMARY KEY, name varchar(9))");
        database.sql("INSERT INTO things VALUES (1, 'one')");
        let limits = [("PRESENCE__DATABASE__MAX_CONNECTIONS", "2"), ("PRESENCE__DATABASE__TIMEOUT_MS", "1000")];
        let (opened, _) = open(&config(&database, &limits));
        let _held = database.hold_with("BEGIN; UPDATE things SET name = 'held' WHERE id = 1");
        let write = statement(&opened, "UPDATE things SET name = 'new' WHERE id = 1");
        let read = statement(&opened, "SELECT name FROM things");
        let started = Instant::now();
        for _ in 0..2 {
            let outcomes = tokio::join!(opened.execute(&write, &[]), opened.execute(&write, &[]));
            assert!(matches!(outcomes, (Err(Error::Unavailable(_)), Err(Error::Unavailable(_)))), "{outcomes:?}");
            let found = opened.rows(&read, &[]).await.unwrap_or_else(|error| panic!("{engine:?}: {}", error.chain()));
            assert_eq!(found[0].text(0).unwrap(), "one");
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{engine:?}: the statements were retried");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statement_over_its_time_limit_ends_on_the_server_too() {
    for engine in ENGINES.servers() {
        let sleep = match engine {
            Engine::Postgres => "SELECT CAST(pg_sleep(600) AS text)",
            Engine::MariaDb | Engine::Sqlite => "SELECT SLEEP(600)",
        };
        let database = TestDatabase::create(engine);
        let limits = [("PRESENCE__DATABASE__MAX_CONNECTIONS", "1"), ("PRESENCE__DATABASE__TIMEOUT_MS", "500")];
        let (opened, _) = open(&config(&database, &limits));
        let (slow, quick) = (statement(&opened, sleep), statement(&opened, "SELECT CAST(1 AS CHAR(1))"));
        _ = opened.rows(&slow, &[]).await;
        opened.rows(&quick, &[]).await.unwrap_or_else(|error| panic!("{engine:?}: {}", error.chain()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_to_a_server_that_became_read_only_is_replaced() {
    require!("postgres");
    let database = TestDatabase::create(Engine::Postgres);
    let name = database.sql("SELECT current_database()");
    let name = name.trim();
    database.sql("CREATE TABLE things (id int)");
    database.sql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let (opened, _) = open(&config(&database, &[]));
    let write = statement(&opened, "INSERT INTO things VALUES (1)");
    let refused = opened.execute(&write, &[]).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    // The existing connection stays read-only; a new one is writable.
    database.sql(&format!("BEGIN READ WRITE; ALTER DATABASE {name} RESET default_transaction_read_only; COMMIT"));
    assert_eq!(opened.execute(&write, &[]).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn temporary_errors_of_a_server_differ_from_rejections() {
    // MariaDB's number and SQLSTATE, Postgres' SQLSTATE.
    let mariadb = [
        ("1290 HY000, 1836 HY000, 1205 HY000, 1317 70100, 1927 70100, 1969 70100, 1203 42000, 1226 42000", true),
        ("1021 HY000, 1114 HY000, 1040 08004, 1049 42000, 1792 25006, 1292 22007, 1142 42000", true),
        ("1064 42000, 1366 22007", false),
    ];
    let postgres = [
        ("25006, 55P03, 57014, 53100, 53300, 58030, 25P02, 25P03, 57P05, 22007, 42501", true),
        ("42601, 22021", false),
    ];
    for engine in ENGINES.servers() {
        let cases = if engine == Engine::MariaDb { mariadb.as_slice() } else { postgres.as_slice() };
        let database = TestDatabase::create(engine);
        let (opened, _) = open(&config(&database, &[]));
        for (codes, is_temporary) in cases {
            for code in codes.split(", ") {
                let text = match code.split_once(' ') {
                    // In a procedure, since MySQL prepares no SIGNAL.
                    Some((number, state)) => {
                        database.sql(&format!(
                            "CREATE PROCEDURE raise_{number}() \
                             SIGNAL SQLSTATE '{state}' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'on purpose'"
                        ));
                        format!("CALL raise_{number}()")
                    }
                    None => format!("DO 'BEGIN RAISE ''on purpose'' USING ERRCODE = ''{code}''; END'"),
                };
                let error = opened.execute(&statement(&opened, &text), &[]).await.unwrap_err();
                assert!(error.chain().contains("on purpose"), "{code}: {error:?}");
                let found = if *is_temporary {
                    matches!(error, Error::Unavailable(_))
                } else {
                    matches!(error, Error::Rejected(_))
                };
                assert!(found, "{engine:?} {code}: {error:?}");
            }
        }
    }
}

#[test]
fn file_that_cannot_grow_makes_the_database_unavailable() {
    let database = TestDatabase::create(Engine::Sqlite);
    let output = Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" migrate", env!("CARGO_BIN_EXE_presence-sidecar")])
        .env_clear()
        .envs(database.environment())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("the database is not available") && error.contains("disk I/O error"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn error_of_a_server_that_is_down_names_it_and_the_cause() {
    for (connection, engine) in [("mysql", "MySQL"), ("pgsql", "Postgres")] {
        let port = crate::support::free_port().to_string();
        let environment = [("DB_CONNECTION", connection), ("DB_PORT", port.as_str()), ("DB_DATABASE", "shop")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let sources = presence_sidecar::config::Sources { environment, ..Default::default() };
        let config = presence_sidecar::config::load(&sources).unwrap().config;
        let database = presence_sidecar::storage::sql::Database::open(&config.database);
        let error = database.has_table("users").await.unwrap_err().chain();
        assert!(error.contains(&format!("{engine} at 127.0.0.1:{port}, database shop")), "{error}");
        assert!(error.contains("Connection refused"), "{error}");
    }
}
