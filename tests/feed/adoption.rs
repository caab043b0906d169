//! The sidecar's own database is emptied while Laravel's records are still there: nobody is announced again.

use serde_json::json;

use crate::support::{Client, Process, RedisServer, on_redis};

async fn beat_all(client: &Client) {
    for user in 1..=20 {
        let answer = client.heartbeat(user).await;
        assert_eq!((answer.status, &answer.json["transition"]), (200, &json!(null)), "user {user}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn emptied_database_announces_no_present_user_again() {
    require!("redis-server");
    let redis = RedisServer::start();
    let mut sidecar = Process::start(&on_redis(&redis));
    for user in 1..=20 {
        assert_eq!(sidecar.client.heartbeat(user).await.json["transition"], "came_online");
    }
    // The running process knows the states; the one that is started behind it knows nothing but the records.
    for is_restarted in [false, true] {
        if is_restarted {
            sidecar.kill();
            // Records have whole seconds: the new log must begin in a later one.
            tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        }
        redis.cli(&["FLUSHDB"]);
        if is_restarted {
            sidecar = Process::start(&on_redis(&redis));
        }
        beat_all(&sidecar.client).await;
        assert_eq!(sidecar.client.changes().await.len(), 0, "restarted: {is_restarted}");
        let counts = sidecar.client.get("/api/v1/presence/counts").await.json;
        assert_eq!(counts["online"], 20, "restarted: {is_restarted}");
    }
    let gone = sidecar.client.post("/api/v1/presence/offline", json!({"user_id": 1})).await;
    assert_eq!(gone.json["transition"], "went_offline");
    assert_eq!(sidecar.client.heartbeat(1).await.json["transition"], "came_online");
    assert_eq!(sidecar.client.heartbeat("new").await.json["transition"], "came_online");
}
