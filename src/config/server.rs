//! `[server]` and `[metrics]`: listeners, limits, trusted proxies and allowed origins.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use url::Url;

use super::layers::{Layers, Result, is_token};
use super::network::parse_range;
use super::socket;
use super::socket::SocketAccess;

/// `[server]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The addresses to listen on: at least one, without duplicates.
    pub listen: Vec<Listen>,
    /// Who may connect to Unix sockets.
    pub socket: SocketAccess,
    /// The certificate of TCP addresses.
    pub tls: Option<TlsFiles>,
    /// Maximum number of open connections, over all listeners.
    pub max_connections: usize,
    /// Maximum number of open connections from one address.
    pub max_connections_per_address: usize,
    /// Maximum number of open connections on which no user and no trusted caller has sent a request.
    pub max_anonymous_connections: usize,
    /// Threads for requests; 0 means half of the machine's cores.
    pub workers: usize,
    /// Timeout for receiving the head of a request.
    pub header_timeout: Duration,
    /// Timeout for receiving the body of a request.
    pub body_timeout: Duration,
    /// Maximum time of a connection without a request.
    pub idle_timeout: Duration,
    /// Maximum time for which a peer takes no bytes of a response.
    pub write_timeout: Duration,
    /// Maximum size of a body, in bytes.
    pub body_limit: usize,
    /// Maximum size of a body whose sender is not known from the head, in bytes.
    pub anonymous_body_limit: usize,
    /// Maximum number of bytes of heads, bodies and responses on their way.
    pub memory_budget: usize,
    /// The part of it that one address may use.
    pub memory_budget_per_address: usize,
    /// Time that open requests have to finish after SIGTERM.
    pub shutdown_timeout: Duration,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Browser origins that may call the user routes: exact origins, or `*` alone.
    pub allowed_origins: Vec<String>,
    /// Further request headers that pages of these origins may set, in lower case.
    pub allowed_headers: Vec<String>,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// A PEM file with the server's certificate, and those between it and the authority.
    pub certificate: PathBuf,
    /// A PEM file with its key.
    pub key: PathBuf,
}

