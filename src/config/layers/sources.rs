//! Reads the sources in their order. Besides `secrets`, the only part of the configuration that reads files.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::{fs, io};

use figment::value::Value;

use super::environment::{Setting, Settings};
use super::error::{ConfigError, Result};
use super::text_file::{read_text, unreadable};
use super::{Layers, aliases, app, environment};
use crate::config::{private_files, secrets};
use crate::laravel::dotenv;

/// The sources of the configuration, besides the compiled-in defaults.
#[derive(Clone, Default)]
pub struct Sources {
    /// The TOML file (`--config`).
    pub file: Option<PathBuf>,
    /// The root folder of the Laravel app whose `.env` is read (`--laravel`).
    pub laravel: Option<PathBuf>,
    /// The process environment; the caller reads it.
    pub environment: Vec<(String, String)>,
    /// The command line.
    pub flags: Flags,
}

/// The flags that override configuration.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--listen`: a comma-separated list, as `PRESENCE_LISTEN`.
    pub listen: Option<String>,
}

/// Reads all layers; the second value are warnings about names and file modes.
pub fn read(sources: &Sources) -> Result<(Layers, Vec<String>)> {
    let mut layers = Layers::new()?;
    let app = match &sources.laravel {
        Some(folder) => app::read(folder, &sources.environment, &mut layers)?,
        None => Settings::default(),
    };
    app.settings.iter().for_each(|setting| layers.mark_app_layer(&setting.layer));
    let process = environment::read(&sources.environment, "environment", &layers)?;
    let mut warnings = app.warnings;
    warnings.extend(process.warnings);

    let (mut fallbacks, settings): (Vec<Setting>, Vec<Setting>) =
        app.settings.into_iter().chain(process.settings).partition(|setting| setting.fallback);
    // The sort is stable: for one name the process environment stays last, and CACHE_STORE overrides CACHE_DRIVER.
    fallbacks.sort_by_key(|setting| Reverse(aliases::position(&setting.name)));
    add_all(&mut layers, fallbacks)?;
    if let Some(path) = &sources.file {
        let table = read_toml(path)?;
        layers.add(&path.display().to_string(), table)?;
    }
    add_all(&mut layers, settings)?;
    if let Some(listen) = &sources.flags.listen {
        layers.add("flag --listen", environment::list_setting("server.listen", listen))?;
    }
    warnings.extend(add_generated_secrets(&mut layers)?);
    if let Some(folder) = &sources.laravel {
        warnings.extend(app::complete(folder, &mut layers)?);
    }
    Ok((layers, warnings))
}

fn add_all(layers: &mut Layers, settings: Vec<Setting>) -> Result<()> {
    settings.into_iter().try_for_each(|setting| layers.add(&setting.layer, setting.table))
}

fn read_toml(path: &Path) -> Result<toml::Table> {
    let text = read_text(path)?;
    // The Display of the parser quotes the line, which may contain a secret.
    text.parse::<toml::Table>().map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or_else(String::new, |before| format!(" line {}", before.split('\n').count()));
        ConfigError::new(format!("{}{line} is not valid TOML: {}", path.display(), error.message()))
    })
}

/// Adds the secrets that the first start has generated, above the defaults and below all other layers; returns a warning about the file mode.
fn add_generated_secrets(layers: &mut Layers) -> Result<Vec<String>> {
    let storage = layers.value("storage").and_then(Value::into_string).unwrap_or_default();
    let path = secrets::path(&private_files::storage_folder(Path::new(&storage)));
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(unreadable(&path, &error)),
    };
    let pairs = dotenv::parse(&text, &|_| None);
    let mut pairs = pairs.map_err(|error| ConfigError::new(format!("{}: {error}", path.display())))?;
    pairs.retain(|(name, _)| secrets::NAMES.contains(&name.as_str()));
    for setting in environment::read(&pairs, "generated", layers)?.settings {
        layers.add_above_default(&path.display().to_string(), setting.table)?;
    }
    Ok(secrets::mode_warning(&path).into_iter().collect())
}
