//! Outages of Redis and of the database, and recovery.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{
    ENGINES, Engine, FaultProxy, Process, RedisServer, Sidecar, SqlServer, TestDatabase, on_database, on_redis,
};

/// A 503 in Laravel's JSON, within a second, on every call that needs the store.
async fn assert_unavailable(sidecar: &Sidecar) {
    assert_unavailable_within(sidecar, Duration::from_secs(1)).await;
}

async fn assert_unavailable_within(sidecar: &Sidecar, patience: Duration) {
    let started = Instant::now();
    let (client, unknown) = (&sidecar.client, sidecar.client.with_token(""));
    let answers = tokio::join!(
        client.heartbeat(1),
        client.get("/api/v1/presence/status/1"),
        client.post("/api/v1/presence/many", json!({"user_ids": [1]})),
        client.get("/api/v1/presence/counts"),
        unknown.get("/ready"),
    );
    let took = started.elapsed();
    for response in [answers.0, answers.1, answers.2, answers.3, answers.4] {
        assert_eq!(
            (response.status, &response.json),
            (503, &json!({"message": "Service Unavailable"})),
            "{}",
            response.text
        );
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
async fn requests_return_503_while_redis_is_down() {
    require!("redis-server");
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
async fn requests_return_503_while_the_database_is_down() {
    for engine in ENGINES.servers() {
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
async fn sidecar_started_before_its_database_creates_the_tables_later() {
    require!("postgres");
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
async fn dropped_tables_are_created_again_except_laravels() {
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        let sidecar = Sidecar::with(&on_database(&database)).await;
        assert_eq!(sidecar.client.heartbeat(1).await.status, 200, "{engine:?}");
        for table in ["log", "users", "counts", "changes"] {
            database.sql(&format!("DROP TABLE sidecar_presence_{table}"));
        }
        // A success of `/ready` is kept for a second, unless a statement fails.
        sidecar.client.heartbeat(1).await;
        assert_recovers(&sidecar).await;
        // Laravel's own tables are left to the app's migrations at first.
        database.sql("DROP TABLE cache");
        assert_eq!(sidecar.client.heartbeat(1).await.status, 503);
        assert_eq!(sidecar.client.get("/ready").await.status, 503);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_returns_503_while_tables_are_missing() {
    let database = TestDatabase::create(Engine::Sqlite);
    let mut environment = on_database(&database);
    environment.push(("PRESENCE__DATABASE__AUTO_MIGRATE", "false".to_owned()));
    let sidecar = Sidecar::with(&environment).await;
    assert_unavailable(&sidecar).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_return_503_while_another_process_locks_the_sqlite_file() {
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
async fn ready_returns_503_while_redis_refuses_writes() {
    require!("redis-server");
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
async fn sidecar_reconnects_after_redis_was_demoted() {
    require!("redis-server");
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
async fn requests_return_503_while_redis_hangs() {
    require!("redis-server");
    let redis = RedisServer::start();
    let sidecar = Sidecar::on(&redis).await;
    assert_eq!(sidecar.client.heartbeat(1).await.status, 200);
    redis.signal("STOP");
    assert_unavailable(&sidecar).await;
    redis.signal("CONT");
    assert_recovers(&sidecar).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecar_starts_before_its_redis() {
    require!("redis-server");
    let mut redis = RedisServer::start();
    redis.stop();
    let sidecar = Sidecar::on(&redis).await;
    assert_unavailable(&sidecar).await;
    redis.run();
    assert_recovers(&sidecar).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecar_connects_to_redis_by_unix_socket_with_password() {
    require!("redis-server");
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
async fn sidecar_connects_to_redis_by_tls_with_the_systems_certificates() {
    require!("openssl", "redis-server");
    let folder = tempfile::TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (key, certificate) = (file("key.pem"), file("certificate.pem"));
    let made = crate::support::command("openssl")
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
    let response = trusting.client.heartbeat(1).await;
    assert_eq!(response.status, 200, "{}", response.text);
    let wary = Process::start(&environment[..2]);
    assert_eq!(wary.client.heartbeat(1).await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn flushed_laravel_cache_keeps_state_and_change_log() {
    require!("redis-server");
    let redis = RedisServer::start();
    let sidecar = Sidecar::on(&redis).await;
    sidecar.client.heartbeat(1).await;
    redis.cli(&["-n", "1", "FLUSHDB"]);
    assert_eq!(sidecar.client.get("/api/v1/presence/status/1").await.json["status"], "offline");
    assert_eq!(sidecar.client.changes().await.len(), 1);
    assert_eq!(sidecar.client.heartbeat(1).await.json["status"], "online");
    assert_eq!(sidecar.client.get("/api/v1/presence/status/1").await.json["status"], "online");
}

/// The reply to a commit is lost with the connection: the commit is applied once, and its caller gets the result.
async fn assert_commits_once(mut environment: Vec<(&'static str, String)>, port: (&'static str, u16), commit: &str) {
    let proxy = FaultProxy::before(port.1).await;
    environment.push((port.0, proxy.port.to_string()));
    environment.push(("PRESENCE__PRESENCE__SWEEP_INTERVAL_MS", "60000".to_owned()));
    let sidecar = Sidecar::with(&environment).await;
    assert_eq!(sidecar.client.heartbeat(9).await.status, 200);
    for (user, path, transition) in
        [(1, "online", json!("came_online")), (1, "online", json!(null)), (2, "offline", json!(null))]
    {
        proxy.lose_answer_to(commit);
        let response = sidecar.client.post(&format!("/api/v1/presence/{path}"), json!({"user_id": user})).await;
        assert!(proxy.has_lost(), "the response of {path} was not lost");
        assert_eq!((response.status, &response.json["transition"]), (200, &transition), "{path}: {}", response.text);
    }
    let changes: Vec<_> = sidecar.client.changes().await.iter().map(|change| change["event"].clone()).collect();
    assert_eq!(changes, ["online", "online", "online", "offline"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_with_a_lost_reply_is_applied_once() {
    require!("redis-server");
    let redis = RedisServer::start();
    assert_commits_once(on_redis(&redis), ("REDIS_PORT", redis.port()), "EVALSHA").await;
    for engine in ENGINES.servers() {
        let database = TestDatabase::create(engine);
        let mut environment = on_database(&database);
        let port = environment.iter().find(|(name, _)| *name == "DB_PORT").unwrap().1.parse().unwrap();
        // MariaDB 11.4 and newer have a certificate by default, and the proxy must read what is sent.
        environment.push(("DB_SSLMODE", "disable".to_owned()));
        assert_commits_once(environment, ("DB_PORT", port), "COMMIT").await;
    }
}
