//! The reload of the configuration by SIGHUP.

use std::sync::Arc;

use metrics::Counter;
use tokio::sync::Notify;

use crate::app::{App, LiveSettings};
use crate::config::{ConfigChanges, Sources, load};
use crate::telemetry::{LogFilter, LogHandle, catalog};

/// Reloads the configuration of a running sidecar. Clones share it.
#[derive(Clone)]
pub(super) struct Reloader(Arc<ReloadState>);

struct ReloadState {
    sources: Sources,
    live: LiveSettings,
    log: LogHandle,
    applied: Counter,
    refused: Counter,
}

impl Reloader {
    /// Reloads from `sources`, which the configuration of `app` was loaded from.
    pub(super) fn new(sources: Sources, app: &App, log: LogHandle) -> Self {
        let counter = |outcome| app.registry().counter(&catalog::CONFIG_RELOADS, &[outcome]);
        let (applied, refused) = (counter("applied"), counter("refused"));
        Self(Arc::new(ReloadState { sources, live: app.live.clone(), log, applied, refused }))
    }

    /// Reloads at each notification. Never returns.
    pub(super) async fn run(self, requests: Arc<Notify>) {
        loop {
            requests.notified().await;
            let state = self.0.clone();
            // A file may be on a disk that does not answer.
            _ = tokio::task::spawn_blocking(move || state.reload()).await;
        }
    }
}

impl ReloadState {
    fn reload(&self) {
        match self.try_reload() {
            Ok(keys) => {
                self.applied.increment(1);
                tracing::info!(keys = keys.join(", "), "configuration reloaded");
            }
            Err(ReloadError::NeedsRestart(keys)) => {
                self.refused.increment(1);
                let keys = keys.join(", ");
                tracing::warn!(keys, "configuration not reloaded: these keys need a restart; the old one stays in use");
            }
            Err(ReloadError::Invalid(error)) => {
                self.refused.increment(1);
                tracing::warn!(error, "configuration not reloaded: the old one stays in use");
            }
        }
    }

    /// Takes over the new configuration as a whole; returns the changed keys.
    fn try_reload(&self) -> Result<Vec<String>, ReloadError> {
        let current = self.live.loaded();
        let new = load(&self.sources).map_err(|error| ReloadError::Invalid(error.to_string()))?;
        let missing = new.config.missing_secrets();
        if !missing.is_empty() {
            return Err(ReloadError::Invalid(format!("{} is not set any more", missing.join(", "))));
        }
        let ConfigChanges { reloadable, restart } = current.changes(&new);
        if !restart.is_empty() {
            return Err(ReloadError::NeedsRestart(restart));
        }
        let filter = LogFilter::parse(&new.config.log.filter).map_err(ReloadError::Invalid)?;
        self.live.replace(new).map_err(|error| ReloadError::Invalid(error.to_string()))?;
        let new = self.live.loaded();
        if current.config.log.filter != new.config.log.filter {
            self.log.set_filter(filter);
        }
        for warning in new.warnings.iter().filter(|warning| !current.warnings.contains(warning)) {
            tracing::warn!("{warning}");
        }
        Ok(reloadable)
    }
}

enum ReloadError {
    /// These keys have changed.
    NeedsRestart(Vec<String>),
    /// The new configuration cannot be used.
    Invalid(String),
}
