//! `[routing]`: the heartbeat route for browsers, and the form of rate limits.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use super::layers::{Layers, Result};

/// `[routing]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RoutingConfig {
    /// Whether `POST /{prefix}/heartbeat` exists.
    pub register_heartbeat_route: bool,
    /// The path before `heartbeat`, without leading and trailing slashes; may be empty.
    pub prefix: String,
    /// The limit of the heartbeat route per user; `None` means no limit.
    pub throttle: Option<RateLimit>,
}

/// At most `max` requests in `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests, at least 1.
    pub max: u32,
    /// The window, in whole minutes.
    pub per: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRouting {
    register_heartbeat_route: bool,
    prefix: String,
    throttle: String,
}

impl FromStr for RateLimit {
    type Err = String;

    /// Parses `requests,minutes`, or `requests` alone per minute, as Laravel's throttle middleware does.
    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || "must be `requests,minutes` such as \"60,1\", or \"\" for no limit".to_owned();
        let (max, minutes) = text.split_once(',').unwrap_or((text, "1"));
        let number = |part: &str| part.trim().parse().ok().filter(|number: &u32| *number > 0);
        let max = number(max).ok_or_else(invalid)?;
        let minutes = number(minutes).filter(|minutes| *minutes <= 1440).ok_or_else(invalid)?;
        Ok(Self { max, per: Duration::from_secs(u64::from(minutes) * 60) })
    }
}

pub(super) fn resolve(raw: RawRouting, layers: &Layers) -> Result<RoutingConfig> {
    let prefix = raw.prefix.trim_matches('/');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    let is_segment = |part: &str| !part.is_empty() && part.chars().all(is_plain) && !matches!(part, "." | "..");
    if !prefix.is_empty() && !prefix.split('/').all(is_segment) {
        return Err(layers.error_at("routing.prefix", "may contain only letters, digits, - _ . ~ between its slashes"));
    }
    if prefix == "api/v1/presence" {
        return Err(layers.error_at("routing.prefix", "is the service API's own path"));
    }
    Ok(RoutingConfig {
        register_heartbeat_route: raw.register_heartbeat_route,
        prefix: prefix.to_owned(),
        throttle: rate_limit("routing.throttle", &raw.throttle, layers)?,
    })
}

/// A rate limit; `None` for an empty text, which means no limit.
pub(super) fn rate_limit(key: &str, text: &str, layers: &Layers) -> Result<Option<RateLimit>> {
    match text.is_empty() {
        true => Ok(None),
        false => layers.parse(key, text).map(Some),
    }
}
