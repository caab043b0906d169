//! `[broadcast]`: the server that speaks Pusher's protocol, to which changes are published for browsers.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::layers::{Layers, Result};
use super::webhook::WebhookConfig;
use crate::egress::{EgressPolicy, ip_literal};

/// The name of the queue of broadcasts, which no webhook endpoint may have.
pub const BROADCAST_QUEUE: &str = "broadcast";

/// The words of `broadcast.reverb.scheme` and `broadcast.pusher.scheme`.
const SCHEMES: [&str; 2] = ["http", "https"];

/// The connections of Laravel that the sidecar can publish to.
const CONNECTIONS: [(&str, BroadcastKind); 2] = [("reverb", BroadcastKind::Reverb), ("pusher", BroadcastKind::Pusher)];

/// Beginnings of names that Reverb takes for guarded channels.
const GUARDED: [&str; 2] = ["presence", "private"];

/// The longest channel name that Pusher accepts.
const MAX_CHANNEL: usize = 164;

/// `[broadcast]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BroadcastConfig {
    /// The server; `None` publishes nothing.
    pub server: Option<BroadcastServer>,
    /// The public channels.
    pub public_channels: Vec<String>,
    /// The private channel of a user, without `private-`, with the placeholder `{id}`; `None` for none.
    pub user_channel: Option<String>,
    /// How long an offline is held back; a return in that time retracts it.
    pub debounce: Duration,
    /// Why nothing is published although the app broadcasts; for a warning.
    pub incomplete: Option<String>,
}

/// The kind of a server, which decides its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BroadcastKind {
    /// Laravel Reverb.
    Reverb,
    /// Pusher, or a server with its limits.
    Pusher,
}

impl BroadcastKind {
    /// The name of the connection, as in Laravel.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reverb => "reverb",
            Self::Pusher => "pusher",
        }
    }
}

/// A server with Pusher's HTTP API, and the application on it. `Debug` omits the secret.
#[derive(Clone)]
#[non_exhaustive]
pub struct BroadcastServer {
    /// The kind.
    pub kind: BroadcastKind,
    /// The id of the application.
    pub app_id: String,
    /// The key of the application, which is public.
    pub key: String,
    /// The secret that signs requests.
    pub secret: SecretString,
    /// Scheme, host and port, and the path under which the server has its API.
    pub url: Url,
    /// Timeout for one request, from connecting to the end of the response.
    pub timeout: Duration,
    /// Most bytes of a request, head and body together.
    pub max_bytes: usize,
}

