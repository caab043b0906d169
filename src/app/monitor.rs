//! Checks the stores and the disk at an interval, for the metrics.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use crate::config::{CacheStore, Config};
use crate::messaging::Messaging;
use crate::presence::Presence;
use crate::telemetry::{Registry, catalog, disk_space};

/// The interval of the checks.
const INTERVAL: Duration = Duration::from_secs(5);

/// Checks whether the stores take writes, and how full the disk of the storage folder is.
#[derive(Clone)]
pub(super) struct Monitor {
    pub(super) registry: Arc<Registry>,
    presence: Arc<Presence>,
    /// The kind of the presence store.
    kind: &'static str,
    messaging: Option<Arc<Messaging>>,
    storage: PathBuf,
}

impl Monitor {
    /// A monitor of these services.
    pub(super) fn new(
        config: &Config,
        registry: Arc<Registry>,
        presence: Arc<Presence>,
        messaging: Option<Arc<Messaging>>,
    ) -> Self {
        let kind = match config.cache.store {
            CacheStore::Array => "array",
            CacheStore::Redis => "redis",
            CacheStore::Database => "database",
        };
        Self { registry, presence, kind, messaging, storage: config.storage.clone() }
    }

    /// Checks at an interval. Never returns. A disk that does not answer does not delay the checks of the stores.
    pub(super) async fn run(self) {
        let stores = async {
            loop {
                tokio::time::sleep(INTERVAL).await;
                self.check_stores().await;
            }
        };
        let disk = async {
            loop {
                tokio::time::sleep(INTERVAL).await;
                self.check_disk().await;
            }
        };
        tokio::join!(stores, disk);
    }

    async fn check_stores(&self) {
        let presence = async {
            let started = Instant::now();
            let is_up = self.presence.ready().boxed().await.is_ok();
            self.record([self.kind, "presence"], is_up, started);
        };
        let messages = async {
            let Some(messaging) = &self.messaging else { return };
            let started = Instant::now();
            let is_up = messaging.ready().boxed().await.is_ok();
            self.record(["database", "messages"], is_up, started);
        };
        tokio::join!(presence, messages);
    }

    fn record(&self, [kind, store]: [&str; 2], is_up: bool, started: Instant) {
        self.registry.gauge(&catalog::STORE_UP, &[store, kind]).set(f64::from(is_up));
        self.registry.histogram(&catalog::STORE_CHECK_SECONDS, &[store, kind]).record(started.elapsed());
    }

    async fn check_disk(&self) {
        let storage = self.storage.clone();
        // It may block: on a disk of the network, for good.
        let space = tokio::task::spawn_blocking(move || disk_space(&storage)).await;
        if let Ok(Some((free, size))) = space {
            self.registry.gauge(&catalog::STORAGE_FREE, &[]).set(free);
            self.registry.gauge(&catalog::STORAGE_SIZE, &[]).set(size);
        }
    }
}
