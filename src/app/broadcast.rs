//! Builds broadcasts from the configuration: the queue of each commit, the client, the worker.

use std::sync::Arc;

use arc_swap::ArcSwap;
use uuid::Uuid;

use super::error::BuildError;
use super::presence::PresenceModule;
use super::stores::Stores;
use crate::broadcast::Metrics;
use crate::broadcast::client::BroadcastClient;
use crate::broadcast::worker::{BroadcastContext, BroadcastWorker};
use crate::config::{BROADCAST_QUEUE, BroadcastConfig, Config};
use crate::presence::domain::{Event, OutboxQueue};

/// The queue that commits push to, if changes are published.
pub(super) fn queue(config: &BroadcastConfig) -> Option<OutboxQueue> {
    config.server.as_ref().map(|_| OutboxQueue {
        name: BROADCAST_QUEUE.to_owned(),
        events: vec![Event::Online, Event::Away, Event::Offline],
        debounce: config.debounce,
    })
}

/// The client of the broadcast server, if changes are published.
pub(super) fn client(config: &Config) -> Result<Option<BroadcastClient>, BuildError> {
    BroadcastClient::new(config).map_err(|error| BuildError(format!("changes cannot be broadcast: {error}")))
}

/// The worker that publishes through `client`, with the ids of `installation`.
pub(super) fn worker(
    config: &Config,
    stores: &Stores,
    presence: &PresenceModule,
    installation: Uuid,
    client: Arc<ArcSwap<BroadcastClient>>,
) -> BroadcastWorker {
    let context = BroadcastContext {
        queue: stores.queue.clone(),
        store: stores.store.clone(),
        clock: presence.clock.clone(),
        zone: config.laravel.timezone,
        installation,
        is_debounced: !config.broadcast.debounce.is_zero(),
    };
    BroadcastWorker::new(context, client, Arc::new(Metrics::new(&presence.registry)))
}
