//! `presence-sidecar backup`: a consistent copy of what the sidecar keeps in files.

mod manifest;
mod restore;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use self::manifest::{Manifest, at, copy_private, make_private, sync};
pub(super) use self::restore::Restore;
use super::locations::{Location, locations};
use super::output::{print_error, print_line};
use super::run::{CommandResult, run_async};
use super::source::Source;
use crate::config::{CacheStore, DatabaseConnection, Flags, Loaded, load, private_files, secrets};
use crate::storage::sql::copy_sqlite;

/// The SQLite file in a backup.
const DATABASE: &str = "sidecar.sqlite";

/// The generated secrets in a backup.
const SECRETS: &str = "secrets.env";

/// The configuration file in a backup.
const CONFIGURATION: &str = "presence.toml";

/// The secrets without which stored data is of no use.
const NEEDED: [(&str, &str); 2] = [("laravel.app_key", "APP_KEY"), ("laravel.previous_keys", "APP_PREVIOUS_KEYS")];

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The folder to create; it must not exist
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Print the manifest as JSON
    #[arg(long)]
    json: bool,
}

impl Backup {
    pub(super) fn run(self, source: Source) -> CommandResult {
        let configuration = source.config.clone();
        let loaded = load(&source.with(Flags::default())).map_err(|error| error.to_string())?;
        if self.folder.exists() {
            return Err(format!("{} exists: name a folder that does not", self.folder.display()));
        }
        // Until it is complete, it has another name.
        let mut unfinished = self.folder.clone().into_os_string();
        unfinished.push(".unfinished");
        let unfinished = PathBuf::from(unfinished);
        private_files::create_folder(&unfinished).map_err(|error| at(&unfinished, &error))?;
        let written = run_async_value(write(&loaded, configuration.as_deref(), &unfinished));
        let manifest = match written {
            Ok(manifest) => manifest,
            Err(error) => {
                _ = fs::remove_dir_all(&unfinished);
                return Err(error);
            }
        };
        fs::rename(&unfinished, &self.folder).map_err(|error| at(&self.folder, &error))?;
        self.report(&manifest);
        Ok(())
    }

    fn report(&self, manifest: &Manifest) {
        for sentence in &manifest.elsewhere {
            print_error(&format!("not in this backup: {sentence}"));
        }
        if self.json {
            print_line(&json!(manifest).to_string());
        } else {
            manifest.files.iter().for_each(|file| print_line(&self.folder.join(&file.name).display().to_string()));
        }
    }
}

/// Runs a future that returns a value.
fn run_async_value<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let mut value = None;
    run_async(async {
        value = Some(work.await?);
        Ok(())
    })?;
    value.ok_or_else(|| "the work did not end".to_owned())
}

/// Writes the files and the manifest. The database comes first: the secrets that open its content are older.
async fn write(loaded: &Loaded, configuration: Option<&Path>, folder: &Path) -> Result<Manifest, String> {
    let mut names = Vec::new();
    if let DatabaseConnection::Sqlite(file) = &loaded.config.database.connection
        && (file.exists() || is_in_use(loaded))
    {
        if !file.exists() {
            return Err(format!("{} does not exist, so there is nothing to back up: see DB_DATABASE", file.display()));
        }
        let copy = folder.join(DATABASE);
        copy_sqlite(file, &copy).await.map_err(|error| format!("{}: {}", file.display(), error.chain()))?;
        make_private(&copy)?;
        sync(&copy)?;
        names.push(DATABASE);
    }
    let secrets = secrets::path(&loaded.config.storage);
    for (file, name) in [(Some(secrets.as_path()), SECRETS), (configuration, CONFIGURATION)] {
        if let Some(file) = file.filter(|file| file.exists()) {
            copy_private(file, &folder.join(name))?;
            names.push(name);
        }
    }
    let manifest = Manifest::of(folder, &names, elsewhere(loaded))?;
    manifest.write(folder)?;
    Ok(manifest)
}

/// Whether something is stored in the database.
fn is_in_use(loaded: &Loaded) -> bool {
    locations(loaded).iter().any(|location| location.store == "database")
}

/// What belongs to a backup and is not in files of the sidecar.
fn elsewhere(loaded: &Loaded) -> Vec<String> {
    let (config, secrets) = (&loaded.config, secrets::path(&loaded.config.storage));
    let is_file = matches!(config.database.connection, DatabaseConnection::Sqlite(_));
    let stored = locations(loaded).into_iter().filter(|location| location.store != "array");
    let servers = stored.filter(|location| !is_file || location.store == "redis").map(|location| {
        let Location { data, server, .. } = location;
        match config.cache.store {
            CacheStore::Redis if data == "presence" => {
                format!("{data} in Redis at {server}: copy its append-only file or snapshot")
            }
            _ => format!("{data} in {server}: use the database's own tools (mysqldump --single-transaction, pg_dump)"),
        }
    });
    let file = secrets.display().to_string();
    let origin = |key: &str| loaded.origins.iter().find(|origin| origin.key == key).map(|origin| origin.layer.clone());
    let keys = NEEDED.iter().filter_map(|(key, name)| Some((name, origin(key)?)));
    let keys = keys.filter(|(_, layer)| layer != "default" && !layer.contains(&file));
    servers.chain(keys.map(|(name, layer)| format!("{name}, which comes from {layer}: keep it"))).collect()
}
