//! The Laravel app: its configuration, and a record that it writes.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::differences::{differences, store_differences};
use crate::app::checks::Finding;
use crate::config::{CacheStore, Config, Sources, load};
use crate::presence::domain::identity::{Id, Scope, Subject};
use crate::presence::domain::{RecordLookup, Timestamp, ValueForm};
use crate::presence::service::clock::Clock;
use crate::presence::store::PresenceStore;

/// Seconds that the clocks of app and store may differ, including the run time of PHP.
const MAX_CLOCK_SKEW: i64 = 3;

/// The beginning of the reason why the app cannot write a record.
const PROBE_FAILED: &str = "php artisan presence:probe failed";

/// A Laravel app with the package presence-sidecar/laravel.
pub(super) struct LaravelApp {
    /// The root folder.
    pub folder: PathBuf,
    /// The PHP binary.
    pub php: PathBuf,
}

/// The output of `presence:probe`: the user of the record that it wrote.
#[derive(Deserialize)]
struct ProbeOutput {
    user_id: String,
    guard: String,
}

impl LaravelApp {
    /// Compares the app with `config`.
    pub(super) async fn compare(&self, config: &Config) -> Vec<Finding> {
        let app = match self.configuration() {
            Ok(app) => app,
            Err(why) => {
                let fix = "set --app and --php to the app's folder and its PHP, and run composer require presence-sidecar/laravel there";
                return vec![Finding::wrong("app", why, fix)];
            }
        };
        let mut findings = vec![Finding::ok("app", format!("configuration read from {}", self.folder.display()))];
        findings.extend(differences(config, &app));
        if config.cache.store != CacheStore::Array {
            match self.record(config).await {
                Ok(found) => findings.extend(found),
                Err(why) => {
                    let causes = store_differences(config, &app);
                    let fix = match why.starts_with(PROBE_FAILED) {
                        true => {
                            "start the app's cache store, or correct its connection: php artisan presence:probe shows the error"
                        }
                        false => {
                            "use the sidecar's connection for the cache, without a serializer and without compression"
                        }
                    };
                    let unknown = || vec![Finding::wrong("records", why, fix)];
                    findings.extend(if causes.is_empty() { unknown() } else { causes });
                }
            }
        }
        findings
    }

    /// The configuration that `php artisan presence:sidecar` writes for this app.
    fn configuration(&self) -> Result<Config, String> {
        let file = std::env::temp_dir().join(format!("presence-doctor-{}.toml", uuid::Uuid::new_v4()));
        let written = self.artisan(&["presence:sidecar", &format!("--path={}", file.display())]);
        let loaded = written.and_then(|_| {
            let sources = Sources { file: Some(file.clone()), ..Sources::default() };
            load(&sources).map(|loaded| loaded.config).map_err(|error| error.to_string())
        });
        // The file contains secrets.
        _ = std::fs::remove_file(&file);
        loaded
    }

    /// Lets the app write a record, and reads it as the sidecar does.
    async fn record(&self, config: &Config) -> Result<[Finding; 2], String> {
        let printed = self.artisan(&["presence:probe"])?;
        let probe: ProbeOutput =
            serde_json::from_str(printed.trim()).map_err(|_| format!("presence:probe printed {printed:?}"))?;
        let scope = Scope { guard: Id::text(&probe.guard).ok(), ..Scope::default() };
        let user = Id::text(&probe.user_id).map_err(|_| "presence:probe printed no valid user id".to_owned())?;
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
            Some(RecordLookup::Found(record)) => Ok([
                Finding::ok("records", "the sidecar reads the app's records"),
                compare_clocks(record.last_seen, now),
            ]),
            Some(RecordLookup::Unreadable(ValueForm::Other)) => {
                Err("the sidecar cannot decode the app's record".to_owned())
            }
            Some(RecordLookup::Unreadable(form)) => {
                Err(format!("the sidecar cannot decode the app's record: it is packed with {}", form.name()))
            }
            _ => Err("the sidecar does not find the app's record".to_owned()),
        }
    }

    /// Runs an artisan command; returns its output.
    fn artisan(&self, arguments: &[&str]) -> Result<String, String> {
        let php = |program: &Path| program.display().to_string();
        let output =
            Command::new(&self.php).arg("artisan").args(arguments).arg("--no-ansi").current_dir(&self.folder).output();
        let output = output.map_err(|error| format!("{} in {}: {error}", php(&self.php), self.folder.display()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => {
                let lines = [text(&output.stdout), text(&output.stderr)].concat();
                let why = lines.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no output").to_owned();
                Err(format!("php artisan {} failed: {why}", arguments[0]))
            }
        }
    }
}

fn compare_clocks(app: Timestamp, store: Timestamp) -> Finding {
    match store.seconds_apart(app) {
        0..=MAX_CLOCK_SKEW => Finding::ok("clock", "app and store agree"),
        apart => Finding::wrong(
            "clock",
            format!("app and store differ by {apart} s"),
            "run a time synchronization service on both hosts",
        ),
    }
}
