//! App and sidecar find each other's records with any prefix.

use redis::Commands;
use serde_json::json;

use super::{Env, Pair, key_of};

/// Asserts that both read each other's records, under this key.
async fn assert_shared(env: &Env<'_>, physical: &str) {
    let mut pair = Pair::with(env).await;
    pair.beat("7", &json!({"by": "sidecar"})).await;
    let database =
        env.iter().find(|(name, _)| *name == "REDIS_CACHE_DB").map_or(1, |(_, value)| value.parse().unwrap());
    let keys: Vec<String> = pair.redis.connect(database).keys("*").unwrap();
    assert!(keys.iter().any(|key| key == physical), "{env:?}: {physical} is not among {keys:?}");
    assert_eq!(pair.laravel.get(&key_of("7"))["meta"], json!({"by": "sidecar"}), "{env:?}");

    pair.laravel.heartbeat("8", &json!({"by": "laravel"}));
    let status = pair.status("8").await;
    assert_eq!((&status["status"], &status["meta"]), (&json!("online"), &json!({"by": "laravel"})), "{env:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_shared_with_the_default_prefixes_of_each_version() {
    require!("laravel", "redis-server");
    let versions = [
        ("8", "laravel_database_laravel_cache_:"),
        ("10", "laravel_database_laravel_cache_:"),
        ("11", "laravel_database_laravel_cache_"),
        ("12.1", "laravel_database_laravel_cache_"),
        ("12.2", "laravel-database-laravel-cache-"),
        ("12", "laravel-database-laravel-cache-"),
        ("13", "laravel-database-laravel-cache-"),
    ];
    for (version, prefix) in versions {
        assert_shared(&[("PRESENCE_LARAVEL_VERSION", version)], &format!("{prefix}{}", key_of("7"))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_shared_with_an_app_name() {
    require!("laravel", "redis-server");
    let names = [
        ("My App", "12", "my-app-database-my-app-cache-"),
        ("My App", "12.1", "my_app_database_my_app_cache_"),
        ("Zoë's Café_2 @ home", "12", "zoes-cafe-2-at-home-database-zoes-cafe-2-at-home-cache-"),
        ("Zoë's Café-2 @ home", "10", "zoes_cafe_2_at_home_database_zoes_cafe_2_at_home_cache_:"),
    ];
    for (name, version, prefix) in names {
        let env = [("APP_NAME", name), ("PRESENCE_LARAVEL_VERSION", version)];
        assert_shared(&env, &format!("{prefix}{}", key_of("7"))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_shared_with_configured_prefixes() {
    require!("laravel", "redis-server");
    let key = key_of("7");
    let own = [("REDIS_PREFIX", "Acme {1}:"), ("CACHE_PREFIX", "cache é/")];
    assert_shared(&own, &format!("Acme {{1}}:cache é/{key}")).await;
    assert_shared(&[own[0], own[1], ("PRESENCE_LARAVEL_VERSION", "10")], &format!("Acme {{1}}:cache é/:{key}")).await;
    assert_shared(&[("REDIS_PREFIX", ""), own[1]], &format!("cache é/{key}")).await;
    assert_shared(&[own[0], ("CACHE_PREFIX", "")], &format!("Acme {{1}}:{key}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_shared_without_any_prefix() {
    require!("laravel", "redis-server");
    let none = [("REDIS_PREFIX", ""), ("CACHE_PREFIX", "")];
    assert_shared(&none, &key_of("7")).await;
    // Laravel 10 adds no colon to an empty prefix.
    assert_shared(&[none[0], none[1], ("PRESENCE_LARAVEL_VERSION", "10")], &key_of("7")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_shared_in_the_apps_cache_database() {
    require!("laravel", "redis-server");
    let physical = format!("laravel-database-laravel-cache-{}", key_of("7"));
    assert_shared(&[("REDIS_CACHE_DB", "0")], &physical).await;
    assert_shared(&[("REDIS_CACHE_DB", "5")], &physical).await;
}
