//! The Laravel app of `--laravel`: its `.env`, its version, and what follows from its other files.

use std::path::{Path, absolute};

use figment::value::Value;
use serde_json::Value as Json;

use super::app_defaults::DefaultPrefix;
use super::app_redis::unreadable_connection;
use super::environment::Settings;
use super::error::{ConfigError, Result};
use super::text_file::read_text;
use super::{Layers, environment};
use crate::laravel::dotenv;

/// A prefix that an app's configuration file sets: its key, the file, and the environment name in the line.
const PREFIXES: [(&str, &str, &str); 2] = [
    ("redis.prefix", "config/database.php", "REDIS_PREFIX"),
    ("laravel.cache_prefix", "config/cache.php", "CACHE_PREFIX"),
];

/// Reads the app's version into a layer above the defaults, and its `.env`, or `.env.$APP_ENV` if the process environment
/// has `APP_ENV` and the file exists, as Laravel does.
pub fn read(folder: &Path, process: &[(String, String)], layers: &mut Layers) -> Result<Settings> {
    layers.app_folder = Some(folder.to_owned());
    if let Some(version) = framework_version(folder) {
        let table = environment::text_setting("laravel.version", &version);
        layers.add(&format!("composer.lock of {}", folder.display()), table)?;
    }
    let lookup = |name: &str| process.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let named = lookup("APP_ENV").filter(|env| !env.is_empty() && !env.contains('/')).map(|env| format!(".env.{env}"));
    let file = named.filter(|file| folder.join(file).is_file()).unwrap_or_else(|| ".env".to_owned());
    let path = folder.join(&file);
    let text = match read_text(&path) {
        Ok(text) => text,
        Err(error) if path.exists() => return Err(error),
        Err(_) => {
            let folder = folder.display();
            return Err(ConfigError::new(format!(
                "{folder} (flag --laravel) has no {file}: name the app's root folder"
            )));
        }
    };
    let entries = dotenv::parse_with_nulls(&text, &lookup);
    let entries = entries.map_err(|error| ConfigError::new(format!("{}: {error}", path.display())))?;
    let pairs = entries.into_iter().filter_map(|(name, value)| {
        // `env()` returns null for these, and not the default.
        let null = || super::aliases::find(&name).map(|_| "null".to_owned());
        Some((name.clone(), value.or_else(null)?))
    });
    let pairs: Vec<_> = pairs.collect();
    layers.app_redis_client =
        pairs.iter().rev().find(|(name, _)| name == "REDIS_CLIENT").map(|(_, value)| value.clone());
    environment::read(&pairs, &format!("{file} of {}", folder.display()), layers)
}

/// Adds what follows from other files of the app, below all other layers. Returns warnings about what cannot be read.
pub fn complete(folder: &Path, layers: &mut Layers) -> Result<Vec<String>> {
    add_database(folder, layers)?;
    check_redis(folder, layers)?;
    let mut warnings = Vec::new();
    for (key, file, variable) in PREFIXES {
        if layers.value(key).is_none()
            && let Ok(text) = read_text(&folder.join(file))
        {
            let source = format!("{file} of {}", folder.display());
            match DefaultPrefix::find(&text, variable) {
                Some(prefix) => {
                    let prefix = prefix.of(stated_app_name(layers).as_deref());
                    layers.add_below(&source, environment::text_setting(key, &prefix))?;
                }
                None => warnings.push(format!(
                    "{source} has no prefix that can be read without PHP: set {variable}, or generate the configuration with \
                     php artisan presence:sidecar"
                )),
            }
        }
    }
    Ok(warnings)
}

/// Refuses a cluster or Sentinels of the app, which the sidecar would not find, unless it is told where they are.
fn check_redis(folder: &Path, layers: &Layers) -> Result<()> {
    let text = |key: &str| layers.value(key).and_then(Value::into_string);
    let is_stated = ["redis.cluster", "redis.sentinels", "redis.url"].iter().any(|key| layers.value(key).is_some());
    if text("cache.store").as_deref() != Some("redis") || is_stated {
        return Ok(());
    }
    let Ok(code) = read_text(&folder.join(PREFIXES[0].1)) else { return Ok(()) };
    let name = text("redis.cache_connection").unwrap_or_else(|| "cache".to_owned());
    match unreadable_connection(&code, &name, layers.app_redis_client.as_deref()) {
        None => Ok(()),
        Some(why) => Err(ConfigError::new(format!("{} of {} {why}", PREFIXES[0].1, folder.display()))),
    }
}

/// `APP_NAME`, unless it is that of the defaults.
fn stated_app_name(layers: &Layers) -> Option<String> {
    let name = layers.value("laravel.app_name").filter(|name| layers.origin(name) != "default")?;
    name.into_string()
}

/// The version of laravel/framework in composer.lock, without the `v` and a suffix such as `-dev`.
fn framework_version(folder: &Path) -> Option<String> {
    let text = read_text(&folder.join("composer.lock")).ok()?;
    let lock: Json = serde_json::from_str(&text).ok()?;
    let packages = lock["packages"].as_array()?;
    let framework = packages.iter().find(|package| package["name"] == "laravel/framework")?;
    let version = framework["version"].as_str()?.trim_start_matches('v');
    let numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
    let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
    (!numbers.is_empty()).then(|| numbers.join("."))
}

/// Adds the default file of an app on SQLite: if the app says that it is on SQLite or keeps its cache in the database, or if
/// the file exists.
fn add_database(folder: &Path, layers: &mut Layers) -> Result<()> {
    // In full: a relative path of an app begins at its folder, and this one has the folder already.
    let file = absolute(folder).unwrap_or_else(|_| folder.to_owned()).join("database/database.sqlite");
    let is = |key: &str, text: &str| layers.value(key).and_then(Value::into_string).as_deref() == Some(text);
    let is_stated = (is("database.connection", "sqlite") && layers.is_from_app("database.connection"))
        || (is("cache.store", "database") && layers.is_from_app("cache.store"));
    let is_sqlite = is("database.connection", "sqlite") && layers.value("database.url").is_none();
    if !is_sqlite || !(is_stated || file.is_file()) {
        return Ok(());
    }
    let table = environment::text_setting("database.database", &file.to_string_lossy());
    let layer = format!("the app in {}", folder.display());
    layers.mark_app_layer(&layer);
    layers.add_below(&layer, table)
}
