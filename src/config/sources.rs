//! Reading the sources in their order. The only file here that touches the file system, besides `secrets`.

use std::path::Path;
use std::{fs, io};

use super::environment::{Setting, Settings};
use super::error::ConfigError;
use super::layers::Layers;
use super::manual::Schema;
use super::{Sources, environment, secrets};
use crate::laravel::dotenv;

/// All layers, and the warnings met on the way.
pub(super) fn read(sources: &Sources) -> Result<(Layers, Vec<String>), ConfigError> {
    let mut layers = Layers::new(Schema::read())?;
    let app = match &sources.laravel {
        Some(folder) => app(folder, &sources.environment, &layers)?,
        None => Settings::default(),
    };
    app.settings.iter().for_each(|setting| layers.note_app(&setting.layer));
    let process = environment::read(&sources.environment, "environment", &layers)?;
    let mut warnings = app.warnings;
    warnings.extend(process.warnings);

    let (mut fallbacks, settings): (Vec<Setting>, Vec<Setting>) =
        app.settings.into_iter().chain(process.settings).partition(|setting| setting.fallback);
    // The sort is stable: of one name the process environment still comes last, and CACHE_STORE beats CACHE_DRIVER.
    fallbacks.sort_by(|one, other| one.name.cmp(&other.name));
    add(&mut layers, fallbacks)?;
    if let Some(path) = &sources.file {
        let table = table(path)?;
        layers.add(&path.display().to_string(), table)?;
    }
    add(&mut layers, settings)?;
    if let Some(listen) = &sources.flags.listen {
        layers.add("flag --listen", environment::listed("server.listen", listen))?;
    }
    warnings.extend(generated(&mut layers)?);
    if let Some(folder) = &sources.laravel {
        database_of(folder, &mut layers)?;
    }
    Ok((layers, warnings))
}

fn add(layers: &mut Layers, settings: Vec<Setting>) -> Result<(), ConfigError> {
    settings.into_iter().try_for_each(|setting| layers.add(&setting.layer, setting.table))
}

fn text(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &io::Error) -> ConfigError {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        io::ErrorKind::InvalidData => "is not UTF-8 text".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    ConfigError::new(format!("{} {why}", path.display()))
}

fn table(path: &Path) -> Result<toml::Table, ConfigError> {
    let text = text(path)?;
    // The parser's own Display quotes the line, and with it perhaps a secret.
    text.parse::<toml::Table>().map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or_else(String::new, |before| format!(" line {}", before.split('\n').count()));
        ConfigError::new(format!("{}{line} is not valid TOML: {}", path.display(), error.message()))
    })
}

/// The app's `.env`, or `.env.$APP_ENV` where the process environment names one that exists, as Laravel chooses.
fn app(folder: &Path, process: &[(String, String)], layers: &Layers) -> Result<Settings, ConfigError> {
    let lookup = |name: &str| process.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let named = lookup("APP_ENV").filter(|env| !env.is_empty() && !env.contains('/')).map(|env| format!(".env.{env}"));
    let file = named.filter(|file| folder.join(file).is_file()).unwrap_or_else(|| ".env".to_owned());
    let path = folder.join(&file);
    let text = match text(&path) {
        Ok(text) => text,
        Err(error) if path.exists() => return Err(error),
        Err(_) => {
            let folder = folder.display();
            return Err(ConfigError::new(format!(
                "{folder} (flag --laravel) has no {file}: name the app's root folder"
            )));
        }
    };
    let pairs = dotenv::parse(&text, &lookup);
    let pairs = pairs.map_err(|error| ConfigError::new(format!("{}: {error}", path.display())))?;
    environment::read(&pairs, &format!("{file} of {}", folder.display()), layers)
}

/// The file that a Laravel app on SQLite has its tables in, unless it says otherwise.
fn database_of(folder: &Path, layers: &mut Layers) -> Result<(), ConfigError> {
    let file = folder.join("database/database.sqlite");
    let sqlite = layers.value("database.connection").and_then(figment::value::Value::into_string);
    if sqlite.as_deref() != Some("sqlite") || layers.value("database.url").is_some() || !file.is_file() {
        return Ok(());
    }
    let table = environment::text("database.database", &file.to_string_lossy());
    let layer = format!("the app in {}", folder.display());
    layers.note_app(&layer);
    layers.fill(&layer, table)
}

/// What the first start has generated; it only fills what nobody else has set.
fn generated(layers: &mut Layers) -> Result<Vec<String>, ConfigError> {
    let storage = layers.value("storage").and_then(figment::value::Value::into_string).unwrap_or_default();
    let path = secrets::path(Path::new(&storage));
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
        layers.fill(&path.display().to_string(), setting.table)?;
    }
    Ok(secrets::exposed(&path).into_iter().collect())
}
