//! The Laravel app's side: how it is configured, and a record that it has written.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::Finding;
use super::differences::{differences, store_differences};
use crate::config::{CacheStore, Config, Sources, load};
use crate::presence::domain::identity::{Id, Scope, Subject};
use crate::presence::domain::{RecordLookup, Timestamp};
use crate::presence::service::clock::Clock;
use crate::presence::store::PresenceStore;

/// Seconds that the two clocks may differ, with time for PHP to end.
const SKEW: i64 = 3;

/// A Laravel app with the package presence-sidecar/laravel.
pub(super) struct LaravelApp {
    /// Where it is.
    pub folder: PathBuf,
    /// What runs it.
    pub php: PathBuf,
}

/// Whose record the app has left.
#[derive(Deserialize)]
struct Left {
    user_id: String,
    guard: String,
}

impl LaravelApp {
    /// Compares the app with `config`.
    pub(super) async fn compare(&self, config: &Config) -> Vec<Finding> {
        let app = match self.configuration() {
            Ok(app) => app,
            Err(why) => {
                let fix = "name the app's folder and its PHP with --app and --php, and composer require presence-sidecar/laravel there";
                return vec![Finding::wrong("app", why, fix)];
            }
        };
        let mut findings = vec![Finding::fine("app", format!("{} tells its configuration", self.folder.display()))];
        findings.extend(differences(config, &app));
        if config.cache.store != CacheStore::Array {
            match self.record(config).await {
                Ok(found) => findings.extend(found),
                Err(why) => {
                    let causes = store_differences(config, &app);
                    let none = || {
                        vec![Finding::wrong(
                            "records",
                            why,
                            "see that the cache's connection is the sidecar's, without a serializer or compression of its own",
                        )]
                    };
                    findings.extend(if causes.is_empty() { none() } else { causes });
                }
            }
        }
        findings
    }

    /// What `php artisan presence:sidecar` writes for this app.
    fn configuration(&self) -> Result<Config, String> {
        let file = std::env::temp_dir().join(format!("presence-doctor-{}.toml", uuid::Uuid::new_v4()));
        let written = self.artisan(&["presence:sidecar", &format!("--path={}", file.display())]);
        let loaded = written.and_then(|_| {
            let sources = Sources { file: Some(file.clone()), ..Sources::default() };
            load(&sources).map(|loaded| loaded.config).map_err(|error| error.to_string())
        });
        // It holds secrets.
        _ = std::fs::remove_file(&file);
        loaded
    }

    /// Lets the app write a record and looks for it where the sidecar would.
    async fn record(&self, config: &Config) -> Result<[Finding; 2], String> {
        let printed = self.artisan(&["presence:probe"])?;
        let left: Left =
            serde_json::from_str(printed.trim()).map_err(|_| format!("presence:probe printed {printed:?}"))?;
        let scope = Scope { guard: Id::text(&left.guard).ok(), ..Scope::default() };
        let user = Id::text(&left.user_id).map_err(|_| "presence:probe named nobody".to_owned())?;
        let key = Subject::new(user, scope, config.scope.include_guard).key;
        let store: Box<dyn PresenceStore> = match config.cache.store {
            CacheStore::Database => Box::new(crate::app::sql_store(config)),
            CacheStore::Redis | CacheStore::Array => {
                Box::new(crate::app::redis_store(config).map_err(|error| error.to_string())?)
            }
        };
        let clock = Clock::new();
        clock.synchronize(store.as_ref()).await.map_err(|error| error.reason())?;
        let now = clock.now();
        let found = store.records(&[key], now).await.map_err(|error| error.reason())?;
        match found.into_iter().next() {
            Some(RecordLookup::Found(record)) => {
                Ok([Finding::fine("records", "what the app writes is found and read"), clocks(record.last_seen, now)])
            }
            Some(RecordLookup::Unreadable) => Err("what the app writes cannot be read".to_owned()),
            _ => Err("what the app writes is not found".to_owned()),
        }
    }

    /// What an artisan command prints.
    fn artisan(&self, arguments: &[&str]) -> Result<String, String> {
        let php = |program: &Path| program.display().to_string();
        let output =
            Command::new(&self.php).arg("artisan").args(arguments).arg("--no-ansi").current_dir(&self.folder).output();
        let output = output.map_err(|error| format!("{} in {}: {error}", php(&self.php), self.folder.display()))?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        match output.status.success() {
            true => Ok(said(&output.stdout)),
            false => {
                let lines = [said(&output.stdout), said(&output.stderr)].concat();
                let why = lines.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no word").to_owned();
                Err(format!("php artisan {} failed: {why}", arguments[0]))
            }
        }
    }
}

fn clocks(app: Timestamp, store: Timestamp) -> Finding {
    match store.seconds_apart(app) {
        0..=SKEW => Finding::fine("clock", "the app's is the store's"),
        apart => Finding::wrong(
            "clock",
            format!("the app's and the store's are {apart} s apart"),
            "run a time service on both hosts",
        ),
    }
}
