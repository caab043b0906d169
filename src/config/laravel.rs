//! `[laravel]`: the settings of the app that decide keys, encryption and times.

use serde::Deserialize;

use super::cache::CacheStore;
use super::layers::{ConfigError, Layers, Result};
use crate::laravel::cache_key::{Version, default_cache_prefix, default_redis_prefix, store_prefix};
use crate::laravel::crypt::{Cipher, Crypt};

/// `[laravel]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LaravelConfig {
    /// The version of the app, which selects the style of the default prefixes.
    pub version: Version,
    /// `APP_NAME`.
    pub app_name: String,
    /// The encrypter with `APP_KEY` and `APP_PREVIOUS_KEYS`; `None` until the first start has generated a key.
    pub crypt: Option<Crypt>,
    /// `APP_TIMEZONE`: the zone of the times in presence records.
    pub timezone: chrono_tz::Tz,
    /// The cache prefix as the store adds it to a key: in Redis with the `:` of Laravel 10 and older.
    pub cache_prefix: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLaravel {
    version: String,
    app_name: String,
    app_key: Option<String>,
    previous_keys: Vec<String>,
    cipher: String,
    timezone: String,
    cache_prefix: Option<String>,
}

impl LaravelConfig {
    /// The Redis prefix of this app if `redis.prefix` is not set.
    pub(super) fn default_redis_prefix(&self) -> String {
        default_redis_prefix(self.version, &self.app_name)
    }

    /// The cache prefix of this app if `laravel.cache_prefix` is not set, without the `:` of the Redis store.
    pub(super) fn default_cache_prefix(&self) -> String {
        default_cache_prefix(self.version, &self.app_name)
    }
}

pub(super) fn resolve(raw: RawLaravel, store: CacheStore, layers: &Layers) -> Result<LaravelConfig> {
    let version = raw.version.trim().parse::<Version>();
    let version = version.map_err(|_| layers.error_at("laravel.version", "must be a version such as 12 or 12.1"))?;
    let timezone = time_zone(&raw.timezone).ok_or_else(|| unknown_time_zone(layers))?;
    let prefix = raw.cache_prefix.clone().unwrap_or_else(|| default_cache_prefix(version, &raw.app_name));
    let cache_prefix = if store == CacheStore::Redis { store_prefix(version, &prefix) } else { prefix };
    let crypt = crypt(&raw, layers)?;
    Ok(LaravelConfig { version, app_name: raw.app_name, crypt, timezone, cache_prefix })
}

/// A time zone by its name, in any case, as in PHP.
fn time_zone(name: &str) -> Option<chrono_tz::Tz> {
    let any_case = || chrono_tz::TZ_VARIANTS.into_iter().find(|zone| zone.name().eq_ignore_ascii_case(name));
    name.parse().ok().or_else(any_case)
}

fn unknown_time_zone(layers: &Layers) -> ConfigError {
    let names = chrono_tz::TZ_VARIANTS.map(chrono_tz::Tz::name);
    layers.misspelt("laravel.timezone", "must be a time zone such as Europe/Berlin", &names)
}

fn crypt(raw: &RawLaravel, layers: &Layers) -> Result<Option<Crypt>> {
    let cipher = layers.parse_word("laravel.cipher", &raw.cipher, &Cipher::WORDS)?;
    let Some(key) = &raw.app_key else { return Ok(None) };
    let previous: Vec<&str> = raw.previous_keys.iter().map(String::as_str).collect();
    // The current key first, so that the error names the key that is wrong.
    Crypt::new(cipher, key, &[]).map_err(|error| layers.error_at("laravel.app_key", error))?;
    let crypt = Crypt::new(cipher, key, &previous).map_err(|error| layers.error_at("laravel.previous_keys", error))?;
    Ok(Some(crypt))
}
