//! The keys of one server, and the URL that overrides them.

use std::borrow::Cow;
use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::servers::RedisEndpoint;
use crate::config::layers::{Layers, Result, invalid_url, must_be, percent_decode};

/// `[redis]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRedis {
    pub(super) url: Option<String>,
    pub(super) host: String,
    pub(super) port: i64,
    pub(super) scheme: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    pub(super) db: i64,
    pub(super) cache_db: i64,
    pub(super) cache_connection: Option<String>,
    pub(super) prefix: Option<String>,
    pub(super) timeout_ms: i64,
    pub(super) cluster: Option<Vec<String>>,
    pub(super) shards: Option<i64>,
    pub(super) wait_replicas: i64,
    pub(super) sentinels: Option<Vec<String>>,
    pub(super) sentinel_service: String,
    pub(super) sentinel_username: Option<String>,
    pub(super) sentinel_password: Option<String>,
    pub(super) ssl_ca: Option<String>,
    pub(super) ssl_cert: Option<String>,
    pub(super) ssl_key: Option<String>,
}

const SCHEMES: &str = "must begin with redis://, rediss://, tls://, unix:// or redis+unix://";

/// The keys that a URL overrides, as in Laravel.
pub(super) struct Parts {
    pub(super) scheme: Option<String>,
    pub(super) host: String,
    pub(super) port: i64,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    pub(super) db: i64,
    pub(super) cache_db: i64,
    pub(super) prefix: Option<String>,
    /// Whether the URL is that of the Laravel app, whose clients ignore `?db=`.
    is_of_app: bool,
}

impl Parts {
    /// The keys, and the parts of the URL that override them.
    pub(super) fn of(raw: &mut RawRedis, layers: &Layers) -> Result<Self> {
        let mut parts = Self {
            scheme: raw.scheme.take(),
            host: std::mem::take(&mut raw.host),
            port: raw.port,
            username: raw.username.take(),
            password: raw.password.take(),
            db: raw.db,
            cache_db: raw.cache_db,
            prefix: raw.prefix.take(),
            is_of_app: layers.is_from_app("redis.url"),
        };
        if let Some(url) = &raw.url {
            parts.apply_url(url).map_err(|why| layers.error_at("redis.url", why))?;
        }
        parts.apply_cache_connection(raw.cache_connection.as_deref(), layers)?;
        parts.check_databases().map_err(|key| {
            let key = if raw.url.is_some() { "redis.url" } else { key };
            layers.error_at(key, "must be a database number from 0 to 65535")
        })?;
        Ok(parts)
    }

    /// With `default`, the cache is in the database of the default connection.
    fn apply_cache_connection(&mut self, connection: Option<&str>, layers: &Layers) -> Result<()> {
        match connection {
            None | Some("cache") => Ok(()),
            Some("default") => {
                self.cache_db = self.db;
                Ok(())
            }
            Some(_) => {
                let problem = "must be cache or default: another connection cannot be read without PHP; generate the \
                               configuration with php artisan presence:sidecar";
                Err(layers.misspelt("redis.cache_connection", problem, &["cache", "default"]))
            }
        }
    }

