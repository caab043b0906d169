//! Checks of the configuration, and of the stores and servers that it names. Each problem has a fix.

mod broadcast;
mod database;
mod finding;
mod keys;

pub use self::finding::Finding;
pub use self::keys::check_keys;
use crate::config::{CacheStore, Config, Driver, Loaded};
use crate::presence::store::redis::Inspection;

/// Runs all checks. Each opens its own connections, and changes nothing.
pub async fn check(Loaded { config, warnings, .. }: &Loaded) -> Vec<Finding> {
    let mut findings = check_configuration(warnings);
    findings.extend(check_stores(config).await);
    findings.extend(check_keys(config).await);
    findings.push(webhooks(config));
    findings.push(broadcast::check(config).await);
    findings
}

/// Checks that the store of presence and the database can be used, and what their users may do.
pub async fn check_stores(config: &Config) -> Vec<Finding> {
    let mut findings = store(config).await;
    findings.extend(database::check(config).await);
    findings
}

/// The warnings of a configuration that was loaded.
pub fn check_configuration(warnings: &[String]) -> Vec<Finding> {
    let fix = "correct or remove it; `presence-sidecar config` prints the result";
    let warned = warnings.iter().map(|warning| Finding::wrong("configuration", warning, fix));
    std::iter::once(Finding::ok("configuration", "valid")).chain(warned).collect()
}

async fn store(config: &Config) -> Vec<Finding> {
    match config.cache.store {
        CacheStore::Array => vec![Finding::wrong(
            "store",
            "presence is stored in the memory of the sidecar, where the app cannot read it (cache.store = array)",
            "set PRESENCE_CACHE_STORE to redis or database",
        )],
        CacheStore::Database => vec![database::check_store(config).await],
        CacheStore::Redis => redis(config).await,
    }
}

async fn redis(config: &Config) -> Vec<Finding> {
    const FIX: &str = "start Redis, or correct REDIS_HOST, REDIS_PORT, REDIS_PASSWORD";
    let redis = match super::stores::redis_store(config) {
        Ok(redis) => redis,
        Err(error) => return vec![Finding::wrong("store", error.to_string(), FIX)],
    };
    let missing = match redis.missing_rights().await {
        Ok(missing) => missing,
        Err(error) => return vec![Finding::wrong("store", error.reason(), FIX)],
    };
    let mut findings = match redis.inspect().await {
        Ok(servers) => servers.iter().flat_map(settings).collect(),
        Err(error) => {
            let what = format!("the settings of Redis are unknown: {}", error.reason());
            vec![Finding::wrong("store", what, "grant +info")]
        }
    };
    if !missing.is_empty() {
        let what = format!("the Redis user lacks {} rights, and heartbeats are answered with 503", missing.len());
        findings.push(Finding::wrong("store", what, redis.grant(&missing)));
    }
    findings
}

fn settings(inspection: &Inspection) -> Vec<Finding> {
    let problems = inspection.problems().into_iter().map(|found| match found.split_once(": ") {
        Some((what, fix)) => Finding::wrong("store", what, fix),
        None => Finding::wrong("store", found, "see the Redis manual"),
    });
    let ok = Finding::ok("store", format!("{} responds at {}", inspection.product, inspection.server));
    std::iter::once(ok).chain(problems).collect()
}

fn webhooks(config: &Config) -> Finding {
    let names: Vec<&str> = config.webhook.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
    match config.driver {
        Driver::Cache => Finding::ok("webhooks", "not posted (driver = \"cache\")"),
        Driver::Webhook => Finding::ok(
            "webhooks",
            format!("posted to {}; `presence-sidecar webhooks test` sends a test ping", names.join(", ")),
        ),
    }
}
