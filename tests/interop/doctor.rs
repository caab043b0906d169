//! `presence-sidecar doctor` beside a real Laravel app with the bridge: the demo.

use std::process::{Command, Output};

use tempfile::TempDir;

use crate::support::{Process, RedisCluster, RedisServer, TOKEN, command, fixture, on_redis};

const SECRET: &str = "a secret for webhooks 0123456789";

/// The major version of the installed Laravel.
fn installed_laravel() -> String {
    let code =
        "require '/usr/share/php/Illuminate/autoload.php'; echo (int) Illuminate\\Foundation\\Application::VERSION;";
    let output = command("laravel").args(["-d", "display_errors=stderr", "-r", code]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The environment of the app and of a sidecar with the same configuration.
fn shared(redis: &RedisServer, storage: &TempDir) -> Vec<(&'static str, String)> {
    shared_on(on_redis(redis), storage)
}

fn shared_on(mut environment: Vec<(&'static str, String)>, storage: &TempDir) -> Vec<(&'static str, String)> {
    environment.extend([
        ("REDIS_PREFIX", "demo_database_".to_owned()),
        ("CACHE_PREFIX", "demo_cache".to_owned()),
        ("PRESENCE_LARAVEL_VERSION", installed_laravel()),
        ("PRESENCE_DRIVER", "webhook".to_owned()),
        ("PRESENCE_WEBHOOK_URL", "http://127.0.0.1:9/hooks".to_owned()),
        ("PRESENCE_WEBHOOK_SECRET", SECRET.to_owned()),
        ("DEMO_STORAGE", storage.path().display().to_string()),
        ("PATH", std::env::var("PATH").unwrap()),
    ]);
    environment
}

/// Runs the doctor with additional arguments.
fn doctor(environment: &[(&str, String)], more: &[&str]) -> Output {
    let app = fixture("../php-bridge/demo");
    Command::new(env!("CARGO_BIN_EXE_presence-sidecar"))
        .args(["doctor", "--app", app.to_str().unwrap()])
        .args(more)
        .env_clear()
        .env("PRESENCE_TOKEN", TOKEN)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_reports_only_differences() {
    require!("laravel", "redis-server");
    let (redis, storage) = (RedisServer::start_with(&["--appendonly", "yes"]), TempDir::new().unwrap());
    let mut environment = shared(&redis, &storage);
    let sidecar = Process::start(&environment);
    environment.push(("PRESENCE_SIDECAR_URL", sidecar.url.clone()));
    environment.push(("PRESENCE_LISTEN", sidecar.url.strip_prefix("http://").unwrap().to_owned()));

    let fine = doctor(&environment, &[]);
    let said = text(&fine);
    assert!(fine.status.success(), "{said}");
    for found in [
        "ok   sidecar: http://127.0.0.1",
        "ok   records: the sidecar reads the app's records",
        "ok   clock:",
        "ok   cache.ttl_seconds: 120",
        "ok   auth.tokens:",
        "ok   webhook.secret: the same",
    ] {
        assert!(said.contains(found), "{found} is not in\n{said}");
    }
    assert!(!said.contains(SECRET) && !said.contains(TOKEN), "{said}");

    let colon = if environment.contains(&("PRESENCE_LARAVEL_VERSION", "13".to_owned())) { "" } else { ":" };
    let prefixes = format!("FIX  laravel.cache_prefix: \"x{colon}\" here, \"demo_cache{colon}\" in the app");
    for (variable, other, found) in [
        ("PRESENCE_TTL", "[cache]\nttl_seconds = 300", "FIX  cache.ttl_seconds: \"300\" here, \"120\" in the app"),
        (
            "REDIS_PREFIX",
            "[redis]\nprefix = \"other-\"",
            "FIX  redis.prefix: \"other-\" here, \"demo_database_\" in the app",
        ),
        ("CACHE_PREFIX", "[laravel]\ncache_prefix = \"x\"", &prefixes),
        ("REDIS_CACHE_DB", "[redis]\ncache_db = 7", "FIX  redis.cache_db: \"7\" here, \"1\" in the app"),
        ("PRESENCE_WEBHOOK_SECRET", "[webhook]\nsecret = \"another\"", "FIX  webhook.secret: different"),
    ] {
        let said = text(&doctor_with_difference(&environment, variable, other, &storage));
        assert!(said.contains(found), "{found} is not in\n{said}");
    }
    assert!(!said.contains("ok   database"), "there is no such file:\n{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_finds_the_record_of_the_app_on_a_cluster() {
    require!("laravel", "redis-server");
    slow!();
    let (cluster, storage) = (RedisCluster::start_with(3, 0, &["--appendonly", "yes"]), TempDir::new().unwrap());
    let nodes = cluster.addresses();
    let reversed: Vec<&str> = nodes.rsplit(',').collect();
    let mut environment = shared_on(vec![("PRESENCE_CACHE_STORE", "redis".to_owned())], &storage);
    environment.push(("PRESENCE__REDIS__CLUSTER", nodes.clone()));
    environment.push(("DEMO_REDIS_CLUSTER", reversed.join(",")));
    let sidecar = Process::start(&environment);
    environment.push(("PRESENCE_SIDECAR_URL", sidecar.url.clone()));
    environment.push(("PRESENCE_LISTEN", sidecar.url.strip_prefix("http://").unwrap().to_owned()));
    let said = text(&doctor(&environment, &[]));
    assert!(said.contains("ok   records: the sidecar reads the app's records"), "{said}");
    // The nodes are not compared by their order.
    let other =
        text(&doctor_with_difference(&environment, "CACHE_PREFIX", "[laravel]\ncache_prefix = \"x\"", &storage));
    assert!(other.contains("FIX  laravel.cache_prefix") && !other.contains("redis (address)"), "{other}");
}

/// Runs the doctor with a configuration file that contradicts `variable`, which only the app gets.
fn doctor_with_difference(
    environment: &[(&'static str, String)],
    variable: &str,
    file: &str,
    folder: &TempDir,
) -> Output {
    let (php, toml) = (folder.path().join("php"), folder.path().join("other.toml"));
    std::fs::write(&toml, file).unwrap();
    let value = environment.iter().find(|(name, _)| *name == variable);
    let export = value.map_or_else(String::new, |(_, value)| format!("export {variable}='{value}'\n"));
    std::fs::write(&php, format!("#!/bin/sh\n{export}exec php \"$@\"\n")).unwrap();
    std::fs::set_permissions(&php, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let others: Vec<_> = environment.iter().filter(|(name, _)| *name != variable).cloned().collect();
    let output = doctor(&others, &["--php", php.to_str().unwrap(), "--config", toml.to_str().unwrap()]);
    assert!(!output.status.success());
    output
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_a_fix_for_missing_services() {
    let output = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"))
        .args(["doctor", "--app", "/nowhere"])
        .env_clear()
        .env("PRESENCE_TOKEN", TOKEN)
        .env("PRESENCE_CACHE_STORE", "redis")
        .env("REDIS_PORT", "9")
        .env("PRESENCE_LISTEN", "127.0.0.1:9")
        .env("PRESENCE_SIDECAR_URL", "for the app alone")
        .env("DB_DATABASE", "/nowhere/x.sqlite")
        .env("PRESENCE_TTTL", "1")
        .output()
        .unwrap();
    let said = text(&output);
    assert!(!output.status.success());
    for found in [
        "FIX  store:",
        "start Redis",
        "FIX  sidecar:",
        "presence-sidecar serve",
        "FIX  app:",
        "--app",
        "PRESENCE_TTTL",
        "4 problems found",
    ] {
        assert!(said.contains(found), "{found} is not in\n{said}");
    }
}
