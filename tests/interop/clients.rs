//! The Redis clients of Laravel and their options: phpredis, Predis, compression, serializers, classes.

use serde_json::{Value, json};

use super::laravel::Laravel;
use super::{Env, as_the_facade, key_of};
use crate::support::{Process, RedisServer, on_redis};

/// A meta with each type of JSON, long enough to be compressed.
fn meta() -> Value {
    json!({"device": "phone", "text": "été 😀 ".repeat(40), "n": [1, 2.5, null, true, "5", {}], "deep": {"a": {"b": []}}})
}

fn start(client: &str, options: &Value) -> (Process, Laravel, RedisServer) {
    let redis = RedisServer::start();
    let sidecar = Process::start(&on_redis(&redis));
    let laravel = Laravel::with_client(redis.port(), client, options, &[]);
    (sidecar, laravel, redis)
}

async fn status(sidecar: &Process, user: &str) -> Value {
    as_the_facade(&sidecar.client.get(&format!("/api/v1/presence/status/{user}")).await.json)
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_shared_with_each_client_and_compression() {
    require!("laravel", "predis", "redis-server");
    for (client, options) in [
        ("phpredis", json!({})),
        ("phpredis", json!({"compression": 1})),
        ("phpredis", json!({"compression": 2})),
        ("phpredis", json!({"compression": 3})),
        ("predis", json!({})),
        // Options of phpredis, which Predis ignores.
        ("predis", json!({"compression": 1, "serializer": 2})),
    ] {
        let (sidecar, mut laravel, _redis) = start(client, &options);
        let name = format!("{client} {options}");
        laravel.heartbeat("7", &meta());
        let read = status(&sidecar, "7").await;
        assert_eq!((&read["status"], &read["meta"]["device"]), (&json!("online"), &json!("phone")), "{name}");
        assert_eq!(read["meta"].to_string(), laravel.status("7")["meta"].to_string(), "{name}");

        let beat = json!({"user_id": "8", "meta": meta()});
        assert_eq!(sidecar.client.post("/api/v1/presence/heartbeat", beat).await.status, 200, "{name}");
        assert_eq!(laravel.status("8")["status"], "online", "{name}");
        assert_eq!(laravel.get(&key_of("8"))["meta"].to_string(), read["meta"].to_string(), "{name}");
        assert!((118..=120).contains(&laravel.ttl(&key_of("8"))), "{name}");

        // A record of Laravel is replaced, and one of the sidecar ended by Laravel.
        let beat = json!({"user_id": "7", "meta": {"by": "sidecar"}});
        assert_eq!(sidecar.client.post("/api/v1/presence/heartbeat", beat).await.json["status"], "online", "{name}");
        assert_eq!(laravel.get(&key_of("7"))["meta"], json!({"by": "sidecar"}), "{name}");
        laravel.forget(&key_of("8"));
        assert_eq!(status(&sidecar, "8").await["status"], "offline", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_phpredis_serializes_in_the_place_of_laravel_are_shared() {
    require!("laravel", "redis-server");
    let (sidecar, mut laravel, _redis) = start("phpredis", &json!({"serializer": 1}));
    let place = "method_exists(Illuminate\\Cache\\RedisStore::class, 'connectionAwareSerialize')";
    if laravel.evaluate(place).unwrap() == false {
        return; // Laravel before version 11 serializes as well, and the PHP package refuses the option.
    }
    laravel.heartbeat("7", &meta());
    assert_eq!(status(&sidecar, "7").await["meta"].to_string(), laravel.status("7")["meta"].to_string());
    assert_eq!(sidecar.client.heartbeat(8).await.status, 200);
    assert_eq!(laravel.status("8")["status"], "online");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_serializers_that_only_php_has_are_named_and_counted() {
    require!("laravel", "redis-server");
    for (form, options) in [
        ("igbinary", json!({"serializer": 2})),
        ("igbinary", json!({"serializer": 2, "compression": 1})),
        ("json", json!({"serializer": 4})),
    ] {
        let (sidecar, mut laravel, _redis) = start("phpredis", &options);
        laravel.heartbeat("7", &meta());
        assert_eq!(laravel.status("7")["status"], "online", "{options}");
        for _ in 0..2 {
            assert_eq!(status(&sidecar, "7").await["status"], "offline", "{options}");
        }
        let log = sidecar.log_with(form).await;
        let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN") && line.contains(form)).collect();
        assert_eq!(warnings.len(), 1, "{options}: {log}");
        let metrics = sidecar.client.get("/metrics").await.text;
        let counted =
            metrics.lines().any(|line| line.starts_with("presence_unreadable_records_total") && !line.ends_with(" 0"));
        assert!(counted, "{options}: {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_shared_with_an_app_that_unserializes_no_classes() {
    require!("laravel", "redis-server");
    const ENV: &Env<'static> = &[("APP_TIMEZONE", "Europe/Berlin")];
    let redis = RedisServer::start();
    let mut environment = on_redis(&redis);
    environment.extend(ENV.iter().map(|&(name, value)| (name, value.to_owned())));
    let sidecar = Process::start(&environment);
    let mut laravel = Laravel::without_classes(redis.port(), ENV);
    let beat = json!({"user_id": "7", "meta": meta()});
    assert_eq!(sidecar.client.post("/api/v1/presence/heartbeat", beat).await.status, 200);
    assert_eq!(laravel.status("7")["meta"].to_string(), status(&sidecar, "7").await["meta"].to_string());
    // Laravel writes objects, and reads them as incomplete ones.
    let record = "['last_seen_at' => Carbon::now()->toIso8601String(), 'meta' => ['at' => Carbon::now()]]";
    laravel.put(&key_of("8"), record, 60);
    assert_eq!(status(&sidecar, "8").await["status"], "online");
    assert_eq!(laravel.evaluate("Cache::get('presence|guard:web|user:8')['last_seen_at'] !== null").unwrap(), true);
}