impl fmt::Debug for BroadcastServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.as_str();
        let mut debug = formatter.debug_struct("BroadcastServer");
        debug.field("kind", &self.kind).field("app_id", &self.app_id).field("url", &url).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBroadcast {
    connection: String,
    timeout: i64,
    max_bytes: i64,
    debounce_seconds: i64,
    channels: RawChannels,
    reverb: RawServer,
    pusher: RawServer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawChannels {
    public: Vec<String>,
    user: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawServer {
    app_id: Option<String>,
    key: Option<String>,
    secret: Option<String>,
    host: Option<String>,
    port: i64,
    scheme: String,
    /// Only of Reverb.
    path: Option<String>,
    /// Only of Pusher.
    cluster: Option<String>,
}

pub(super) fn resolve(raw: RawBroadcast, webhook: &WebhookConfig, layers: &Layers) -> Result<BroadcastConfig> {
    let (server, incomplete) = server(&raw, webhook, layers)?;
    if server.is_some() && webhook.endpoints.iter().any(|endpoint| endpoint.name == BROADCAST_QUEUE) {
        let what = format!("publishes from the queue {BROADCAST_QUEUE:?}: give the webhook endpoint another name");
        return Err(layers.error_at("broadcast.connection", what));
    }
    let kind = server.as_ref().map(|server| server.kind);
    raw.channels.public.iter().try_for_each(|name| check_public(name, kind, layers))?;
    let user = raw.channels.user.trim();
    if !user.is_empty() && (!user.contains("{id}") || !is_channel(&user.replace("{id}", ""))) {
        let what = "must contain {id}, and otherwise only letters, digits and -_=@,.;";
        return Err(layers.error_at("broadcast.channels.user", what));
    }
    Ok(BroadcastConfig {
        server,
        user_channel: (!user.is_empty()).then(|| user.to_owned()),
        public_channels: raw.channels.public,
        debounce: layers.seconds("broadcast.debounce_seconds", raw.debounce_seconds, 0..=3600)?,
        incomplete,
    })
}

/// The chosen server; else the reason why the app's connection cannot be used, if there is one.
fn server(
    raw: &RawBroadcast,
    webhook: &WebhookConfig,
    layers: &Layers,
) -> Result<(Option<BroadcastServer>, Option<String>)> {
    const KEY: &str = "broadcast.connection";
    let follows = layers.value(KEY).is_some_and(|value| follows_app(&layers.origin(&value)));
    let kind = match CONNECTIONS.iter().find(|(name, _)| *name == raw.connection) {
        Some((_, kind)) => *kind,
        // The app broadcasts in another way, or into its log.
        None if raw.connection == "none" || follows => return Ok((None, None)),
        None => return Err(layers.not_one_of(KEY, &["none", "reverb", "pusher"])),
    };
    match complete(kind, raw, webhook, layers)? {
        Ok(server) => Ok((Some(server), None)),
        // The app's own setting must not stop a sidecar that started without it.
        Err(missing) if follows => Ok((None, Some(format!("{} {missing}", layers.describe(KEY))))),
        Err(missing) => Err(layers.error_at(KEY, missing)),
    }
}

/// Whether a value comes from the app's `BROADCAST_CONNECTION`, or `BROADCAST_DRIVER` up to Laravel 10.
fn follows_app(origin: &str) -> bool {
    origin.ends_with(" BROADCAST_CONNECTION") || origin.ends_with(" BROADCAST_DRIVER")
}

/// The server of `kind`; the inner error says which key is missing.
fn complete(
    kind: BroadcastKind,
    raw: &RawBroadcast,
    webhook: &WebhookConfig,
    layers: &Layers,
) -> Result<std::result::Result<BroadcastServer, String>> {
    let (section, server) = match kind {
        BroadcastKind::Reverb => ("reverb", &raw.reverb),
        BroadcastKind::Pusher => ("pusher", &raw.pusher),
    };
    let missing = |key: &str| {
        let name = format!("{}_{}", section, if key == "host" { "host" } else { "app_" }).to_uppercase();
        let name =
            if key == "host" { name } else { format!("{name}{}", key.trim_start_matches("app_").to_uppercase()) };
        format!("needs broadcast.{section}.{key}: set {name}")
    };
    let host = server.host.clone().or_else(|| Some(format!("api-{}.pusher.com", server.cluster.as_ref()?)));
    let (Some(app_id), Some(key), Some(secret)) = (&server.app_id, &server.key, &server.secret) else {
        let unset = [("app_id", &server.app_id), ("key", &server.key), ("secret", &server.secret)];
        let unset = unset.iter().find(|(_, value)| value.is_none()).map_or("secret", |(name, _)| name);
        return Ok(Err(missing(unset)));
    };
    let Some(host) = host else { return Ok(Err(missing("host"))) };
    Ok(Ok(BroadcastServer {
        kind,
        app_id: app_id.clone(),
        key: key.clone(),
        secret: SecretString::from(secret.clone()),
        url: url(section, server, &host, webhook, layers)?,
        timeout: layers.seconds("broadcast.timeout", raw.timeout, 1..=60)?,
        max_bytes: layers.number("broadcast.max_bytes", raw.max_bytes, 1_000..=10_000_000)?,
    }))
}

fn url(section: &str, raw: &RawServer, host: &str, webhook: &WebhookConfig, layers: &Layers) -> Result<Url> {
    let at = |key: &str| format!("broadcast.{section}.{key}");
    if !SCHEMES.contains(&raw.scheme.as_str()) {
        return Err(layers.not_one_of(&at("scheme"), &SCHEMES));
    }
    let port: u16 = layers.number(&at("port"), raw.port, 1..=65_535)?;
    let bracketed = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    let url = Url::parse(&format!("{}://{bracketed}:{port}/", raw.scheme)).ok();
    let is_bare = |url: &Url| url.path() == "/" && url.query().is_none() && url.username().is_empty();
    let url = url.filter(|url| url.has_host() && is_bare(url));
    let mut url =
        url.ok_or_else(|| layers.error_at(&at("host"), "must be a host name or an address, without a scheme"))?;
    if let Some(path) = &raw.path {
        if !is_path(path) {
            let what = "must be a path such as /reverb, of letters, digits and /-_.~";
            return Err(layers.error_at(&at("path"), what));
        }
        url.set_path(path);
    }
    match ip_literal(&url) {
        Some(address) if !EgressPolicy::new(&webhook.allowed_networks).allows(address) => {
            let what = "has an address that is not in webhook.allowed_networks, or is never allowed";
            Err(layers.error_at(&at("host"), what))
        }
        _ => Ok(url),
    }
}

fn check_public(name: &str, kind: Option<BroadcastKind>, layers: &Layers) -> Result<()> {
    const KEY: &str = "broadcast.channels.public";
    if !is_channel(name) || name.is_empty() || name.len() > MAX_CHANNEL {
        let what = format!("has {name:?}, which must have 1 to {MAX_CHANNEL} letters, digits and -_=@,.;");
        return Err(layers.error_at(KEY, what));
    }
    let guarded = match kind {
        Some(BroadcastKind::Reverb) => GUARDED.iter().any(|prefix| name.starts_with(prefix)),
        _ => name.starts_with("private-") || name.starts_with("presence-"),
    };
    if guarded {
        let what = format!(
            "has {name:?}, which the server takes for a guarded channel, so that no page can listen on it: begin it with \
             another word than presence or private"
        );
        return Err(layers.error_at(KEY, what));
    }
    Ok(())
}

/// Whether a path is one as `reverb:start --path` takes it; it may be empty.
fn is_path(path: &str) -> bool {
    path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte))
}

fn is_channel(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=@,.;".contains(&byte))
}