    /// Checks the numbers of both databases; the error is the key of the wrong one.
    fn check_databases(&self) -> Result<(), &'static str> {
        let databases = [("redis.db", self.db), ("redis.cache_db", self.cache_db)];
        match databases.into_iter().find(|(_, db)| !(0..=65_535).contains(db)) {
            Some((key, _)) => Err(key),
            None => Ok(()),
        }
    }

    /// Uses database 0 where none is set: a cluster usually has no other.
    pub(super) fn use_first_database(&mut self, layers: &Layers) {
        let is_default = |key: &str| layers.value(key).is_none_or(|value| layers.origin(&value) == "default");
        for (key, db) in [("redis.db", &mut self.db), ("redis.cache_db", &mut self.cache_db)] {
            if is_default(key) {
                *db = 0;
            }
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        let inline = self.host.split_once("://").map(|(scheme, _)| scheme);
        matches!(inline.or(self.scheme.as_deref()), Some("tls" | "rediss" | "ssl"))
    }

    fn apply_url(&mut self, text: &str) -> Result<(), String> {
        let known = ["redis", "rediss", "tls", "tcp", "unix", "redis+unix"];
        if !text.split_once("://").is_some_and(|(scheme, _)| known.contains(&scheme.to_ascii_lowercase().as_str())) {
            return Err(SCHEMES.to_owned());
        }
        let url = Url::parse(&with_host(text)).map_err(invalid_url)?;
        let scheme = url.scheme();
        let unix = matches!(scheme, "unix" | "redis+unix");
        self.scheme = Some(scheme.to_owned());
        if unix {
            self.host = percent_decode(url.path())?;
        } else {
            self.host = percent_decode(url.host_str().ok_or("must have a host")?)?;
            self.port = url.port().map_or(self.port, i64::from);
            self.set_databases(url.path().trim_matches('/'))?;
        }
        if !url.username().is_empty() {
            self.username = Some(percent_decode(url.username())?);
        }
        if let Some(password) = url.password() {
            self.password = Some(percent_decode(password)?);
        }
        self.apply_query(&url)
    }

    /// Applies the parameters, which Laravel merges into the connection. One that is dropped may lead to another server or to
    /// other keys than the app's, so that unknown ones are refused.
    fn apply_query(&mut self, url: &Url) -> Result<(), String> {
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "db" if self.is_of_app => {
                    return Err(
                        "has the parameter db, which phpredis ignores: write the number as the path, /2".to_owned()
                    );
                }
                "db" | "database" => self.set_databases(&value)?,
                "user" | "username" => self.username = Some(value.into_owned()),
                "pass" | "password" => self.password = Some(value.into_owned()),
                "host" => self.host = value.into_owned(),
                "port" => self.port = value.parse().map_err(|_| "has a port that is not a number")?,
                "prefix" => self.prefix = Some(value.into_owned()),
                "timeout" | "read_timeout" | "read_write_timeout" | "persistent" | "persistent_id"
                | "retry_interval" | "max_retries" | "name" => {}
                name => return Err(format!("has the parameter {name}, which is not supported: remove it")),
            }
        }
        Ok(())
    }

    fn set_databases(&mut self, number: &str) -> Result<(), String> {
        if !number.is_empty() {
            let number = number.parse().map_err(|_| "must have a database number")?;
            (self.db, self.cache_db) = (number, number);
        }
        Ok(())
    }
}

/// The URL of a socket with a host between its user and its path: without one, a URL cannot have a user.
fn with_host(text: &str) -> Cow<'_, str> {
    let authority = text.split_once("://").filter(|(scheme, _)| matches!(*scheme, "unix" | "redis+unix"));
    match authority
        .and_then(|(scheme, rest)| Some((scheme, rest.split_once("@/").filter(|(user, _)| !user.contains('/'))?)))
    {
        Some((scheme, (user, path))) => format!("{scheme}://{user}@localhost/{path}").into(),
        None => text.into(),
    }
}

/// The words of `redis.scheme`, without aliases.
const SCHEME_WORDS: [&str; 3] = ["tcp", "tls", "unix"];

/// The key that is wrong (`None`: the key that has the host), the reason, and the words that the key may have.
type Reason = (Option<&'static str>, Cow<'static, str>, &'static [&'static str]);

fn at_host(reason: &'static str) -> Reason {
    (None, reason.into(), &[])
}

fn at_port(reason: &'static str) -> Reason {
    (Some("redis.port"), reason.into(), &[])
}

pub(super) fn endpoint(parts: &Parts) -> Result<RedisEndpoint, Reason> {
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
            return Err(at_host("must have the absolute path of the socket, such as unix:///run/redis.sock"));
        }
        _ if inline.is_some() => {
            return Err(at_host("must begin with tcp://, tls:// or unix://, or with no scheme"));
        }
        _ => return Err((Some("redis.scheme"), must_be(&SCHEME_WORDS).into(), &SCHEME_WORDS)),
    };
    let port = u16::try_from(parts.port).ok().filter(|port| *port > 0);
    let port = port.ok_or_else(|| at_port("must be a port from 1 to 65535"))?;
    Ok(RedisEndpoint::Tcp { host: bare_host(host)?.to_owned(), port, tls })
}

/// A host name or address, with the brackets of an IPv6 address removed.
fn bare_host(host: &str) -> Result<&str, Reason> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = host.parse::<std::net::Ipv6Addr>().is_ok();
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '@' | '?' | '#');
    match host.is_empty() || host.contains(odd) || (host.contains(':') && !address) {
        true => Err(at_host("must be a host without a port: set redis.port")),
        false => Ok(host),
    }
}
