//! DeliveryAdmin, put together: which endpoint is told what, and who delivers it.

use std::sync::Arc;

use uuid::Uuid;

use super::BuildError;
use super::presence::PresenceModule;
use super::stores::{Stores, prefix};
use crate::config;
use crate::config::{Config, Driver};
use crate::presence::domain::{Event, Outbox, OutboxQueue};
use crate::telemetry::Registry;
use crate::webhooks::api::Api;
use crate::webhooks::client::WebhookClient;
use crate::webhooks::domain::egress::EgressPolicy;
use crate::webhooks::domain::payload;
use crate::webhooks::worker::{DeliveryConfig, DeliveryWorker};
use crate::webhooks::{DeliveryAdmin, Metrics};

/// The endpoints that are posted to: all of them with `driver = "webhook"`, else none.
fn endpoints(config: &Config) -> impl Iterator<Item = &config::EndpointConfig> {
    config.webhook.endpoints.iter().filter(|_| config.driver == Driver::Webhook)
}

/// What commits push, and where.
pub(super) fn outbox(config: &Config) -> Outbox {
    const EVENTS: [Event; 4] = [Event::Online, Event::Away, Event::Offline, Event::Heartbeat];
    let queue = |endpoint: &config::EndpointConfig| OutboxQueue {
        name: endpoint.name.clone(),
        events: EVENTS.into_iter().filter(|event| payload::wants(endpoint, *event)).collect(),
        debounce: config.webhook.debounce,
    };
    let installation = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("presence-sidecar:{}", prefix(config)).as_bytes());
    Outbox { installation, queues: endpoints(config).map(queue).collect() }
}

/// Who delivers, one for each endpoint.
pub(super) fn deliveries(
    config: &Config,
    stores: &Stores,
    presence: &PresenceModule,
    registry: &Registry,
) -> Result<Vec<DeliveryWorker>, BuildError> {
    let terms = DeliveryConfig {
        queue: stores.queue.clone(),
        clock: presence.clock.clone(),
        zone: config.laravel.timezone,
        installation: outbox(config).installation,
        schedule: config.webhook.schedule.clone(),
        tries: config.webhook.retries.max(1),
        concurrency: config.webhook.concurrency,
        keep_dead: config.webhook.keep_dead,
    };
    let guard = EgressPolicy::new(&config.webhook.allowed_networks);
    let delivery = |endpoint: &config::EndpointConfig| {
        let metrics = Arc::new(Metrics::new(registry, &endpoint.name));
        let sender = WebhookClient::new(endpoint.clone(), guard.clone());
        let sender = sender.map_err(|error| BuildError(format!("webhooks cannot be sent: {error}")))?;
        Ok(DeliveryWorker::new(terms.clone(), endpoint.clone(), sender, metrics))
    };
    endpoints(config).map(delivery).collect()
}

/// What operators see of the queues.
pub(super) fn api(config: &Config, stores: &Stores) -> Api {
    let names = endpoints(config).map(|endpoint| endpoint.name.clone()).collect();
    Api::new(Arc::new(DeliveryAdmin::new(stores.queue.clone(), names)))
}
