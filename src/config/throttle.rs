//! Laravel's `throttle:60,1` and the sidecar's `30s`: limits and spans as people write them.

use std::str::FromStr;
use std::time::Duration;

/// At most `max` requests in `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests, at least 1.
    pub max: u32,
    /// The window, whole minutes.
    pub per: Duration,
}

impl FromStr for RateLimit {
    type Err = String;

    /// Reads `requests,minutes` or `requests` alone, which is per minute, as Laravel's middleware does.
    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || "must be `requests,minutes` such as \"60,1\", or \"\" for no limit".to_owned();
        let (max, minutes) = text.split_once(',').unwrap_or((text, "1"));
        let number = |part: &str| part.trim().parse().ok().filter(|number: &u32| *number > 0);
        let max = number(max).ok_or_else(refused)?;
        let minutes = number(minutes).filter(|minutes| *minutes <= 1440).ok_or_else(refused)?;
        Ok(Self { max, per: Duration::from_secs(u64::from(minutes) * 60) })
    }
}

/// Reads `5s`, `30m`, `2h` or `7d`; at least a second, at most 365 days.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let refused = || "must be a number and a unit, such as 30s, 5m, 2h or 1d".to_owned();
    let cut = text.len().saturating_sub(1);
    let (number, unit) = text.split_at_checked(cut).ok_or_else(refused)?;
    let unit: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => return Err(refused()),
    };
    let number: u64 = number.trim().parse().map_err(|_| refused())?;
    match number.checked_mul(unit) {
        Some(seconds @ 1..=31_536_000) => Ok(Duration::from_secs(seconds)),
        _ => Err(refused()),
    }
}
