//! `docker/compose.yaml` and `docker/.env.example`.

use std::collections::BTreeMap;

use presence_sidecar::config::{CacheStore, DatabaseConnection, RedisEndpoint, Sources, aliases, load};
use serde_yaml::Value;

use super::{assert_understood, image, read, tree};
use crate::support::RedisServer;

/// The value of a secret in the tests.
const SECRET: &str = "filled-in-0123456789abcdef";

/// The value of the app key in the tests.
const KEY: &str = "base64:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// `.env.example` with values for the secrets.
fn env_with_secrets() -> BTreeMap<String, String> {
    let text = read("docker/.env.example");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let fill = |(name, value): (&str, &str)| {
        let value = match (name, value) {
            ("APP_KEY", "") => KEY,
            (_, "") => SECRET,
            (_, value) => value,
        };
        (name.to_owned(), value.to_owned())
    };
    lines.map(|line| fill(line.split_once('=').unwrap())).collect()
}

/// The variables that a text refers to, with `${NAME}`, `${NAME:-default}` or `${NAME:?why}`.
fn variables(text: &str) -> Vec<&str> {
    let inside = text.split("${").skip(1).map(|rest| rest.split('}').next().unwrap());
    inside.map(|inside| inside.split(':').next().unwrap()).collect()
}

/// The file as Compose understands it with this `.env`.
fn compose(env: &BTreeMap<String, String>) -> Value {
    let mut text = read("docker/compose.yaml");
    while let Some(start) = text.find("${") {
        let end = start + text[start..].find('}').unwrap();
        let name = text[start + 2..end].split(':').next().unwrap();
        let value = env.get(name).unwrap_or_else(|| panic!("{name} is not in .env.example")).clone();
        text.replace_range(start..=end, &value);
    }
    serde_yaml::from_str(&text).unwrap()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_sequence().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

fn environment(service: &Value) -> Vec<(String, String)> {
    let pairs = service["environment"].as_mapping().unwrap().iter();
    pairs.map(|(name, value)| (name.as_str().unwrap().to_owned(), value.as_str().unwrap().to_owned())).collect()
}

#[test]
fn env_example_has_every_variable_and_no_secret() {
    let text = read("docker/compose.yaml");
    let mut used = variables(&text);
    used.sort_unstable();
    used.dedup();
    assert_eq!(env_with_secrets().into_keys().collect::<Vec<_>>(), used);
    for line in read("docker/.env.example").lines() {
        let secret = ["KEY=", "TOKEN=", "TOKENS=", "PASSWORD="].iter().find_map(|end| line.split_once(end));
        assert!(secret.is_none_or(|(_, value)| value.is_empty()), "{line}");
    }
    assert!(read(".gitignore").lines().any(|line| line == "/docker/.env"));
}

#[test]
fn compose_configures_a_valid_sidecar() {
    let compose = compose(&env_with_secrets());
    let sidecar = &compose["services"]["sidecar"];
    let mut environment = environment(sidecar);
    for (name, _) in &environment {
        assert!(aliases().any(|alias| alias.name == name), "{name} means nothing to the sidecar");
    }
    environment.push(("PRESENCE_STORAGE".to_owned(), image::volume()));
    let loaded = load(&Sources { environment, ..Sources::default() }).unwrap();
    assert_eq!((loaded.warnings, loaded.config.missing_secrets()), (Vec::new(), Vec::new()));
    assert_eq!(loaded.config.cache.store, CacheStore::Redis);
    let RedisEndpoint::Tcp { host, port, .. } = &loaded.config.redis.endpoint else { panic!("a host") };
    assert!(compose["services"][host.as_str()]["image"].as_str().unwrap().starts_with("redis:") && *port == 6379);
    let DatabaseConnection::MySql(server) = &loaded.config.database.connection else { panic!("MySQL") };
    let mysql = &compose["services"][server.hosts[0].name.as_str()];
    assert!(mysql["image"].as_str().unwrap().starts_with("mysql:8") && server.hosts[0].port == 3306);
    let given = self::environment(mysql);
    let given = |name: &str| given.iter().find(|(known, _)| known == name).unwrap().1.clone();
    assert_eq!((given("MYSQL_DATABASE"), given("MYSQL_USER")), (server.database.clone(), server.username.clone()));
    assert_eq!(given("MYSQL_PASSWORD"), env_with_secrets()["DB_PASSWORD"]);

    let grace = sidecar["stop_grace_period"].as_str().unwrap().trim_end_matches('s').parse().unwrap();
    assert!(loaded.config.server.shutdown_timeout.as_secs() < grace, "it may finish what it is at");
}

#[test]
fn services_wait_for_health_and_keep_their_files() {
    let compose = compose(&env_with_secrets());
    let services = compose["services"].as_mapping().unwrap();
    for (name, service) in services {
        let name = name.as_str().unwrap();
        assert!(service["healthcheck"]["test"].is_sequence(), "{name} says how it is");
        let volume = texts(&service["volumes"])[0].clone();
        assert!(compose["volumes"].as_mapping().unwrap().contains_key(volume.split(':').next().unwrap()), "{volume}");
    }
    let sidecar = &compose["services"]["sidecar"];
    let awaited = sidecar["depends_on"].as_mapping().unwrap();
    assert_eq!(awaited.len(), services.len() - 1);
    assert!(awaited.values().all(|how| how["condition"] == "service_healthy"));
    assert!(texts(&sidecar["volumes"])[0].ends_with(&format!(":{}", image::volume())));
    assert!(texts(&sidecar["ports"])[0].ends_with(&format!(":{}", image::port())));
    let context = tree("docker").join(sidecar["build"]["context"].as_str().unwrap());
    assert!(context.join(sidecar["build"]["dockerfile"].as_str().unwrap()).exists());
    assert_understood(&texts(&sidecar["healthcheck"]["test"])[1..]);
}

#[test]
fn redis_arguments_persist_and_never_evict() {
    require!("redis-server");
    let redis = &compose(&env_with_secrets())["services"]["redis"];
    let command = texts(&redis["command"]);
    assert_eq!(command[0], "redis-server");
    let arguments: Vec<&str> = command[1..].iter().map(String::as_str).collect();
    let server = RedisServer::start_with(&arguments);
    assert!(server.cli(&["PING"]).starts_with("NOAUTH"));
    let (_, password) = environment(redis).pop().unwrap();
    for (setting, value) in [("appendonly", "yes"), ("maxmemory-policy", "noeviction")] {
        let answer = server.cli(&["-a", &password, "--no-auth-warning", "CONFIG", "GET", setting]);
        assert_eq!(answer.lines().collect::<Vec<_>>(), [setting, value]);
    }
}
