//! The two prefixes in front of a logical key, as `config/database.php` and `config/cache.php` of
//! Laravel's application skeleton default them.

use std::str::FromStr;

use super::slug;

/// The version of Laravel that an application runs on, as far as its key formats depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// The 12 of 12.1.
    pub major: u32,
    /// The 1 of 12.1; the newest when not given.
    pub minor: Option<u32>,
}

impl Version {
    /// Whether this version is at least `major.minor`.
    fn reaches(self, major: u32, minor: u32) -> bool {
        self.major > major || (self.major == major && self.minor.is_none_or(|own| own >= minor))
    }
}

/// A text that names no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Laravel version; write it as 12 or 12.1")]
pub struct ParseVersionError;

/// Reads `12`, `12.1` or `12.1.3`, with a `v` in front if one likes.
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

/// The Redis prefix of an application without `REDIS_PREFIX`: `my_app_database_` up to 12.1,
/// `my-app-database-` since.
pub fn default_redis_prefix(version: Version, app_name: &str) -> String {
    of_app(version, app_name, "database")
}

/// The cache prefix of an application without `CACHE_PREFIX`: `my_app_cache_` up to 12.1,
/// `my-app-cache-` since.
pub fn default_cache_prefix(version: Version, app_name: &str) -> String {
    of_app(version, app_name, "cache")
}

fn of_app(version: Version, app_name: &str, what: &str) -> String {
    let separator = if version.reaches(12, 2) { '-' } else { '_' };
    format!("{}{separator}{what}{separator}", slug(app_name, separator))
}

/// The prefix that the Redis cache store makes of `cache.prefix`: up to Laravel 10 it adds a `:`
/// unless there is none.
pub fn store_prefix(version: Version, cache_prefix: &str) -> String {
    if version.reaches(11, 0) || cache_prefix.is_empty() {
        return cache_prefix.to_owned();
    }
    format!("{cache_prefix}:")
}
