//! Sidecars that are killed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Engine, Process, RedisServer, TestDatabase, on_database, on_redis};

const USERS: i64 = 200;

/// Each user's log must read like one: every entry starts where the last one ended, `seq` strictly rising.
fn assert_consistent(changes: &[Value]) -> HashMap<i64, String> {
    let mut last: HashMap<i64, (u64, String)> = HashMap::new();
    for change in changes {
        let user = change["user_id"].as_i64().unwrap();
        let (seq, status) = (change["seq"].as_u64().unwrap(), change["status"].as_str().unwrap());
        let (before, previous) = last.get(&user).cloned().unwrap_or((0, "offline".to_owned()));
        assert!(seq > before, "user {user}: {change}");
        assert_eq!(change["previous"], previous.as_str(), "user {user}: {change}");
        assert_ne!(status, previous, "user {user}: {change}");
        last.insert(user, (seq, status.to_owned()));
    }
    last.into_iter().map(|(user, (_, status))| (user, status)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_sidecar_loses_no_transition_and_repeats_none() {
    require!("redis-server");
    let redis = RedisServer::start();
    assert_that_kills_do_no_harm(on_redis(&redis)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_sidecar_on_sqlite_loses_no_transition_and_repeats_none() {
    slow!();
    let database = TestDatabase::create(Engine::Sqlite);
    assert_that_kills_do_no_harm(on_database(&database)).await;
}

async fn assert_that_kills_do_no_harm(mut environment: Vec<(&'static str, String)>) {
    environment.extend([("PRESENCE_TTL", "3".to_owned()), ("PRESENCE_AWAY_AFTER", "1".to_owned())]);
    let mut sidecars = [Process::start(&environment), Process::start(&environment)];
    let mut acknowledged = HashMap::new();
    for round in 0..12 {
        let victim = round % 2;
        let client = sidecars[victim].client.clone();
        let answered = Arc::new(AtomicUsize::new(0));
        let counted = answered.clone();
        let beating = tokio::spawn(async move {
            let mut online = Vec::new();
            for user in 0..USERS {
                let body = serde_json::json!({"user_id": user});
                let request = client.request(reqwest::Method::POST, "/api/v1/presence/heartbeat").json(&body);
                match request.send().await {
                    Ok(answer) if answer.status() == 200 => {
                        online.push(user);
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                    _ => break,
                }
            }
            online
        });
        // In each round the kill comes at another place of the work, however fast the machine is.
        while answered.load(Ordering::Relaxed) <= 3 * round && !beating.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        sidecars[victim].kill();
        for user in beating.await.unwrap() {
            *acknowledged.entry(user).or_insert(0) += 1;
        }
        sidecars[victim] = Process::start(&environment);
    }
    assert!(acknowledged.len() > 20, "the kills came too early to prove anything");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let changes = sidecars[0].client.changes().await;
        let ends = assert_consistent(&changes);
        for user in acknowledged.keys() {
            assert!(ends.contains_key(user), "user {user} was answered and is not in the log");
        }
        if ends.values().all(|status| status == "offline") {
            break;
        }
        assert!(Instant::now() < deadline, "not everybody went offline: {ends:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let counts = sidecars[1].client.get("/api/v1/presence/counts").await;
    assert_eq!(counts.json["present"], 0, "{}", counts.text);
}