/// `[metrics]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MetricsConfig {
    /// Listeners that serve only `/metrics`; if empty, the main listeners serve it.
    pub listen: Vec<Listen>,
    /// Whether metrics have their names of version 0.1 as well.
    pub legacy_names: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawServer {
    listen: Vec<String>,
    socket_mode: String,
    socket_group: Option<String>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    workers: i64,
    max_connections: i64,
    max_connections_per_address: i64,
    max_anonymous_connections: i64,
    header_timeout_seconds: i64,
    body_timeout_seconds: i64,
    idle_timeout_seconds: i64,
    write_timeout_seconds: i64,
    body_limit: i64,
    anonymous_body_limit: i64,
    memory_budget: i64,
    memory_budget_per_address: i64,
    shutdown_timeout_seconds: i64,
    trusted_proxies: Vec<String>,
    allowed_origins: Vec<String>,
    allowed_headers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMetrics {
    listen: Vec<String>,
    legacy_names: bool,
}

/// Minimum of `server.memory_budget`: a few bodies and responses of the usual limits.
const MIN_BUDGET: i64 = 8 * 1024 * 1024;

/// Minimum of `server.memory_budget_per_address`.
const MIN_SHARE: i64 = 64 * 1024;

/// One address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Listen {
    /// `host:port`, with an IPv6 address in brackets. With port 0 the system chooses a port.
    Tcp(String),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Listen {
    /// Whether two listeners on this address would conflict.
    fn is_exclusive(&self) -> bool {
        match self {
            Self::Tcp(address) => !address.ends_with(":0"),
            Self::Unix(_) => true,
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || "must be `host:port` or `unix:/path/to.sock`".to_owned();
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path.is_empty() || path.contains('\0') {
                true => Err(invalid()),
                false => Ok(Self::Unix(PathBuf::from(path))),
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
        let port: u16 = match port.bytes().all(|byte| byte.is_ascii_digit()) {
            true => port.parse().map_err(|_| invalid())?,
            false => return Err(invalid()),
        };
        match is_host(host) {
            true => Ok(Self::Tcp(format!("{host}:{port}"))),
            false => Err(invalid()),
        }
    }
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !host.is_empty() && host.bytes().all(plain)
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Resolves both sections; their listeners must not conflict.
pub(super) fn resolve(
    server: RawServer,
    metrics: &RawMetrics,
    layers: &Layers,
) -> Result<(ServerConfig, MetricsConfig)> {
    let server = self::server(server, layers)?;
    let metrics = MetricsConfig {
        listen: listeners("metrics.listen", &metrics.listen, layers)?,
        legacy_names: metrics.legacy_names,
    };
    check_distinct(&server, &metrics, layers)?;
    Ok((server, metrics))
}

fn server(raw: RawServer, layers: &Layers) -> Result<ServerConfig> {
    let listen = listeners("server.listen", &raw.listen, layers)?;
    if listen.is_empty() {
        return Err(layers.error_at("server.listen", "must name at least one address, such as 127.0.0.1:8137"));
    }
    let timeout = |key: &str, value: i64| layers.seconds(&format!("server.{key}_seconds"), value, 1..=3600);
    let bytes = |key: &str, value: i64, least: i64| layers.number(&format!("server.{key}"), value, least..=1 << 40);
    let connections = |key: &str, value: i64| layers.number(&format!("server.{key}"), value, 1..=1_000_000);
    Ok(ServerConfig {
        listen,
        socket: socket::resolve(&raw.socket_mode, raw.socket_group.as_deref(), layers)?,
        tls: tls_files(raw.tls_cert, raw.tls_key, layers)?,
        workers: layers.number("server.workers", raw.workers, 0..=1024)?,
        max_connections: connections("max_connections", raw.max_connections)?,
        max_connections_per_address: connections("max_connections_per_address", raw.max_connections_per_address)?,
        max_anonymous_connections: connections("max_anonymous_connections", raw.max_anonymous_connections)?,
        header_timeout: timeout("header_timeout", raw.header_timeout_seconds)?,
        body_timeout: timeout("body_timeout", raw.body_timeout_seconds)?,
        idle_timeout: timeout("idle_timeout", raw.idle_timeout_seconds)?,
        write_timeout: timeout("write_timeout", raw.write_timeout_seconds)?,
        body_limit: layers.number("server.body_limit", raw.body_limit, 1024..=1_073_741_824)?,
        anonymous_body_limit: bytes("anonymous_body_limit", raw.anonymous_body_limit, 1024)?,
        memory_budget: bytes("memory_budget", raw.memory_budget, MIN_BUDGET)?,
        memory_budget_per_address: bytes("memory_budget_per_address", raw.memory_budget_per_address, MIN_SHARE)?,
        shutdown_timeout: layers.seconds("server.shutdown_timeout_seconds", raw.shutdown_timeout_seconds, 0..=3600)?,
        trusted_proxies: layers.parse_all("server.trusted_proxies", &raw.trusted_proxies, |text| {
            parse_range(text).ok_or_else(|| "must be an address or a network such as 10.0.0.0/8".to_owned())
        })?,
        allowed_origins: allowed_origins(&raw.allowed_origins, layers)?,
        allowed_headers: layers.parse_all("server.allowed_headers", &raw.allowed_headers, header_name)?,
    })
}

fn tls_files(certificate: Option<PathBuf>, key: Option<PathBuf>, layers: &Layers) -> Result<Option<TlsFiles>> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(layers.error_at("server.tls_cert", "needs server.tls_key, the file of its key")),
        (None, Some(_)) => Err(layers.error_at("server.tls_key", "needs server.tls_cert, the file of its certificate")),
    }
}

fn listeners(key: &str, texts: &[String], layers: &Layers) -> Result<Vec<Listen>> {
    layers.parse_all_words(key, texts, &["unix"], str::parse)
}

/// Rejects an address that two listeners would share.
fn check_distinct(server: &ServerConfig, metrics: &MetricsConfig, layers: &Layers) -> Result<()> {
    let mut seen = HashSet::new();
    let main = server.listen.iter().map(|listen| ("server.listen", listen));
    let metrics = metrics.listen.iter().map(|listen| ("metrics.listen", listen));
    for (key, listen) in main.chain(metrics).filter(|(_, listen)| listen.is_exclusive()) {
        if !seen.insert(listen) {
            return Err(layers.error_at(key, format!("has {listen} more than once")));
        }
    }
    Ok(())
}

/// `server.allowed_origins` in the form that browsers send.
fn allowed_origins(texts: &[String], layers: &Layers) -> Result<Vec<String>> {
    const KEY: &str = "server.allowed_origins";
    let origins = layers.parse_all(KEY, texts, origin)?;
    match origins.len() > 1 && origins.iter().any(|origin| origin == "*") {
        true => Err(layers.error_at(KEY, "has * and other origins: * already allows all")),
        false => Ok(origins),
    }
}

fn origin(text: &str) -> Result<String, String> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    let invalid = || "must be an origin such as https://app.test, without a path, or *".to_owned();
    let url = Url::parse(text).map_err(|_| invalid())?;
    let origin = url.origin().ascii_serialization();
    let bare = url.path().trim_matches('/').is_empty() && url.query().is_none() && url.fragment().is_none();
    match bare && url.username().is_empty() && url.password().is_none() && origin != "null" {
        true => Ok(origin),
        false => Err(invalid()),
    }
}

fn header_name(text: &str) -> Result<String, String> {
    match is_token(text) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("must be names of HTTP headers, such as X-Device".to_owned()),
    }
}
