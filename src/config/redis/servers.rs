//! Nodes of a cluster, Sentinels, and the certificates of TLS connections.

use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;

use crate::config::host_port;
use crate::config::layers::{Layers, Result};

/// The address of a Redis server, or of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisEndpoint {
    /// Nodes of a cluster, at least one.
    Cluster(Vec<RedisHost>),
    /// A host (an IPv6 address without brackets) and port.
    Tcp {
        /// The host name or address.
        host: String,
        /// The port, never 0.
        port: u16,
        /// Whether the connection uses TLS.
        tls: bool,
    },
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl RedisEndpoint {
    pub(super) fn is_tls(&self) -> bool {
        match self {
            Self::Tcp { tls, .. } => *tls,
            Self::Cluster(nodes) => nodes.iter().any(|node| node.tls),
            Self::Unix(_) => false,
        }
    }
}

/// The address of a node or a Sentinel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisHost {
    /// The host name or address; an IPv6 address is without brackets.
    pub host: String,
    /// The port, never 0.
    pub port: u16,
    /// Whether the connection uses TLS.
    pub tls: bool,
}

impl fmt::Display for RedisHost {
    /// `host:port`; an IPv6 address in brackets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&host_port::join(&self.host, self.port))
    }
}

/// The certificates of TLS connections to Redis, in PEM format. `Debug` omits them.
#[derive(Clone, Default)]
pub struct RedisTls {
    /// The trusted certificates; `None` for those of the system.
    pub ca: Option<Vec<u8>>,
    /// The certificate and the key that this client presents.
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for RedisTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedisTls").finish_non_exhaustive()
    }
}

/// The Sentinels that name the server.
#[derive(Clone, Debug)]
pub struct SentinelConfig {
    /// Their addresses, at least one.
    pub sentinels: Vec<RedisHost>,
    /// The name of the service that they monitor.
    pub service: String,
    /// The ACL user at the Sentinels.
    pub username: Option<String>,
    /// The password at the Sentinels.
    pub password: Option<SecretString>,
}

/// Rejects two ways to the server at the same time.
pub(super) fn check_alternatives(url: bool, cluster: bool, sentinels: bool, layers: &Layers) -> Result<()> {
    if cluster && sentinels {
        return Err(
            layers.error_at("redis.sentinels", "must not be set together with redis.cluster: unset one of them")
        );
    }
    if url && (cluster || sentinels) {
        let other = if cluster { "redis.cluster" } else { "redis.sentinels" };
        let fix = "unset it, and set REDIS_USERNAME, REDIS_PASSWORD, REDIS_SCHEME";
        return Err(layers.error_at("redis.url", format!("must not be set together with {other}: {fix}")));
    }
    Ok(())
}

/// Parses `host:port` entries of `key`; those without a scheme use TLS if `tls` says so.
pub(super) fn hosts(
    key: &str,
    entries: &[String],
    (port, tls): (u16, bool),
    layers: &Layers,
) -> Result<Vec<RedisHost>> {
    if entries.is_empty() {
        return Err(layers.error_at(key, "must have at least one host:port, or not be set"));
    }
    if entries.iter().any(|entry| entry.contains('@')) {
        let fix = "set REDIS_USERNAME and REDIS_PASSWORD, or redis.sentinel_username and redis.sentinel_password";
        return Err(layers.error_at(key, format!("must have no user and password: {fix}")));
    }
    layers.parse_all(key, entries, |text| host(text, port, tls))
}

fn host(text: &str, port: u16, tls: bool) -> std::result::Result<RedisHost, String> {
    let (tls, address) = match text.split_once("://") {
        None => (tls, text),
        Some(("tls" | "rediss" | "ssl", address)) => (true, address),
        Some(("tcp" | "redis", address)) => (false, address),
        Some(_) => return Err("must begin with tls:// or tcp://, or with no scheme".to_owned()),
    };
    let (host, own) = host_port::split(address)?;
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '?' | '#');
    let is_address = host.parse::<std::net::Ipv6Addr>().is_ok();
    match host.contains(odd) || (host.contains(':') && !is_address) {
        true => Err("must be host:port".to_owned()),
        false => Ok(RedisHost { host: host.to_owned(), port: own.unwrap_or(port), tls }),
    }
}

/// Reads the trusted certificates, the client's certificate and its key; they are for TLS connections alone.
pub(super) fn certificates(files: [Option<String>; 3], is_tls: bool, layers: &Layers) -> Result<RedisTls> {
    const KEYS: [&str; 3] = ["redis.ssl_ca", "redis.ssl_cert", "redis.ssl_key"];
    let mut contents = [None, None, None];
    for ((key, file), content) in KEYS.into_iter().zip(&files).zip(&mut contents) {
        let Some(file) = file else { continue };
        if !is_tls {
            let fix = "is for TLS connections: set redis.scheme to tls (REDIS_SCHEME), or unset it";
            return Err(layers.error_at(key, fix));
        }
        *content = Some(layers.certificates(key, file)?);
    }
    match contents {
        [ca, Some(certificate), Some(key)] => Ok(RedisTls { ca, client: Some((certificate, key)) }),
        [ca, None, None] => Ok(RedisTls { ca, client: None }),
        [_, Some(_), None] => Err(layers.error_at("redis.ssl_cert", "needs its key: set redis.ssl_key")),
        [_, None, Some(_)] => Err(layers.error_at("redis.ssl_key", "needs its certificate: set redis.ssl_cert")),
    }
}
