//! Builds webhooks from the configuration: the outbox of each commit, the delivery workers, the operations.

use std::sync::Arc;

use arc_swap::ArcSwap;
use secrecy::SecretString;
use uuid::Uuid;

use super::error::BuildError;
use super::presence::PresenceModule;
use super::stores::{Stores, prefix};
use crate::config;
use crate::config::{Config, Driver};
use crate::egress::EgressPolicy;
use crate::presence::domain::{Event, Outbox, OutboxQueue};
use crate::telemetry::spans::Spans;
use crate::webhooks::api::Api;
use crate::webhooks::client::WebhookClient;
use crate::webhooks::domain::payload;
use crate::webhooks::worker::{DeliveryConfig, DeliveryWorker};
use crate::webhooks::{DeliveryAdmin, Metrics};

/// The header of a post that names the connection through which the sidecar broadcasts.
const BROADCAST_HEADER: &str = "x-presence-broadcast";

/// The endpoints that receive webhooks: all with `driver = "webhook"`, else none.
fn endpoints(config: &Config) -> impl Iterator<Item = &config::EndpointConfig> {
    config.webhook.endpoints.iter().filter(|_| config.driver == Driver::Webhook)
}

/// The outbox: the queues that commits push to, and the events of each.
pub(super) fn outbox(config: &Config) -> Outbox {
    const EVENTS: [Event; 4] = [Event::Online, Event::Away, Event::Offline, Event::Heartbeat];
    let queue = |endpoint: &config::EndpointConfig| OutboxQueue {
        name: endpoint.name.clone(),
        events: EVENTS.into_iter().filter(|event| payload::wants(endpoint, *event)).collect(),
        debounce: config.webhook.debounce,
    };
    let installation = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("presence-sidecar:{}", prefix(config)).as_bytes());
    let queues = endpoints(config).map(queue).chain(super::broadcast::queue(&config.broadcast));
    Outbox { installation, queues: queues.collect() }
}

/// The delivery workers, one per endpoint.
pub(super) fn workers(
    config: &Config,
    stores: &Stores,
    presence: &PresenceModule,
    clients: &[Arc<ArcSwap<WebhookClient>>],
    spans: &Spans,
) -> Vec<DeliveryWorker> {
    let delivery_config = DeliveryConfig {
        queue: stores.queue.clone(),
        clock: presence.clock.clone(),
        zone: config.laravel.timezone,
        installation: outbox(config).installation,
        schedule: config.webhook.schedule.clone(),
        tries: config.webhook.retries.max(1),
        concurrency: config.webhook.concurrency,
        keep_dead: config.webhook.keep_dead,
        spans: spans.clone(),
    };
    let worker = |client: &Arc<ArcSwap<WebhookClient>>| {
        let metrics = Arc::new(Metrics::new(&presence.registry, &client.load().endpoint().name));
        DeliveryWorker::new(delivery_config.clone(), client.clone(), metrics)
    };
    clients.iter().map(worker).collect()
}

/// The HTTP clients of the endpoints.
pub(super) fn clients(config: &Config) -> Result<Vec<WebhookClient>, BuildError> {
    let policy = EgressPolicy::new(&config.webhook.allowed_networks);
    let client = |endpoint: &config::EndpointConfig| {
        let client = WebhookClient::new(announced(config, endpoint), policy.clone());
        client.map_err(|error| {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            BuildError(format!(
                "webhooks to {} cannot be sent: {cause}; install the certificates of the system (ca-certificates), or set \
                 webhook.ca",
                endpoint.name
            ))
        })
    };
    endpoints(config).map(client).collect()
}

/// The endpoint; its posts say if the sidecar broadcasts, so that the app need not.
fn announced(config: &Config, endpoint: &config::EndpointConfig) -> config::EndpointConfig {
    let mut endpoint = endpoint.clone();
    if let Some(server) = &config.broadcast.server {
        endpoint.headers.push((BROADCAST_HEADER.to_owned(), SecretString::from(server.kind.as_str())));
    }
    endpoint
}

/// The operations on deliveries, broadcasts among them.
pub(super) fn api(config: &Config, stores: &Stores) -> Api {
    let names = outbox(config).queues.into_iter().map(|queue| queue.name).collect();
    Api::new(Arc::new(DeliveryAdmin::new(stores.queue.clone(), names)))
}
