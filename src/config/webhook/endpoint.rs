//! One endpoint of `[webhook]`: missing keys are taken from the section.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::algo::Algo;
use super::signing_secret::SigningSecret;
use crate::config::layers::{Layers, Result, is_token};
use crate::egress::{EgressPolicy, Network, ip_literal};

/// Headers that the delivery sets itself.
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

/// One receiver of webhooks. `Debug` omits everything that may contain a secret.
#[derive(Clone)]
#[non_exhaustive]
pub struct EndpointConfig {
    /// The name in logs, metrics and dead letters.
    pub name: String,
    /// The URL, http or https, without user and password.
    pub url: Url,
    /// The signing secret.
    pub secret: SigningSecret,
    /// Earlier secrets that sign as well as [`secret`](Self::secret), while receivers change to the new one.
    pub previous_secrets: Vec<SigningSecret>,
    /// The events that are posted to it.
    pub send_on: SendOn,
    /// Additional headers of each post; their values may be credentials.
    pub headers: Vec<(String, SecretString)>,
    /// The hash function of the signature.
    pub algo: Algo,
    /// The name of the signature header.
    pub signature_header: String,
    /// Timeout for one post, from connecting to the end of the response.
    pub timeout: Duration,
    /// The trusted certificates (PEM); `None` for those of the system.
    pub ca: Option<Vec<u8>>,
}

impl fmt::Debug for EndpointConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Path and query often contain a token.
        let url = self.url.origin().ascii_serialization();
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Endpoint")
            .field("name", &self.name)
            .field("url", &url)
            .field("previous_secrets", &self.previous_secrets.len())
            .field("send_on", &self.send_on)
            .field("headers", &headers)
            .field("algo", &self.algo)
            .field("signature_header", &self.signature_header)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Which events are posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendOn {
    /// A user came online.
    pub online: bool,
    /// A user went offline.
    pub offline: bool,
    /// Each heartbeat.
    pub heartbeat: bool,
    /// A user became away.
    pub away: bool,
}

/// One of `[[webhook.endpoints]]`, or `[webhook]` itself.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEndpoint {
    name: Option<String>,
    url: Option<String>,
    secret: Option<String>,
    previous_secrets: Option<Vec<String>>,
    timeout: Option<i64>,
    signature_header: Option<String>,
    algo: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    send_on: RawSendOn,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSendOn {
    online: Option<bool>,
    offline: Option<bool>,
    heartbeat: Option<bool>,
    away: Option<bool>,
}

impl RawEndpoint {
    /// The endpoint of `[webhook]` itself.
    pub(super) fn default_endpoint(url: String) -> Self {
        Self { name: Some("default".to_owned()), url: Some(url), ..Self::default() }
    }
}

/// The values of `[webhook]` for the keys that an endpoint does not have.
pub(super) struct Fallback<'a> {
    pub layers: &'a Layers,
    /// The networks that a receiver's address must be in.
    pub allowed: &'a [Network],
    pub secret: Option<String>,
    pub previous_secrets: Vec<String>,
    pub timeout: i64,
    pub signature_header: String,
    pub algo: String,
    pub headers: BTreeMap<String, String>,
    pub send_on: RawSendOn,
    /// The trusted certificates of all receivers.
    pub ca: Option<Vec<u8>>,
}

