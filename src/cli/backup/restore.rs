//! `presence-sidecar restore`: puts a backup into the place of the configured files.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::manifest::{Manifest, at, copy_private, sync};
use super::{DATABASE, SECRETS, run_async_value};
use crate::cli::output::{print_error, print_line};
use crate::cli::run::CommandResult;
use crate::cli::sidecar::{Sidecar, SidecarAddress};
use crate::cli::source::Source;
use crate::client::ClientError;
use crate::config::{Config, DatabaseConnection, Flags, load, private_files, secrets};
use crate::storage::sql::check_sqlite;

/// What is added to the name of a file that a restored one replaces.
const REPLACED: &str = ".before-restore";

/// What SQLite adds to the name of a database for the files beside it.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The folder that `backup` has written
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Replace files that exist; they are kept with `.before-restore` in their names
    #[arg(long)]
    force: bool,
    /// Print JSON: the restored files
    #[arg(long)]
    json: bool,
}

impl Restore {
    pub(crate) fn run(self, source: Source) -> CommandResult {
        let config = load(&source.with(Flags::default())).map_err(|error| error.to_string())?.config;
        let manifest = Manifest::verify(&self.folder)?;
        run_async_value(self.check(&config, &manifest))?;
        let targets = targets(&config, &manifest)?;
        let existing: Vec<String> =
            targets.iter().filter(|(_, to)| to.exists()).map(|(_, to)| to.display().to_string()).collect();
        if !self.force && !existing.is_empty() {
            return Err(format!("{} exists: --force keeps it beside the restored one", existing.join(", ")));
        }
        for (name, to) in &targets {
            put(&self.folder.join(name), to)?;
        }
        let restored: Vec<String> = targets.iter().map(|(_, to)| to.display().to_string()).collect();
        match self.json {
            true => print_line(&json!({"restored": restored}).to_string()),
            false => restored.iter().for_each(|path| print_line(path)),
        }
        manifest.elsewhere.iter().for_each(|sentence| print_error(&format!("not in this backup: {sentence}")));
        Ok(())
    }

    /// Refuses while a sidecar runs, and a damaged database.
    async fn check(&self, config: &Config, manifest: &Manifest) -> CommandResult {
        let sidecar = Sidecar::without_token(config, &SidecarAddress::default())?;
        let answer = sidecar.connection().expect::<Value>(sidecar.request(Method::GET, "/up")).await;
        // Also one that is busy answers.
        if !matches!(answer, Err(ClientError::Unreachable { .. })) {
            return Err(format!("a sidecar answers at {}: stop it first", sidecar.address()));
        }
        match manifest.has(DATABASE) {
            true => {
                let file = self.folder.join(DATABASE);
                check_sqlite(&file).await.map_err(|error| format!("{}: {}", file.display(), error.chain()))
            }
            false => Ok(()),
        }
    }
}

/// The files of the backup, and where they belong in this configuration.
fn targets(config: &Config, manifest: &Manifest) -> Result<Vec<(&'static str, PathBuf)>, String> {
    let mut targets = Vec::new();
    if manifest.has(DATABASE) {
        let DatabaseConnection::Sqlite(file) = &config.database.connection else {
            return Err(
                "the backup has an SQLite file, and database.connection is another engine: set DB_CONNECTION=sqlite"
                    .to_owned(),
            );
        };
        targets.push((DATABASE, file.clone()));
    }
    if manifest.has(SECRETS) {
        targets.push((SECRETS, secrets::path(&config.storage)));
    }
    Ok(targets)
}

/// Puts a copy of `from` into the place of `to`: it is there as a whole or not at all. As root, it gets the owner of its
/// folder.
fn put(from: &Path, to: &Path) -> CommandResult {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    private_files::create_folder(folder).map_err(|error| at(folder, &error))?;
    let copy = with_suffix(to, ".restoring");
    copy_private(from, &copy)?;
    let owner = fs::metadata(folder).map_err(|error| at(folder, &error))?;
    if fs::metadata(&copy).is_ok_and(|copy| copy.uid() != owner.uid()) {
        chown(&copy, Some(owner.uid()), Some(owner.gid())).map_err(|error| at(&copy, &error))?;
    }
    for suffix in ["", BESIDE[0], BESIDE[1]] {
        let old = with_suffix(to, suffix);
        if old.exists() {
            // The files beside a database follow its name, so the old one stays whole.
            let kept = with_suffix(&with_suffix(to, REPLACED), suffix);
            fs::rename(&old, &kept).map_err(|error| at(&kept, &error))?;
        }
    }
    fs::rename(&copy, to).map_err(|error| at(to, &error))?;
    sync(folder)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
