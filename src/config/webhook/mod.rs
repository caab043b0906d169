//! `[webhook]`: where transitions are posted, and how a post is signed.

mod algo;
mod endpoint;
mod signing_secret;

use std::collections::{BTreeMap, HashSet};
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

pub use self::algo::Algo;
pub use self::endpoint::{EndpointConfig, SendOn};
use self::endpoint::{Fallback, RawEndpoint, RawSendOn};
pub use self::signing_secret::SigningSecret;
use super::layers::{ConfigError, Layers, Result, must_be};
use crate::egress::Network;

/// `driver` of presence.php.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// Presence is stored; nothing is posted.
    Cache,
    /// Presence is stored, and transitions are posted to [`WebhookConfig::endpoints`].
    Webhook,
}

/// `[webhook]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WebhookConfig {
    /// The receivers: `[webhook]` itself as `default`, then `[[webhook.endpoints]]`. Names are unique.
    pub endpoints: Vec<EndpointConfig>,
    /// Immediate tries within one attempt, as in presence.php; 0 and 1 both mean one.
    pub retries: u32,
    /// How long an offline is held back. If the user returns in that time, neither change is posted. Zero holds nothing back.
    pub debounce: Duration,
    /// The pauses between attempts; after the last one a delivery becomes a dead letter.
    pub schedule: Vec<Duration>,
    /// Maximum number of concurrent posts, per endpoint and replica.
    pub concurrency: usize,
    /// How long dead letters are kept.
    pub keep_dead: Duration,
    /// The networks that a receiver's address must be in.
    pub allowed_networks: Vec<Network>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWebhook {
    url: Option<String>,
    secret: Option<String>,
    previous_secrets: Vec<String>,
    timeout: i64,
    retries: i64,
    signature_header: String,
    algo: String,
    headers: BTreeMap<String, String>,
    debounce_seconds: i64,
    schedule: Vec<String>,
    concurrency: i64,
    keep_dead_days: i64,
    allowed_networks: Vec<String>,
    ca: Option<String>,
    send_on: RawSendOn,
    #[serde(default)]
    endpoints: Vec<RawEndpoint>,
}

impl Driver {
    /// The words of `driver`.
    pub(super) const WORDS: [&str; 2] = ["cache", "webhook"];
}

impl FromStr for Driver {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "cache" => Ok(Self::Cache),
            "webhook" => Ok(Self::Webhook),
            _ => Err(must_be(&Self::WORDS)),
        }
    }
}

/// Resolves `[webhook]`; with `driver = "webhook"` there is at least one endpoint.
pub(super) fn resolve(raw: RawWebhook, driver: Driver, layers: &Layers) -> Result<WebhookConfig> {
    let allowed_networks = networks(&raw.allowed_networks, layers)?;
    let config = WebhookConfig {
        retries: layers.number("webhook.retries", raw.retries, 0..=10)?,
        debounce: layers.seconds("webhook.debounce_seconds", raw.debounce_seconds, 0..=3600)?,
        schedule: layers.parse_all("webhook.schedule", &raw.schedule, parse_duration)?,
        concurrency: layers.number("webhook.concurrency", raw.concurrency, 1..=1000)?,
        keep_dead: layers.days("webhook.keep_dead_days", raw.keep_dead_days, 1..=3650)?,
        endpoints: endpoints(raw, driver, &allowed_networks, layers)?,
        allowed_networks,
    };
    if driver == Driver::Webhook && config.endpoints.is_empty() {
        return Err(layers.error_at("driver", "needs webhook.url: set PRESENCE_WEBHOOK_URL"));
    }
    Ok(config)
}

fn networks(texts: &[String], layers: &Layers) -> Result<Vec<Network>> {
    const KEY: &str = "webhook.allowed_networks";
    match texts.is_empty() {
        true => Err(layers.error_at(KEY, "must name at least one network")),
        false => layers.parse_all_words(KEY, texts, &Network::WORDS, str::parse),
    }
}

/// The endpoint of `[webhook]` itself, if it is complete, and those of `[[webhook.endpoints]]`.
fn endpoints(raw: RawWebhook, driver: Driver, allowed: &[Network], layers: &Layers) -> Result<Vec<EndpointConfig>> {
    // Without `driver = "webhook"` the section may be incomplete; then it is no endpoint.
    let url = raw.url.filter(|_| raw.secret.is_some() || driver == Driver::Webhook);
    let main = url.map(|url| ("webhook.".to_owned(), RawEndpoint::default_endpoint(url)));
    let others = raw.endpoints.into_iter().enumerate();
    let others = others.map(|(index, endpoint)| (format!("webhook.endpoints[{index}]."), endpoint));
    let fallback = Fallback {
        layers,
        allowed,
        secret: raw.secret,
        previous_secrets: raw.previous_secrets,
        timeout: raw.timeout,
        signature_header: raw.signature_header,
        algo: raw.algo,
        headers: raw.headers,
        send_on: raw.send_on,
        ca: raw.ca.map(|path| layers.certificates("webhook.ca", &path)).transpose()?,
    };
    let resolved = main.into_iter().chain(others).map(|(path, endpoint)| fallback.resolve(&path, endpoint));
    let endpoints = resolved.collect::<Result<Vec<_>>>()?;
    let mut names = HashSet::new();
    match endpoints.iter().find(|endpoint| !names.insert(&endpoint.name)) {
        Some(EndpointConfig { name, .. }) => {
            Err(ConfigError::new(format!("webhook.endpoints has {name:?} twice: give each its own name")))
        }
        None => Ok(endpoints),
    }
}

/// Parses `5s`, `30m`, `2h` or `7d`; at least one second, at most 365 days.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let invalid = || "must be a number and a unit, such as 30s, 5m, 2h or 1d".to_owned();
    let cut = text.len().saturating_sub(1);
    let (number, unit) = text.split_at_checked(cut).ok_or_else(invalid)?;
    let unit: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(invalid()),
    };
    let number: u64 = number.trim().parse().map_err(|_| invalid())?;
    match number.checked_mul(unit) {
        Some(seconds @ 1..=31_536_000) => Ok(Duration::from_secs(seconds)),
        _ => Err(invalid()),
    }
}
