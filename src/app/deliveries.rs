//! The workers that deliver the changes of the outbox.

use super::live::LiveSettings;
use super::presence::PresenceModule;
use super::stores::Stores;
use super::{broadcast, webhooks};
use crate::broadcast::worker::BroadcastWorker;
use crate::config::Config;
use crate::telemetry::spans::Spans;
use crate::webhooks::worker::DeliveryWorker;

/// The workers of the outbox.
pub(super) struct DeliveryWorkers {
    /// One per endpoint.
    pub(super) webhooks: Vec<DeliveryWorker>,
    pub(super) broadcasts: Option<BroadcastWorker>,
}

impl DeliveryWorkers {
    /// The workers of the endpoints and of broadcasts.
    pub(super) fn build(
        config: &Config,
        stores: &Stores,
        presence: &PresenceModule,
        live: &LiveSettings,
        spans: &Spans,
    ) -> Self {
        let installation = live.outbox.load().installation;
        let broadcast = |client| broadcast::worker(config, stores, presence, installation, client);
        Self {
            webhooks: webhooks::workers(config, stores, presence, &live.endpoints, spans),
            broadcasts: live.broadcast.clone().map(broadcast),
        }
    }
}
