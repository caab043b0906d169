//! The settings that a running sidecar takes from a new configuration without a restart.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::error::BuildError;
use super::{broadcast, webhooks};
use crate::broadcast::client::BroadcastClient;
use crate::config::{Config, Loaded, TlsFiles};
use crate::http::address::TrustedProxies;
use crate::http::cors::Origins;
use crate::http::listener::ServerTls;
use crate::http::middleware::AccessSettings;
use crate::http::throttle::RateLimiter;
use crate::http::token_verifier::TokenVerifier;
use crate::messaging::api::ClientSettings;
use crate::presence::domain::Outbox;
use crate::webhooks::client::WebhookClient;

/// The replaceable settings of a sidecar: tokens, limits, origins, proxies, the endpoints of webhooks,
/// and the broadcast server.
#[derive(Clone)]
pub struct LiveSettings {
    loaded: Arc<ArcSwap<Loaded>>,
    pub(super) access: Arc<ArcSwap<AccessSettings>>,
    pub(super) proxies: TrustedProxies,
    /// The limit of browsers' heartbeats.
    pub(super) throttle: RateLimiter,
    pub(super) clients: ClientSettings,
    pub(super) endpoints: Vec<Arc<ArcSwap<WebhookClient>>>,
    pub(super) broadcast: Option<Arc<ArcSwap<BroadcastClient>>>,
    pub(super) outbox: Arc<ArcSwap<Outbox>>,
    /// The certificate of the listeners.
    pub(super) tls: Option<ServerTls>,
}

impl LiveSettings {
    /// The settings of a configuration.
    pub(super) fn new(loaded: &Loaded) -> Result<Self, BuildError> {
        let config = &loaded.config;
        let endpoints = webhooks::clients(config)?;
        let proxies = TrustedProxies::new(config.server.trusted_proxies.clone());
        Ok(Self {
            loaded: Arc::new(ArcSwap::from_pointee(loaded.clone())),
            access: Arc::new(ArcSwap::from_pointee(access(config, &proxies))),
            proxies,
            throttle: RateLimiter::new(config.routing.throttle),
            clients: ClientSettings::new(&config.messaging),
            broadcast: broadcast::client(config)?.map(|client| Arc::new(ArcSwap::from_pointee(client))),
            endpoints: endpoints.into_iter().map(|client| Arc::new(ArcSwap::from_pointee(client))).collect(),
            outbox: Arc::new(ArcSwap::from_pointee(webhooks::outbox(config))),
            tls: tls(config)?,
        })
    }

    /// The configuration that is in use.
    pub fn loaded(&self) -> Arc<Loaded> {
        self.loaded.load_full()
    }

    /// Replaces the settings by those of `loaded`: all of them, or none if there is an error. Requests and deliveries that
    /// have begun keep theirs. Other parts of `loaded` are ignored.
    ///
    /// # Errors
    /// The endpoints have other names, or webhooks cannot be sent to one.
    pub fn replace(&self, loaded: Loaded) -> Result<(), BuildError> {
        let config = &loaded.config;
        let endpoints = webhooks::clients(config)?;
        let broadcast = broadcast::client(config)?;
        let tls = tls(config)?;
        let names = self.endpoints.iter().map(|current| current.load().endpoint().name.clone());
        if !names.eq(endpoints.iter().map(|client| client.endpoint().name.clone())) {
            return Err(BuildError("webhook.endpoints: another list of names needs a restart".to_owned()));
        }
        if self.broadcast.is_some() != broadcast.is_some() {
            return Err(BuildError("broadcast.connection: another connection needs a restart".to_owned()));
        }
        self.proxies.set(config.server.trusted_proxies.clone());
        self.access.store(Arc::new(access(config, &self.proxies)));
        self.throttle.set(config.routing.throttle);
        self.clients.replace(&config.messaging);
        self.outbox.store(Arc::new(webhooks::outbox(config)));
        if let Some((current, tls)) = self.tls.as_ref().zip(tls.as_ref()) {
            current.replace(tls);
        }
        for (current, client) in self.endpoints.iter().zip(endpoints) {
            current.store(Arc::new(client));
        }
        if let Some((current, client)) = self.broadcast.as_ref().zip(broadcast) {
            current.store(Arc::new(client));
        }
        self.loaded.store(Arc::new(loaded));
        Ok(())
    }
}

fn tls(config: &Config) -> Result<Option<ServerTls>, BuildError> {
    let load = |files: &TlsFiles| ServerTls::load(&files.certificate, &files.key).map_err(BuildError);
    config.server.tls.as_ref().map(load).transpose()
}

fn access(config: &Config, proxies: &TrustedProxies) -> AccessSettings {
    let messaging = &config.messaging;
    let verifier = TokenVerifier::new(&config.auth.tokens, &config.auth.user_token_secrets)
        .with_admins(messaging.admin_token.iter().cloned().collect())
        .with_operators(messaging.operator_tokens.clone());
    AccessSettings {
        verifier: Arc::new(verifier),
        origins: Origins::new(config.server.allowed_origins.clone()).with_headers(&config.server.allowed_headers),
        trusted_proxies: proxies.clone(),
    }
}
