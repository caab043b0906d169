//! A user who lacks privileges: the least `GRANT` is printed, and `/ready` does what a heartbeat does.

use std::process::Command;

use presence_sidecar::app;
use serde_json::json;

use super::{as_user, environment};
use crate::storage::{config, open_all};
use crate::support::{ENGINES, Engine, Process, Sidecar, TestDatabase};

/// The quoted names of a table and of a user.
fn names(engine: Engine, database: &TestDatabase, table: &str) -> [String; 2] {
    match engine {
        Engine::Postgres => [format!("\"{table}\""), user(database)],
        Engine::MariaDb | Engine::Sqlite => {
            [format!("`{}`.`{table}`", database.name()), format!("'{}'@'127.0.0.1'", user(database))]
        }
    }
}

/// A user of the test's own: users belong to the server, which tests share.
fn user(database: &TestDatabase) -> String {
    format!("u{}", &database.name()[..12])
}

/// Creates the user, who may read and write all tables that exist.
fn create_reader_and_writer(database: &TestDatabase) {
    let (user, name) = (user(database), database.name());
    database.sql(&match database.engine {
        Engine::Postgres => format!(
            "CREATE ROLE {user} LOGIN; GRANT USAGE ON SCHEMA public TO {user}; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}; \
             GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {user}"
        ),
        Engine::MariaDb | Engine::Sqlite => {
            let tables =
                database.lines("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()");
            let grant = |table: &String| {
                format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.{table} TO '{user}'@'127.0.0.1'; ")
            };
            format!("CREATE USER '{user}'@'127.0.0.1'; ") + &tables.iter().map(grant).collect::<String>()
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn least_grant_is_named_for_each_missing_privilege() {
    for engine in ENGINES.servers() {
        let database = TestDatabase::create(engine);
        let all = [("PRESENCE_CACHE_STORE", "database")];
        let (root, schema) = open_all(&database, &[]);
        root.migrate(&schema).await.unwrap();
        create_reader_and_writer(&database);
        let user = user(&database);
        let config = config(&database, &[all.as_slice(), &[("DB_USERNAME", &user)]].concat());
        let opened = presence_sidecar::storage::sql::Database::open(&config.database);
        let statements = app::statements(&config, opened.engine());
        let missing = async || opened.missing_grants(&statements, &schema).await.unwrap();
        assert_eq!(missing().await, Vec::<String>::new(), "{engine:?}");

        for (privilege, table) in [("INSERT", "cache"), ("UPDATE", "clients"), ("DELETE", "sidecar_queue_jobs")] {
            let [table, user] = names(engine, &database, table);
            database.sql(&format!("REVOKE {privilege} ON {table} FROM {user}"));
            assert_eq!(missing().await, [format!("GRANT {privilege} ON {table} TO {user}")], "{engine:?}");
            database.sql(&format!("GRANT {privilege} ON {table} TO {user}"));
        }
        let [table, quoted] = names(engine, &database, "sidecar_presence_counts");
        database.sql(&format!("DROP TABLE {table}"));
        let grants = missing().await;
        match engine {
            Engine::Postgres => assert_eq!(grants, [format!("GRANT CREATE ON SCHEMA public TO {quoted}")]),
            Engine::MariaDb | Engine::Sqlite => {
                assert!(grants.len() == 1 && grants[0].contains("CREATE") && grants[0].contains(&table), "{grants:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn start_and_doctor_name_the_missing_grant() {
    require!("mariadbd");
    let database = TestDatabase::create(Engine::MariaDb);
    let (root, schema) = open_all(&database, &[]);
    root.migrate(&schema).await.unwrap();
    create_reader_and_writer(&database);
    let [table, quoted] = names(Engine::MariaDb, &database, "sidecar_presence_changes");
    database.sql(&format!("REVOKE INSERT ON {table} FROM {quoted}"));
    let grant = format!("GRANT INSERT ON {table} TO {quoted}");

    let mut environment = environment(&database, &[]);
    environment.retain(|(name, _)| *name != "DB_USERNAME");
    environment.push(("DB_USERNAME", user(&database)));
    let process = Process::start(&environment);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !process.log().contains(&grant) {
        assert!(std::time::Instant::now() < deadline, "{}", process.log());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(process.client.heartbeat(1).await.status, 503);
    assert_eq!(process.client.get("/ready").await.status, 503);
    database.sql(&grant);
    assert_eq!(process.client.get("/ready").await.status, 200);
    assert_eq!(process.client.heartbeat(1).await.status, 200);
    database.sql(&format!("REVOKE INSERT ON {table} FROM {quoted}"));

    let output = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"))
        .arg("doctor")
        .env_clear()
        .envs(environment)
        .env("PRESENCE_STORAGE", "/nonexistent/storage")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.contains(&grant) && output.contains("the user lacks a privilege"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_returns_503_while_a_heartbeat_cannot_be_stored() {
    require!("postgres");
    let database = TestDatabase::create(Engine::Postgres);
    let (root, schema) = open_all(&database, &[]);
    root.migrate(&schema).await.unwrap();
    create_reader_and_writer(&database);
    let user = user(&database);
    let user: &'static str = user.leak();
    let sidecar = Sidecar::with(&environment(&database, &as_user(user))).await;
    let states = async || (sidecar.client.heartbeat(1).await.status, sidecar.client.get("/ready").await.status);
    assert_eq!(states().await, (200, 200));
    for table in ["cache", "sidecar_presence_users", "sidecar_presence_counts", "sidecar_presence_changes"] {
        database.sql(&format!("REVOKE INSERT ON {table} FROM {user}"));
        let offline = sidecar.client.post("/api/v1/presence/offline", json!({"user_id": 1})).await.status;
        let online = sidecar.client.post("/api/v1/presence/online", json!({"user_id": 1})).await.status;
        assert!(offline == 503 || online == 503, "{table}: {offline} {online}");
        assert_eq!(sidecar.client.get("/ready").await.status, 503, "{table}");
        database.sql(&format!("GRANT INSERT ON {table} TO {user}"));
        assert_eq!(sidecar.client.get("/ready").await.status, 200, "{table}");
    }
}
