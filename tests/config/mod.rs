//! The configuration, tested through `presence_sidecar::config::load`.

mod app_files;
mod broadcast;
mod contradictions;
mod database;
mod environment;
mod laravel;
mod layers;
mod listeners;
mod manual;
mod masking;
mod messaging;
mod redis;
mod secrets;
mod unknown;
mod webhook;

use std::path::{Path, PathBuf};

use presence_sidecar::config::{Config, Flags, Loaded, Sources, load};
use tempfile::TempDir;

/// A temporary folder for one test.
struct Workspace(TempDir);

impl Workspace {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// Sources with this environment, and a storage folder that does not exist.
fn environment(pairs: &[(&str, &str)]) -> Sources {
    let storage = ("PRESENCE_STORAGE", "/nonexistent/storage");
    let pairs = [storage].into_iter().chain(pairs.iter().copied());
    Sources {
        environment: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        ..Sources::default()
    }
}

fn load_with(pairs: &[(&str, &str)]) -> Loaded {
    load(&environment(pairs)).unwrap_or_else(|error| panic!("{error}"))
}

fn config_with(pairs: &[(&str, &str)]) -> Config {
    load_with(pairs).config
}

fn error_with(pairs: &[(&str, &str)]) -> String {
    load(&environment(pairs)).expect_err("this configuration must be refused").to_string()
}

/// Loads a TOML file of this text.
fn load_file(text: &str) -> Result<Loaded, String> {
    let workspace = Workspace::new();
    let file = workspace.write("presence.toml", text);
    load(&Sources { file: Some(file), ..environment(&[]) }).map_err(|error| error.to_string())
}

fn config_of(text: &str) -> Config {
    load_file(text).unwrap_or_else(|error| panic!("{error}")).config
}

fn error_of(text: &str) -> String {
    load_file(text).expect_err("this configuration must be refused")
}

/// Loads with an app folder that has this `.env`.
fn load_app(env: &str, pairs: &[(&str, &str)]) -> Result<Loaded, String> {
    let workspace = Workspace::new();
    workspace.write(".env", env);
    load_app_in(workspace.0.path(), pairs)
}

fn load_app_in(folder: &Path, pairs: &[(&str, &str)]) -> Result<Loaded, String> {
    let sources = Sources { laravel: Some(folder.to_owned()), ..environment(pairs) };
    load(&sources).map_err(|error| error.to_string())
}

fn layer_of(loaded: &Loaded, key: &str) -> String {
    let origin = loaded.origins.iter().find(|origin| origin.key == key);
    origin.unwrap_or_else(|| panic!("{key} has no origin")).layer.clone()
}

fn value_of(loaded: &Loaded, key: &str) -> String {
    let origin = loaded.origins.iter().find(|origin| origin.key == key);
    origin.unwrap_or_else(|| panic!("{key} has no origin")).value.clone()
}

fn listen_flag(listen: &str) -> Flags {
    Flags { listen: Some(listen.to_owned()) }
}
