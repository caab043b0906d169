//! `[webhook]` from its keys: what an endpoint leaves out is taken from the section.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::error::ConfigError;
use super::layers::Layers;
use super::raw::{RawEndpoint, RawSendOn, RawWebhook};
use super::resolved::Driver;
use super::rule::is_token;
use super::throttle::span;
use super::webhook::{EndpointConfig, SendOn, WebhookConfig};
use crate::egress::{EgressPolicy, Network, ip_literal};

type Headers = BTreeMap<String, String>;

/// Headers that the post itself sets.
const RESERVED: [&str; 8] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "content-type",
];

/// Resolves `[webhook]`; with `driver = "webhook"` there is at least one endpoint.
pub(super) fn resolve(mut raw: RawWebhook, driver: Driver, layers: &Layers) -> Result<WebhookConfig, ConfigError> {
    let more = std::mem::take(&mut raw.endpoints);
    let allowed = networks(&raw.allowed_networks, layers)?;
    let section = Section { raw, layers, allowed };
    let mut endpoints: Vec<EndpointConfig> = section.main(driver)?.into_iter().collect();
    for (index, endpoint) in more.into_iter().enumerate() {
        endpoints.push(section.endpoint(&format!("webhook.endpoints[{index}]."), endpoint)?);
    }
    if driver == Driver::Webhook && endpoints.is_empty() {
        return Err(layers.refuse("driver", "needs webhook.url: set PRESENCE_WEBHOOK_URL"));
    }
    let mut names = HashSet::new();
    if let Some(twice) = endpoints.iter().find(|endpoint| !names.insert(&endpoint.name)) {
        let name = &twice.name;
        return Err(ConfigError::new(format!("webhook.endpoints has {name:?} twice: give each its own name")));
    }
    let raw = &section.raw;
    let keep_dead_days: u64 = layers.number("webhook.keep_dead_days", raw.keep_dead_days, 1..=3650)?;
    Ok(WebhookConfig {
        retries: layers.number("webhook.retries", raw.retries, 0..=10)?,
        debounce: layers.seconds("webhook.debounce_seconds", raw.debounce_seconds, 0..=3600)?,
        schedule: layers.parse_all("webhook.schedule", &raw.schedule, span)?,
        concurrency: layers.number("webhook.concurrency", raw.concurrency, 1..=1000)?,
        keep_dead: Duration::from_secs(keep_dead_days * 86_400),
        endpoints,
        allowed_networks: section.allowed,
    })
}

fn networks(texts: &[String], layers: &Layers) -> Result<Vec<Network>, ConfigError> {
    const KEY: &str = "webhook.allowed_networks";
    match texts.is_empty() {
        true => Err(layers.refuse(KEY, "must name at least one network")),
        false => layers.parse_all(KEY, texts, str::parse),
    }
}

/// `[webhook]` as what endpoints fall back to.
struct Section<'a> {
    raw: RawWebhook,
    layers: &'a Layers,
    /// Where posts may go.
    allowed: Vec<Network>,
}

