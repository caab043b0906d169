//! `presence-sidecar doctor`: checks that store, sidecar and app are configured consistently, and names a fix for each
//! difference.

mod app;
mod broadcast;
mod database;
mod differences;
mod finding;
mod keys;
mod upgrade;

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use self::app::LaravelApp;
use self::finding::Finding;
pub(super) use self::upgrade::CheckUpgrade;
use super::output::print_line;
use super::run::{CommandResult, run_async};
use super::sidecar::{ServiceCaller, Sidecar};
use super::source::Source;
use crate::config::{CacheStore, Config, Driver, Flags, Loaded, load};
use crate::presence::store::redis::Inspection;

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// The folder of the Laravel app to compare with, which needs the package presence-sidecar/laravel; by default that
    /// of --laravel
    #[arg(long, value_name = "DIR")]
    app: Option<PathBuf>,
    /// The PHP binary that runs the app
    #[arg(long, value_name = "PROGRAM", default_value = "php")]
    php: PathBuf,
    /// Print JSON, one finding per line; `fix` is null where nothing is wrong
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    caller: ServiceCaller,
}

impl Doctor {
    pub(super) fn run(self, source: Source) -> CommandResult {
        let app = self.app.clone().or_else(|| source.laravel.clone());
        let Loaded { config, warnings, .. } =
            load(&source.with(Flags::default())).map_err(|error| error.to_string())?;
        run_async(async {
            let mut findings = configuration(&warnings);
            findings.extend(store(&config).await);
            findings.extend(database::check(&config).await);
            findings.extend(keys::keys(&config).await);
            findings.push(sidecar(&config, &self.caller).await);
            findings.push(webhooks(&config));
            findings.push(broadcast::check(&config).await);
            if let Some(folder) = app {
                findings.extend(LaravelApp { folder, php: self.php }.compare(&config).await);
            }
            report(&findings, self.json)
        })
    }
}

fn configuration(warnings: &[String]) -> Vec<Finding> {
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
    let redis = match crate::app::redis_store(config) {
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

async fn sidecar(config: &Config, caller: &ServiceCaller) -> Finding {
    let answer = match Sidecar::of(config, caller) {
        Ok(sidecar) => sidecar.get("/api/v1/presence/counts").await.map(|_| sidecar.address().to_owned()),
        Err(why) => Err(why),
    };
    match answer {
        Ok(address) => Finding::ok("sidecar", format!("{address} responds and accepts the token")),
        Err(why) => Finding::wrong(
            "sidecar",
            why,
            "start it with this configuration: presence-sidecar serve with the same flags",
        ),
    }
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

fn report(findings: &[Finding], json: bool) -> CommandResult {
    for Finding { subject, what, fix } in findings {
        match fix {
            _ if json => print_line(&json!({"subject": subject, "what": what, "fix": fix}).to_string()),
            None => print_line(&format!("ok   {subject}: {what}")),
            Some(fix) => print_line(&format!("FIX  {subject}: {what}\n     {fix}")),
        }
    }
    match findings.iter().filter(|finding| finding.fix.is_some()).count() {
        0 => Ok(()),
        1 => Err("1 problem found".to_owned()),
        more => Err(format!("{more} problems found")),
    }
}
