//! `config/presence.toml` is the manual: it is complete, and the only source of defaults.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use presence_sidecar::config::{Algo, CacheStore, Driver, Listen, LogFormat, Network, RedisEndpoint, Rule, aliases};
use tempfile::TempDir;

use super::{config_of, config_with, load_with, value_of};

const MANUAL: &str = include_str!("../../config/presence.toml");

/// The manual with its examples enabled, but those whose lines begin in one of these ways; the files that they name are in
/// `folder`.
fn examples_without(left_out: &[&str], folder: &Path) -> String {
    let on = |line: &str| match line
        .strip_prefix('#')
        .filter(|rest| !left_out.iter().any(|begin| rest.starts_with(begin)))
    {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => rest.to_owned(),
        _ => line.to_owned(),
    };
    let text = MANUAL.lines().map(on).collect::<Vec<_>>().join("\n");
    for path in text.split('"').filter(|text| text.starts_with("/etc/ssl/")) {
        let name = Path::new(path).file_name().unwrap();
        std::fs::write(folder.join(name), "-----BEGIN CERTIFICATE-----\n").unwrap();
    }
    text.replace("/etc/ssl/", &format!("{}/", folder.display()))
}

#[test]
fn defaults_are_those_of_the_manual() {
    let config = config_with(&[]);
    assert_eq!(config.driver, Driver::Cache);
    assert_eq!(config.cache.store, CacheStore::Database);
    assert_eq!((config.cache.ttl_seconds, config.cache.away_after_seconds), (120, 90));
    let local = RedisEndpoint::Tcp { host: "127.0.0.1".into(), port: 6379, tls: false };
    assert_eq!(config.redis.endpoint, local);
    assert_eq!((config.redis.db, config.redis.cache_db), (0, 1));
    assert_eq!(config.redis.prefix, "laravel-database-");
    assert_eq!(config.laravel.cache_prefix, "laravel-cache-");
    assert_eq!(config.laravel.timezone, chrono_tz::UTC);
    assert_eq!(config.redis.timeout, Duration::from_millis(450));
    assert_eq!(config.presence.remember, Duration::from_secs(30 * 86_400));
    assert_eq!(config.presence.sweep_interval, Duration::from_millis(250));
    assert_eq!(config.changes.keep, Duration::from_secs(72 * 3600));
}

#[test]
fn defaults_have_a_heartbeat_route_and_a_local_listener() {
    let config = config_with(&[]);
    assert!(config.routing.register_heartbeat_route);
    assert_eq!(config.routing.prefix, "presence");
    let throttle = config.routing.throttle.unwrap();
    assert_eq!((throttle.max, throttle.per), (60, Duration::from_secs(60)));
    assert!(config.scope.include_guard);
    assert_eq!(config.scope.resolver.tenant, [Rule::Body]);
    assert_eq!(config.scope.resolver.guard, [Rule::Body, Rule::Literal("web".into())]);
    assert_eq!(config.server.listen, [Listen::Tcp("127.0.0.1:8137".into())]);
    assert_eq!((config.server.max_connections, config.server.body_limit), (10_000, 1 << 20));
    assert_eq!(config.server.header_timeout, Duration::from_secs(10));
    assert_eq!(config.server.shutdown_timeout, Duration::from_secs(20));
    assert!(config.metrics.listen.is_empty());
    assert!(config.admin.enabled);
    assert_eq!((config.log.filter.as_str(), config.log.format), ("info", LogFormat::Text));
}

#[test]
fn defaults_have_no_endpoint_but_a_webhook_policy() {
    let webhook = config_with(&[]).webhook;
    assert!(webhook.endpoints.is_empty());
    assert_eq!((webhook.retries, webhook.debounce), (1, Duration::ZERO));
    let schedule: Vec<u64> = webhook.schedule.iter().map(Duration::as_secs).collect();
    assert_eq!(schedule, [5, 30, 120, 600, 1800, 7200, 18_000, 36_000]);
    assert_eq!(webhook.allowed_networks, [Network::Public, Network::Loopback, Network::Private]);
    assert_eq!(Algo::ALL.len(), 14);
}

#[test]
fn manual_as_configuration_file_changes_nothing() {
    let file = config_of(&MANUAL.replace("storage = \"storage\"", "")); // the helper sets it
    assert_eq!(format!("{file:?}"), format!("{:?}", config_with(&[])));
}

#[test]
fn every_example_of_the_manual_is_valid() {
    const URL: &str = "url = \"redis:";
    let folder = TempDir::new().unwrap();
    // Redis is reached in one of three ways.
    for left_out in [["cluster", "sentinels", "ssl_"], [URL, "sentinels", "-"], [URL, "cluster", "-"]] {
        let config = config_of(&examples_without(&left_out, folder.path()));
        assert_eq!(config.webhook.endpoints.len(), 2);
        assert_eq!(config.auth.tokens.len(), 1);
        assert_eq!(config.laravel.cache_prefix, "laravel-cache-");
    }
}

#[test]
fn every_default_of_the_manual_is_in_the_listing() {
    let loaded = load_with(&[]);
    let mut section = String::new();
    let mut count = 0;
    for line in MANUAL.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((key, value)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            if key != "storage" {
                assert_eq!(value_of(&loaded, &format!("{section}{key}")), value);
            }
            count += 1;
        }
    }
    assert!(count > 40, "{count} defaults");
}

#[test]
fn manual_has_every_environment_name_and_no_other() {
    let comments = MANUAL.lines().filter(|line| line.starts_with("# "));
    let words = comments.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    let families = [
        "PRESENCE_",
        "REDIS_",
        "CACHE_",
        "APP_",
        "DB_",
        "DATABASE_",
        "MYSQL_",
        "ADMIN_",
        "OPERATOR_",
        "QUEUE_",
        "BROADCAST_",
        "REVERB_",
        "PUSHER_",
        "OTEL_",
    ];
    let mentioned: BTreeSet<&str> = words
        .filter(|word| families.iter().any(|family| word.starts_with(family)))
        .filter(|word| !word.starts_with("PRESENCE__"))
        .collect();
    assert_eq!(mentioned, aliases().map(|alias| alias.name).collect());
}

#[test]
fn every_key_of_the_manual_has_a_comment() {
    let lines: Vec<&str> = MANUAL.lines().collect();
    let is_key = |line: &str| line.starts_with(|c: char| c.is_ascii_lowercase());
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| is_key(line)) {
        let block = lines[..number].iter().rev().take_while(|line| !line.is_empty());
        let told = block.into_iter().any(|line| line.starts_with("# "));
        assert!(told, "line {}: {line}", number + 1);
    }
}
