//! Redis is busy, loads its data, or cannot write to its disk: 503, and heartbeats again within 10 s after it ended.

use std::time::{Duration, Instant};

use crate::support::{RedisServer, Sidecar, SmallDisk, on_redis};

async fn assert_recovers(sidecar: &Sidecar) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while sidecar.client.heartbeat(1).await.status != 200 {
        assert!(Instant::now() < deadline, "it did not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(sidecar.client.get("/ready").await.status, 200);
}

/// Waits until a heartbeat fails, which must be a 503; the reason is one that `/ready` gives to an application.
async fn assert_unavailable(sidecar: &Sidecar, reason: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let status = sidecar.client.heartbeat(2).await.status;
        if status == 503 {
            break;
        }
        assert_eq!(status, 200);
        assert!(Instant::now() < deadline, "heartbeats go on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ready = sidecar.client.get("/ready").await;
    assert_eq!((ready.status, ready.json["store"].as_str()), (503, Some("redis")), "{}", ready.text);
    assert!(ready.json["reason"].as_str().unwrap().contains(reason), "{}", ready.text);
    assert!(ready.json["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{}", ready.text);
    let unknown = sidecar.client.with_token("").get("/ready").await;
    assert_eq!((unknown.status, unknown.text.as_str()), (503, r#"{"message":"Service Unavailable"}"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_recover_after_a_script_of_another_client() {
    require!("redis-server");
    let redis = RedisServer::start_with(&["--lua-time-limit", "50"]);
    let sidecar = Sidecar::on(&redis).await;
    assert_recovers(&sidecar).await;
    let mut connection = redis.connect(0);
    let script = std::thread::spawn(move || {
        let _: Result<(), _> = redis::cmd("EVAL").arg("while true do end").arg(0).query(&mut connection);
    });
    assert_unavailable(&sidecar, "SCRIPT KILL").await;
    redis.cli(&["SCRIPT", "KILL"]);
    script.join().unwrap();
    assert_recovers(&sidecar).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_recover_after_redis_could_not_save() {
    require!("redis-server");
    let redis = RedisServer::start();
    let sidecar = Sidecar::on(&redis).await;
    assert_recovers(&sidecar).await;
    redis.cli(&["CONFIG", "SET", "save", "3600 1"]);
    redis.cli(&["CONFIG", "SET", "dbfilename", "dump.rdb"]);
    // A folder cannot be replaced by the file.
    std::fs::create_dir(redis.folder().join("dump.rdb")).unwrap();
    std::fs::write(redis.folder().join("dump.rdb/file"), "").unwrap();
    redis.cli(&["BGSAVE"]);
    assert_unavailable(&sidecar, "MISCONF").await;
    std::fs::remove_dir_all(redis.folder().join("dump.rdb")).unwrap();
    redis.cli(&["BGSAVE"]);
    assert_recovers(&sidecar).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_recover_after_the_disk_of_the_append_only_file_was_full() {
    require!("redis-server");
    let Some(disk) = SmallDisk::mount(1) else { return };
    let folder = disk.path().display().to_string();
    let redis = RedisServer::start_with(&["--appendonly", "yes", "--dir", &folder]);
    let sidecar = Sidecar::on(&redis).await;
    assert_recovers(&sidecar).await;
    disk.fill();
    assert_unavailable(&sidecar, "MISCONF").await;
    disk.free();
    assert_recovers(&sidecar).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_recover_after_redis_has_loaded_its_data() {
    require!("redis-server");
    let mut redis =
        RedisServer::start_with(&["--key-load-delay", "400", "--loading-process-events-interval-bytes", "1024"]);
    let sidecar = Sidecar::with(&on_redis(&redis)).await;
    assert_recovers(&sidecar).await;
    redis.cli(&["EVAL", "for i = 1, 4000 do redis.call('SET', 'k' .. i, string.rep('x', 200)) end", "0"]);
    redis.cli(&["SAVE"]);
    redis.stop();
    let loading = std::thread::spawn(move || {
        redis.run();
        redis
    });
    assert_unavailable(&sidecar, "").await;
    let mut seen = false;
    while !loading.is_finished() {
        let reason = sidecar.client.get("/ready").await.json["reason"].as_str().unwrap_or_default().to_owned();
        seen |= reason.contains("loads its data");
    }
    assert!(seen, "Redis was never seen loading");
    let _redis = loading.join().unwrap();
    assert_recovers(&sidecar).await;
}
