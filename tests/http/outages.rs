//! A Redis or a database that is down, frozen, or back.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{
    Engine, FaultProxy, Process, RedisServer, Sidecar, SqlServer, TestDatabase, on_database, on_redis,
};

/// A 503 in Laravel's JSON, within a second, on every call that needs the store.
async fn assert_unavailable(sidecar: &Sidecar) {
    assert_unavailable_within(sidecar, Duration::from_secs(1)).await;
}

async fn assert_unavailable_within(sidecar: &Sidecar, patience: Duration) {
    let started = Instant::now();
    let client = &sidecar.client;
    let answers = tokio::join!(
        client.heartbeat(1),
        client.get("/api/v1/presence/status/1"),
        client.post("/api/v1/presence/many", json!({"user_ids": [1]})),
        client.get("/api/v1/presence/counts"),
        client.get("/ready"),
    );
    let took = started.elapsed();
    for answer in [answers.0, answers.1, answers.2, answers.3, answers.4] {
        assert_eq!((answer.status, &answer.json), (503, &json!({"message": "Service Unavailable"})), "{}", answer.text);
    }
    assert!(took < patience, "it took {took:?}");
    assert_eq!(client.get("/up").await.status, 200);
}

async fn assert_recovers(sidecar: &Sidecar) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while sidecar.client.get("/ready").await.status != 200 {
        assert!(Instant::now() < deadline, "it did not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(sidecar.client.heartbeat(1).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_down_is_a_503_until_it_is_back() {
    let mut redis = RedisServer::start();
    let sidecar = Sidecar::on(&redis).await;
    assert_eq!(sidecar.client.heartbeat(1).await.status, 200);
    for _ in 0..2 {
        redis.stop();
        assert_unavailable(&sidecar).await;
        redis.run();
        assert_recovers(&sidecar).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_down_is_a_503_until_it_is_back() {
    for engine in [Engine::MariaDb, Engine::Postgres] {
        let server = Arc::new(Mutex::new(SqlServer::start(engine)));
        let database = TestDatabase::create_on(&server);
        let mut environment = on_database(&database);
        environment.push(("PRESENCE__DATABASE__TIMEOUT_MS", "300".to_owned()));
        let sidecar = Sidecar::with(&environment).await;
        assert_eq!(sidecar.client.heartbeat(1).await.status, 200, "{engine:?}");
        server.lock().unwrap().stop();
        assert_unavailable_within(&sidecar, Duration::from_secs(5)).await;
        server.lock().unwrap().run();
        assert_recovers(&sidecar).await;
        assert_eq!(sidecar.client.changes().await.len(), 1, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_starts_before_its_database_and_makes_the_tables_when_it_is_there() {
    let server = Arc::new(Mutex::new(SqlServer::start(Engine::Postgres)));
    let database = TestDatabase::create_on(&server);
    server.lock().unwrap().stop();
    let mut environment = on_database(&database);
    environment.push(("PRESENCE__DATABASE__TIMEOUT_MS", "300".to_owned()));
    let sidecar = Sidecar::with(&environment).await;
    assert_unavailable_within(&sidecar, Duration::from_secs(5)).await;
    server.lock().unwrap().run();
    let deadline = Instant::now() + Duration::from_secs(10);
    while sidecar.client.heartbeat(1).await.status != 200 {
        assert!(Instant::now() < deadline, "it did not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_somebody_drops_are_made_again_but_those_that_the_app_may_make() {
    for engine in [Engine::Sqlite, Engine::MariaDb, Engine::Postgres] {
        let database = TestDatabase::create(engine);
        let sidecar = Sidecar::with(&on_database(&database)).await;
        assert_eq!(sidecar.client.heartbeat(1).await.status, 200, "{engine:?}");
        for table in ["log", "users", "counts", "changes"] {
            database.sql(&format!("DROP TABLE sidecar_presence_{table}"));
        }
        assert_recovers(&sidecar).await;
        // What the app has migrations for is left to them at first.
        database.sql("DROP TABLE cache");
        assert_eq!(sidecar.client.heartbeat(1).await.status, 503);
        assert_eq!(sidecar.client.get("/ready").await.status, 503);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_whose_tables_are_missing_is_not_ready() {
    let database = TestDatabase::create(Engine::Sqlite);
    let mut environment = on_database(&database);
    environment.push(("PRESENCE__DATABASE__AUTO_MIGRATE", "false".to_owned()));
    let sidecar = Sidecar::with(&environment).await;
    assert_unavailable(&sidecar).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_that_somebody_else_writes_to_for_long_is_a_503_for_those_who_write() {
    let database = TestDatabase::create(Engine::Sqlite);
    let mut environment = on_database(&database);
    environment.push(("PRESENCE__DATABASE__TIMEOUT_MS", "100".to_owned()));
    let sidecar = Sidecar::with(&environment).await;
    assert_eq!(sidecar.client.heartbeat(1).await.status, 200);
    let writer = database.hold();
    assert_eq!(sidecar.client.heartbeat(2).await.status, 503);
    assert_eq!(sidecar.client.get("/api/v1/presence/status/1").await.json["status"], "online");
    drop(writer);
    assert_recovers(&sidecar).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_takes_no_changes_is_not_ready() {
    let redis = RedisServer::start();
    let sidecar = Sidecar::on(&redis).await;
    let states = async || (sidecar.client.heartbeat(2).await.status, sidecar.client.get("/ready").await.status);
    for (no_more, again) in [
        (["CONFIG", "SET", "maxmemory", "1mb"].as_slice(), ["CONFIG", "SET", "maxmemory", "0"].as_slice()),
        (&["REPLICAOF", "127.0.0.1", "1"], &["REPLICAOF", "NO", "ONE"]),
    ] {
        assert_eq!(states().await, (200, 200));
        redis.cli(no_more);
        assert_eq!(states().await, (503, 503), "{no_more:?}");
        redis.cli(again);
        assert_recovers(&sidecar).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_was_demoted_is_left_for_the_one_that_its_name_leads_to_then() {
    let (redis, promoted) = (RedisServer::start(), RedisServer::start());
    let proxy = FaultProxy::before(redis.port()).await;
    let environment = [("PRESENCE_CACHE_STORE", "redis".to_owned()), ("REDIS_PORT", proxy.port.to_string())];
    let sidecar = Sidecar::with(&environment).await;
    assert_eq!(sidecar.client.heartbeat(1).await.status, 200);
    redis.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    proxy.lead_to(promoted.port());
    assert_eq!(sidecar.client.heartbeat(2).await.status, 200);
    assert_recovers(&sidecar).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_is_a_503_until_it_goes_on() {
    let redis = RedisServer::start();
    let sidecar = Sidecar::on(&redis).await;
    assert_eq!(sidecar.client.heartbeat(1).await.status, 200);
    redis.signal("STOP");
    assert_unavailable(&sidecar).await;
    redis.signal("CONT");
    assert_recovers(&sidecar).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_starts_before_its_redis() {
    let mut redis = RedisServer::start();
    redis.stop();
    let sidecar = Sidecar::on(&redis).await;
    assert_unavailable(&sidecar).await;
    redis.run();
    assert_recovers(&sidecar).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_reaches_redis_by_unix_socket_and_with_a_password() {
    let redis = RedisServer::start_with(&["--requirepass", "pa$$ word|"]);
    let environment = [
        ("PRESENCE_CACHE_STORE", "redis".to_owned()),
        ("REDIS_HOST", redis.socket().display().to_string()),
        ("REDIS_PASSWORD", "pa$$ word|".to_owned()),
    ];
    let sidecar = Sidecar::with(&environment).await;
    assert_eq!(sidecar.client.heartbeat(1).await.status, 200);
    let wrong = Sidecar::with(&[on_redis(&redis), vec![("REDIS_PASSWORD", "wrong".to_owned())]].concat()).await;
    assert_eq!(wrong.client.heartbeat(1).await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_reaches_redis_by_tls_and_trusts_what_the_system_trusts() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (key, certificate) = (file("key.pem"), file("certificate.pem"));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", &key, "-out", &certificate])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let port = crate::support::free_port().to_string();
    let tls =
        ["--tls-port", &port, "--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-auth-clients", "no"];
    let _redis = RedisServer::start_with(&tls);
    let environment = [
        ("PRESENCE_CACHE_STORE", "redis".to_owned()),
        ("REDIS_URL", format!("rediss://127.0.0.1:{port}")),
        ("SSL_CERT_FILE", certificate),
    ];
    let trusting = Process::start(&environment);
    let answer = trusting.client.heartbeat(1).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let wary = Process::start(&environment[..2]);
    assert_eq!(wary.client.heartbeat(1).await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_laravel_cache_takes_no_history_along() {
    let redis = RedisServer::start();
    let sidecar = Sidecar::on(&redis).await;
    sidecar.client.heartbeat(1).await;
    redis.cli(&["-n", "1", "FLUSHDB"]);
    assert_eq!(sidecar.client.get("/api/v1/presence/status/1").await.json["status"], "offline");
    assert_eq!(sidecar.client.changes().await.len(), 1);
    assert_eq!(sidecar.client.heartbeat(1).await.json["status"], "online");
    assert_eq!(sidecar.client.get("/api/v1/presence/status/1").await.json["status"], "online");
}

/// The answer to a commit gets lost with the connection: it counts once, and its caller is told what came of it.
async fn assert_counts_once(mut environment: Vec<(&'static str, String)>, port: (&'static str, u16), commit: &str) {
    let proxy = FaultProxy::before(port.1).await;
    environment.push((port.0, proxy.port.to_string()));
    environment.push(("PRESENCE__PRESENCE__SWEEP_INTERVAL_MS", "60000".to_owned()));
    let sidecar = Sidecar::with(&environment).await;
    assert_eq!(sidecar.client.heartbeat(9).await.status, 200);
    for (user, path, transition) in
        [(1, "online", json!("came_online")), (1, "online", json!(null)), (2, "offline", json!(null))]
    {
        proxy.lose_answer_to(commit);
        let answer = sidecar.client.post(&format!("/api/v1/presence/{path}"), json!({"user_id": user})).await;
        assert!(proxy.has_lost(), "the answer of {path} was not lost");
        assert_eq!((answer.status, &answer.json["transition"]), (200, &transition), "{path}: {}", answer.text);
    }
    let changes: Vec<_> = sidecar.client.changes().await.iter().map(|change| change["event"].clone()).collect();
    assert_eq!(changes, ["online", "online", "online", "offline"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_counts_once() {
    let redis = RedisServer::start();
    assert_counts_once(on_redis(&redis), ("REDIS_PORT", redis.port()), "EVALSHA").await;
    for engine in [Engine::MariaDb, Engine::Postgres] {
        let database = TestDatabase::create(engine);
        let environment = on_database(&database);
        let port = environment.iter().find(|(name, _)| *name == "DB_PORT").unwrap().1.parse().unwrap();
        assert_counts_once(environment, ("DB_PORT", port), "COMMIT").await;
    }
}