impl Section<'_> {
    /// The endpoint that `[webhook]` is by itself. Without `driver = "webhook"` it may be incomplete, and then is none.
    fn main(&self, driver: Driver) -> Result<Option<EndpointConfig>, ConfigError> {
        if self.raw.url.is_none() || (self.raw.secret.is_none() && driver == Driver::Cache) {
            return Ok(None);
        }
        let itself =
            RawEndpoint { name: Some("default".to_owned()), url: self.raw.url.clone(), ..RawEndpoint::default() };
        self.endpoint("webhook.", itself).map(Some)
    }

    /// One endpoint; `at` is the path of its keys.
    fn endpoint(&self, at: &str, raw: RawEndpoint) -> Result<EndpointConfig, ConfigError> {
        let section = &self.raw;
        let url = self.url(&format!("{at}url"), raw.url.as_deref())?;
        // Former secrets of the section belong to the section's secret, not to an endpoint's own.
        let none = Vec::new();
        let former = if raw.secret.is_some() { &none } else { &section.previous_secrets };
        let former = own_or(at, "previous_secrets", raw.previous_secrets, former);
        let (header_key, header) = own_or(at, "signature_header", raw.signature_header, &section.signature_header);
        let (algo_key, algo) = own_or(at, "algo", raw.algo, &section.algo);
        let (timeout_key, timeout) = own_or(at, "timeout", raw.timeout, &section.timeout);
        if !is_free(&header) {
            return Err(self.layers.refuse(&header_key, "is no name for this header"));
        }
        Ok(EndpointConfig {
            name: self.name(at, raw.name, &url)?,
            secret: self.secret(at, raw.secret)?,
            previous_secrets: self.former(former)?,
            send_on: self.send_on(&raw.send_on),
            headers: self.headers(own_or(at, "headers", raw.headers, &section.headers))?,
            algo: self.layers.parse(&algo_key, &algo)?,
            signature_header: header,
            timeout: self.layers.seconds(&timeout_key, timeout, 1..=300)?,
            url,
        })
    }

    fn name(&self, at: &str, name: Option<String>, url: &Url) -> Result<String, ConfigError> {
        let name = name.unwrap_or_else(|| url.host_str().unwrap_or_default().to_owned());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        match !name.is_empty() && name.bytes().all(plain) {
            true => Ok(name),
            false => Err(self.layers.refuse(&format!("{at}name"), "may have letters, digits, . - _ in it")),
        }
    }

    fn secret(&self, at: &str, own: Option<String>) -> Result<SecretString, ConfigError> {
        let secret = own.or_else(|| self.raw.secret.clone());
        secret.map(SecretString::from).ok_or_else(|| {
            let what = "has no secret to sign with (an empty one is none): set PRESENCE_WEBHOOK_SECRET";
            self.layers.refuse(&format!("{at}url"), what)
        })
    }

    fn url(&self, key: &str, text: Option<&str>) -> Result<Url, ConfigError> {
        let text = text.ok_or_else(|| self.layers.refuse(key, "is missing"))?;
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let url = url.ok_or_else(|| self.layers.refuse(key, "must be an http or https address"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(self.layers.refuse(key, "must not carry a user: send an Authorization in webhook.headers"));
        }
        match ip_literal(&url) {
            // What every delivery would come to, after hours of tries.
            Some(address) if !EgressPolicy::new(&self.allowed).allows(address) => {
                let what = format!("leads to {address}, which is not in webhook.allowed_networks, or is never allowed");
                Err(self.layers.refuse(key, what))
            }
            _ => Ok(url),
        }
    }

    fn former(&self, (key, secrets): (String, Vec<String>)) -> Result<Vec<SecretString>, ConfigError> {
        match secrets.iter().any(String::is_empty) {
            true => Err(self.layers.refuse(&key, "must not have an empty entry")),
            false => Ok(secrets.into_iter().map(SecretString::from).collect()),
        }
    }

    fn send_on(&self, own: &RawSendOn) -> SendOn {
        let section = &self.raw.send_on;
        let wanted = |own: Option<bool>, section: Option<bool>| own.or(section).unwrap_or_default();
        SendOn {
            online: wanted(own.online, section.online),
            offline: wanted(own.offline, section.offline),
            heartbeat: wanted(own.heartbeat, section.heartbeat),
            away: wanted(own.away, section.away),
        }
    }

    fn headers(&self, (key, table): (String, Headers)) -> Result<Vec<(String, SecretString)>, ConfigError> {
        for (name, value) in &table {
            if !is_free(name) {
                return Err(self.layers.refuse(&key, format!("must not have a header {name:?}")));
            }
            if value.chars().any(char::is_control) {
                return Err(self.layers.refuse(&key, format!("has control characters in {name:?}")));
            }
        }
        Ok(table.into_iter().map(|(name, value)| (name, SecretString::from(value))).collect())
    }
}

/// The endpoint's own value or the section's, with the path of the key it came from.
fn own_or<T: Clone>(at: &str, key: &str, own: Option<T>, section: &T) -> (String, T) {
    match own {
        Some(own) => (format!("{at}{key}"), own),
        None => (format!("webhook.{key}"), section.clone()),
    }
}

/// Whether a header of this name can be added to a post.
fn is_free(name: &str) -> bool {
    is_token(name) && !RESERVED.contains(&name.to_ascii_lowercase().as_str())
}
