//! Laravel on a Redis Cluster: each side reads what the other writes, with both clients of Redis.

use serde_json::json;

use super::laravel::Laravel;
use super::{as_the_facade, key_of};
use crate::support::{Process, RedisCluster};

#[tokio::test(flavor = "multi_thread")]
async fn records_on_a_cluster_are_shared_with_each_client() {
    require!("laravel", "predis", "redis-server");
    slow!();
    let cluster = RedisCluster::start(3, 0);
    let environment = [
        ("PRESENCE_CACHE_STORE", "redis".to_owned()),
        ("PRESENCE__REDIS__CLUSTER", cluster.addresses()),
        ("PRESENCE__REDIS__TIMEOUT_MS", "10000".to_owned()),
    ];
    let sidecar = Process::start(&environment);
    // Records in the slots of each node.
    let users = 1..=12;
    for client in ["phpredis", "predis"] {
        let mut laravel = Laravel::on_cluster(&cluster.addresses(), client);
        for user in users.clone() {
            let user = format!("{client}-{user}");
            laravel.heartbeat(&user, &json!({"by": client}));
            let status = sidecar.client.get(&format!("/api/v1/presence/status/{user}")).await.json;
            assert_eq!(as_the_facade(&status)["meta"], json!({"by": client}), "{user}: {status}");
            assert_eq!(status["status"], "online", "{user}");

            let beat = json!({"user_id": user, "meta": {"by": "sidecar"}});
            assert_eq!(sidecar.client.post("/api/v1/presence/heartbeat", beat).await.status, 200, "{user}");
            assert_eq!(laravel.get(&key_of(&user))["meta"], json!({"by": "sidecar"}), "{user}");
            assert_eq!(laravel.status(&user)["status"], "online", "{user}");
            assert!((118..=120).contains(&laravel.ttl(&key_of(&user))), "{user}");
        }
        for user in users.clone() {
            let user = format!("{client}-{user}");
            match user.ends_with('1') {
                true => laravel.forget(&key_of(&user)),
                false => {
                    let ended = sidecar.client.post("/api/v1/presence/offline", json!({"user_id": user})).await;
                    assert_eq!(ended.status, 200, "{user}");
                }
            }
            let status = sidecar.client.get(&format!("/api/v1/presence/status/{user}")).await.json;
            assert_eq!((&status["status"], &laravel.status(&user)["status"]), (&json!("offline"), &json!("offline")));
        }
    }
}