impl Fallback<'_> {
    /// Resolves one endpoint; `at` is the path of its keys, such as `webhook.endpoints[0].`.
    pub(super) fn resolve(&self, at: &str, raw: RawEndpoint) -> Result<EndpointConfig> {
        let url = self.url(&format!("{at}url"), raw.url.as_deref())?;
        // Previous secrets of the section belong to the section's secret, not to an endpoint's own.
        let none = Vec::new();
        let previous = if raw.secret.is_some() { &none } else { &self.previous_secrets };
        let previous = own_or(at, "previous_secrets", raw.previous_secrets, previous);
        let (header_key, header) = own_or(at, "signature_header", raw.signature_header, &self.signature_header);
        let (algo_key, algo) = own_or(at, "algo", raw.algo, &self.algo);
        let (timeout_key, timeout) = own_or(at, "timeout", raw.timeout, &self.timeout);
        if !is_allowed_header(&header) {
            return Err(self.layers.error_at(&header_key, "is not a valid name for this header"));
        }
        let headers = self.headers(own_or(at, "headers", raw.headers, &self.headers), &header)?;
        Ok(EndpointConfig {
            name: self.name(at, raw.name, &url)?,
            secret: self.secret(at, raw.secret)?,
            previous_secrets: self.previous(previous)?,
            send_on: self.send_on(&raw.send_on),
            headers,
            algo: self.layers.parse_word(&algo_key, &algo, &Algo::ALL.map(Algo::name))?,
            signature_header: header,
            timeout: self.layers.seconds(&timeout_key, timeout, 1..=300)?,
            url,
            ca: self.ca.clone(),
        })
    }

    fn name(&self, at: &str, name: Option<String>, url: &Url) -> Result<String> {
        let name = name.unwrap_or_else(|| url.host_str().unwrap_or_default().to_owned());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        match !name.is_empty() && name.bytes().all(plain) {
            true => Ok(name),
            false => Err(self.layers.error_at(&format!("{at}name"), "may contain only letters, digits, . - _")),
        }
    }

    fn secret(&self, at: &str, own: Option<String>) -> Result<SigningSecret> {
        let (key, secret) = own_or(at, "secret", own.map(Some), &self.secret);
        let secret = secret.ok_or_else(|| {
            let what = "has no signing secret (an empty one does not count): set PRESENCE_WEBHOOK_SECRET";
            self.layers.error_at(&format!("{at}url"), what)
        })?;
        self.layers.parse(&key, &secret)
    }

    fn url(&self, key: &str, text: Option<&str>) -> Result<Url> {
        let text = text.ok_or_else(|| self.layers.error_at(key, "is missing"))?;
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let url = url.ok_or_else(|| self.layers.error_at(key, "must be an http or https URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(self
                .layers
                .error_at(key, "must not contain a user: set an Authorization header in webhook.headers"));
        }
        if url.port() == Some(0) {
            return Err(self.layers.error_at(key, "must not have port 0"));
        }
        match ip_literal(&url) {
            // Otherwise every delivery would fail, after hours of retries.
            Some(address) if !EgressPolicy::new(self.allowed).allows(address) => {
                let what =
                    format!("has the address {address}, which is not in webhook.allowed_networks, or is never allowed");
                Err(self.layers.error_at(key, what))
            }
            _ => Ok(url),
        }
    }

    fn previous(&self, (key, secrets): (String, Vec<String>)) -> Result<Vec<SigningSecret>> {
        if secrets.iter().any(String::is_empty) {
            return Err(self.layers.error_at(&key, "must not have an empty entry"));
        }
        let parse = |(index, secret): (usize, &String)| {
            secret.parse().map_err(|why: String| self.layers.error_at(&key, format!("entry {}: {why}", index + 1)))
        };
        secrets.iter().enumerate().map(parse).collect()
    }

    fn send_on(&self, own: &RawSendOn) -> SendOn {
        let section = &self.send_on;
        let choose = |own: Option<bool>, section: Option<bool>| own.or(section).unwrap_or_default();
        SendOn {
            online: choose(own.online, section.online),
            offline: choose(own.offline, section.offline),
            heartbeat: choose(own.heartbeat, section.heartbeat),
            away: choose(own.away, section.away),
        }
    }

    /// The additional headers, each of another name than the others and the one with the signature.
    fn headers(
        &self,
        (key, table): (String, BTreeMap<String, String>),
        signature_header: &str,
    ) -> Result<Vec<(String, SecretString)>> {
        let mut names = HashSet::from([signature_header.to_ascii_lowercase()]);
        for (name, value) in &table {
            if !names.insert(name.to_ascii_lowercase()) {
                let what =
                    format!("must not contain the header {name:?} again: each post has one of that name already");
                return Err(self.layers.error_at(&key, what));
            }
            if !is_allowed_header(name) {
                return Err(self.layers.error_at(&key, format!("must not contain the header {name:?}")));
            }
            if value.chars().any(char::is_control) {
                return Err(self.layers.error_at(&key, format!("has control characters in the value of {name:?}")));
            }
        }
        Ok(table.into_iter().map(|(name, value)| (name, SecretString::from(value))).collect())
    }
}

/// The endpoint's own value or the section's, with the path of its key.
fn own_or<T: Clone>(at: &str, key: &str, own: Option<T>, section: &T) -> (String, T) {
    match own {
        Some(own) => (format!("{at}{key}"), own),
        None => (format!("webhook.{key}"), section.clone()),
    }
}

/// Whether a post may have an additional header of this name.
fn is_allowed_header(name: &str) -> bool {
    is_token(name) && !RESERVED.contains(&name.to_ascii_lowercase().as_str())
}
