//! `[server]` and `[metrics]`: where to listen, and who is believed there.

use std::collections::HashSet;

use url::Url;

use super::error::ConfigError;
use super::layers::Layers;
use super::listen::Listen;
use super::network::network;
use super::raw::{RawMetrics, RawServer};
use super::resolved::{MetricsConfig, ServerConfig};

type Outcome<T> = Result<T, ConfigError>;

/// Both sections; no listener of one is in the way of the other's.
pub(super) fn resolve(
    server: RawServer,
    metrics: &RawMetrics,
    layers: &Layers,
) -> Outcome<(ServerConfig, MetricsConfig)> {
    let server = self::server(server, layers)?;
    let metrics = MetricsConfig { listen: listeners("metrics.listen", &metrics.listen, layers)? };
    distinct(&server, &metrics, layers)?;
    Ok((server, metrics))
}

fn server(raw: RawServer, layers: &Layers) -> Outcome<ServerConfig> {
    let listen = listeners("server.listen", &raw.listen, layers)?;
    if listen.is_empty() {
        return Err(layers.refuse("server.listen", "must name at least one address, such as 127.0.0.1:8137"));
    }
    let timeout = |key: &str, value: i64| layers.seconds(key, value, 1..=3600);
    Ok(ServerConfig {
        listen,
        workers: layers.number("server.workers", raw.workers, 0..=1024)?,
        max_connections: layers.number("server.max_connections", raw.max_connections, 1..=1_000_000)?,
        header_timeout: timeout("server.header_timeout_seconds", raw.header_timeout_seconds)?,
        body_timeout: timeout("server.body_timeout_seconds", raw.body_timeout_seconds)?,
        body_limit: layers.number("server.body_limit", raw.body_limit, 1024..=1_073_741_824)?,
        shutdown_timeout: layers.seconds("server.shutdown_timeout_seconds", raw.shutdown_timeout_seconds, 0..=3600)?,
        trusted_proxies: layers.parse_all("server.trusted_proxies", &raw.trusted_proxies, |text| {
            network(text).ok_or_else(|| "must be an address or a network such as 10.0.0.0/8".to_owned())
        })?,
        allowed_origins: allowed_origins(&raw.allowed_origins, layers)?,
    })
}

fn listeners(key: &str, texts: &[String], layers: &Layers) -> Outcome<Vec<Listen>> {
    layers.parse_all(key, texts, str::parse)
}

/// Refuses an address that two listeners would share.
fn distinct(server: &ServerConfig, metrics: &MetricsConfig, layers: &Layers) -> Outcome<()> {
    let mut seen = HashSet::new();
    let main = server.listen.iter().map(|listen| ("server.listen", listen));
    let metrics = metrics.listen.iter().map(|listen| ("metrics.listen", listen));
    for (key, listen) in main.chain(metrics).filter(|(_, listen)| listen.is_exclusive()) {
        if !seen.insert(listen) {
            return Err(layers.refuse(key, format!("names {listen} a second time")));
        }
    }
    Ok(())
}

/// `server.allowed_origins` in the spelling that browsers send.
fn allowed_origins(texts: &[String], layers: &Layers) -> Result<Vec<String>, ConfigError> {
    const KEY: &str = "server.allowed_origins";
    let origins = layers.parse_all(KEY, texts, origin)?;
    match origins.len() > 1 && origins.iter().any(|origin| origin == "*") {
        true => Err(layers.refuse(KEY, "has * beside others: * allows all of them already")),
        false => Ok(origins),
    }
}

fn origin(text: &str) -> Result<String, String> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    let refused = || "must be an origin such as https://app.test, without a path, or *".to_owned();
    let url = Url::parse(text).map_err(|_| refused())?;
    let origin = url.origin().ascii_serialization();
    let bare = url.path().trim_matches('/').is_empty() && url.query().is_none() && url.fragment().is_none();
    match bare && url.username().is_empty() && url.password().is_none() && origin != "null" {
        true => Ok(origin),
        false => Err(refused()),
    }
}
