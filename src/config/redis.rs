//! `[redis]`: one server, written as Laravel's `REDIS_*` names or as one URL.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::Url;

use super::error::ConfigError;
use super::layers::Layers;
use super::raw::RawRedis;

/// The RedisConfig server and the two databases in it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RedisConfig {
    /// Where it listens.
    pub endpoint: RedisEndpoint,
    /// The ACL user; without one the password alone is sent.
    pub username: Option<String>,
    /// The password.
    pub password: Option<SecretString>,
    /// The database of the sidecar's own keys (`REDIS_DB`).
    pub db: i64,
    /// The database of Laravel's cache records (`REDIS_CACHE_DB`).
    pub cache_db: i64,
    /// What Laravel's RedisConfig connection puts in front of every key.
    pub prefix: String,
    /// Time for one command, and for connecting.
    pub timeout: Duration,
}

/// Where a RedisConfig server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisEndpoint {
    /// A host (an IPv6 address without brackets) and port.
    Tcp {
        /// Name or address.
        host: String,
        /// Port, never 0.
        port: u16,
        /// Whether the connection is encrypted.
        tls: bool,
    },
    /// A unix socket.
    Unix(PathBuf),
}

const SCHEMES: &str = "must begin with redis://, rediss://, tls://, unix:// or redis+unix://";

/// The keys while a URL may still override them, as it does in Laravel.
struct Parts {
    scheme: Option<String>,
    host: String,
    port: i64,
    username: Option<String>,
    password: Option<String>,
    db: i64,
    cache_db: i64,
}

/// Resolves `[redis]`; `default_prefix` stands in for a prefix nobody has set.
pub(super) fn resolve(raw: RawRedis, layers: &Layers, default_prefix: String) -> Result<RedisConfig, ConfigError> {
    let timeout = layers.number("redis.timeout_ms", raw.timeout_ms, 10..=60_000)?;
    let mut parts = Parts {
        scheme: raw.scheme,
        host: raw.host,
        port: raw.port,
        username: raw.username,
        password: raw.password,
        db: raw.db,
        cache_db: raw.cache_db,
    };
    if let Some(url) = &raw.url {
        parts.apply(url).map_err(|why| layers.refuse("redis.url", why))?;
    }
    let source = if raw.url.is_some() { "redis.url" } else { "redis.host" };
    parts.check_databases().map_err(|key| {
        let key = if raw.url.is_some() { source } else { key };
        layers.refuse(key, "must name a database from 0 to 65535")
    })?;
    Ok(RedisConfig {
        endpoint: endpoint(&parts).map_err(|(key, why)| layers.refuse(key.unwrap_or(source), why))?,
        username: parts.username,
        password: parts.password.map(SecretString::from),
        db: parts.db,
        cache_db: parts.cache_db,
        prefix: raw.prefix.unwrap_or(default_prefix),
        timeout: Duration::from_millis(timeout),
    })
}

impl Parts {
    /// The key of a database that cannot be.
    fn check_databases(&self) -> Result<(), &'static str> {
        let databases = [("redis.db", self.db), ("redis.cache_db", self.cache_db)];
        match databases.into_iter().find(|(_, db)| !(0..=65_535).contains(db)) {
            Some((key, _)) => Err(key),
            None => Ok(()),
        }
    }

    fn apply(&mut self, text: &str) -> Result<(), String> {
        let url = Url::parse(text).map_err(|_| SCHEMES.to_owned())?;
        let scheme = url.scheme();
        let unix = matches!(scheme, "unix" | "redis+unix");
        if !unix && !matches!(scheme, "redis" | "rediss" | "tls" | "tcp") {
            return Err(SCHEMES.to_owned());
        }
        self.scheme = Some(scheme.to_owned());
        if unix {
            self.host = decoded(url.path())?;
        } else {
            self.host = decoded(url.host_str().ok_or("must name a host")?)?;
            self.port = url.port().map_or(self.port, i64::from);
            self.choose(url.path().trim_matches('/'))?;
        }
        if !url.username().is_empty() {
            self.username = Some(decoded(url.username())?);
        }
        if let Some(password) = url.password() {
            self.password = Some(decoded(password)?);
        }
        self.options(&url)
    }

    fn options(&mut self, url: &Url) -> Result<(), String> {
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "db" | "database" => self.choose(&value)?,
                "user" | "username" => self.username = Some(value.into_owned()),
                "pass" | "password" => self.password = Some(value.into_owned()),
                _ => {}
            }
        }
        Ok(())
    }

    fn choose(&mut self, number: &str) -> Result<(), String> {
        if !number.is_empty() {
            let number = number.parse().map_err(|_| "must name the database by its number")?;
            (self.db, self.cache_db) = (number, number);
        }
        Ok(())
    }
}

fn decoded(text: &str) -> Result<String, String> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(std::borrow::Cow::into_owned).map_err(|_| "must be UTF-8 behind its percent signs".to_owned())
}

/// Which key is to blame (none: whichever named the host), and why.
type Blame = (Option<&'static str>, &'static str);

fn endpoint(parts: &Parts) -> Result<RedisEndpoint, Blame> {
    let (inline, host) = match parts.host.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, parts.host.as_str()),
    };
    if host.starts_with('/') {
        return Ok(RedisEndpoint::Unix(PathBuf::from(host)));
    }
    let scheme = inline.or(parts.scheme.as_deref()).unwrap_or("tcp");
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "tls" | "rediss" | "ssl" => true,
        "tcp" | "redis" => false,
        "unix" | "redis+unix" => {
            return Err((None, "must name the socket by its whole path, such as unix:///run/redis.sock"));
        }
        _ if inline.is_some() => {
            return Err((None, "must begin with tcp://, tls:// or unix://, or with no scheme"));
        }
        _ => return Err((Some("redis.scheme"), "must be tcp, tls or unix")),
    };
    let port = u16::try_from(parts.port).ok().filter(|port| *port > 0);
    let port = port.ok_or((Some("redis.port"), "must be a port from 1 to 65535"))?;
    Ok(RedisEndpoint::Tcp { host: bare_host(host)?.to_owned(), port, tls })
}

/// A name or address, an IPv6 address without its brackets.
fn bare_host(host: &str) -> Result<&str, Blame> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = host.parse::<std::net::Ipv6Addr>().is_ok();
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '@' | '?' | '#');
    match host.is_empty() || host.contains(odd) || (host.contains(':') && !address) {
        true => Err((None, "must name a host alone; its port belongs in redis.port")),
        false => Ok(host),
    }
}
