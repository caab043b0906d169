//! The two prefixes of a logical key, with the defaults of `config/database.php` and `config/cache.php` in Laravel's
//! application skeleton.

use std::str::FromStr;

use super::slug;

/// The Laravel version of an application; the formats of keys depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// The 12 of 12.1.
    pub major: u32,
    /// The 1 of 12.1; `None` means the newest.
    pub minor: Option<u32>,
}

impl Version {
    /// Whether this version is at least `major.minor`.
    fn is_at_least(self, major: u32, minor: u32) -> bool {
        self.major > major || (self.major == major && self.minor.is_none_or(|own| own >= minor))
    }
}

/// A text that is not a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Laravel version; write it as 12 or 12.1")]
pub struct ParseVersionError;

/// Reads `12`, `12.1` or `12.1.3`, with an optional `v` in front.
impl FromStr for Version {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Self, ParseVersionError> {
        let mut numbers = text.strip_prefix('v').unwrap_or(text).split('.').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse().ok().filter(|_| digits).ok_or(ParseVersionError)
        });
        let major = numbers.next().ok_or(ParseVersionError)??;
        let minor = numbers.next().transpose()?;
        numbers.try_for_each(|patch| patch.map(drop))?;
        Ok(Self { major, minor })
    }
}

/// The Redis prefix of an application without `REDIS_PREFIX`: `my_app_database_` up to 12.1, `my-app-database-` later.
pub fn default_redis_prefix(version: Version, app_name: &str) -> String {
    default_prefix(version, app_name, "database")
}

/// The cache prefix of an application without `CACHE_PREFIX`: `my_app_cache_` up to 12.1, `my-app-cache-` later.
pub fn default_cache_prefix(version: Version, app_name: &str) -> String {
    default_prefix(version, app_name, "cache")
}

fn default_prefix(version: Version, app_name: &str, what: &str) -> String {
    let separator = if version.is_at_least(12, 2) { '-' } else { '_' };
    format!("{}{separator}{what}{separator}", slug(app_name, separator))
}

/// The prefix of the Redis cache store for `cache.prefix`: up to Laravel 10 the store adds a `:`, unless the prefix is
/// empty.
pub fn store_prefix(version: Version, cache_prefix: &str) -> String {
    if version.is_at_least(11, 0) || cache_prefix.is_empty() {
        return cache_prefix.to_owned();
    }
    format!("{cache_prefix}:")
}
