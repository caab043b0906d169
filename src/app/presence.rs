//! The presence wing, put together.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::stores::Stores;
use crate::config::Config;
use crate::http::throttle::RateLimiter;
use crate::presence::api::{Api, BrowserApi};
use crate::presence::domain::{Outbox, Rules, Span, Windows};
use crate::presence::service::change_feed::ChangeFeed;
use crate::presence::service::clock::Clock;
use crate::presence::worker::sweep::ExpirySweeper;
use crate::presence::{ChangeNotifier, CommitContext, Metrics, Presence};
use crate::telemetry::Registry;

/// What the other parts need of presence.
pub(super) struct PresenceModule {
    pub(super) service: Arc<Presence>,
    pub(super) clock: Arc<Clock>,
    pub(super) workers: PresenceWorkers,
    feed: ChangeFeed,
}

/// What works for presence beside the requests.
pub(super) struct PresenceWorkers {
    pub(super) sweep: ExpirySweeper,
    pub(super) interval: Duration,
    /// Who talks to the store for everybody; ends when the service is dropped.
    pub(super) answering: Vec<BoxFuture<'static, ()>>,
    /// Who reads the change log for everybody, until `ending`.
    pub(super) feed: BoxFuture<'static, ()>,
    pub(super) ending: CancellationToken,
}

/// Puts presence on its stores.
pub(super) fn wing(config: &Config, stores: &Stores, outbox: Outbox, registry: &Registry) -> PresenceModule {
    let context = CommitContext {
        store: stores.store.clone(),
        clock: Arc::new(Clock::new()),
        rules: Rules { windows: windows(config), installation: outbox.installation },
        outbox: Arc::new(outbox),
        metrics: Arc::new(Metrics::new(registry)),
        notifier: Arc::new(ChangeNotifier::new()),
    };
    let ending = CancellationToken::new();
    let clock = context.clock.clone();
    let (feed, following) = ChangeFeed::new(stores.store.clone(), &context.notifier, ending.clone());
    let sweep = ExpirySweeper { context: context.clone(), keep_changes: Span::from_duration(config.changes.keep) };
    let (service, answering) = Presence::new(context);
    let workers = PresenceWorkers {
        sweep,
        interval: config.presence.sweep_interval,
        answering,
        feed: Box::pin(following),
        ending,
    };
    PresenceModule { service: Arc::new(service), clock, workers, feed }
}

impl PresenceModule {
    pub(super) fn api(&self, config: &Config) -> Api {
        Api::new(self.service.clone(), self.feed.clone(), config.scope.clone())
    }

    pub(super) fn browser(&self, config: &Config) -> BrowserApi {
        let throttle = config.routing.throttle.map(|throttle| RateLimiter::new(throttle.max, throttle.per));
        BrowserApi::new(self.service.clone(), config.scope.clone(), throttle)
    }
}

fn windows(config: &Config) -> Windows {
    Windows {
        ttl: Span::from_secs(config.cache.ttl_seconds),
        away_after: Span::from_secs(config.cache.away_after_seconds),
        remember: Span::from_duration(config.presence.remember),
    }
}
