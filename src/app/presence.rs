//! Builds presence from the configuration.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::stores::Stores;
use crate::config::Config;
use crate::http::throttle::RateLimiter;
use crate::presence::api::{
    BrowserApi, ExplainApi, FeedApi, RosterApi, ScopeResolver, StreamLimits, StreamMaximums, Streams, UsersApi,
    WatchedApi, encode_event,
};
use crate::presence::domain::{Outbox, Rules, Span, Windows};
use crate::presence::service::change_feed::ChangeFeed;
use crate::presence::service::clock::Clock;
use crate::presence::service::explain::Explainer;
use crate::presence::worker::sweep::ExpirySweeper;
use crate::presence::{ChangeNotifier, CommitContext, Metrics, Presence};
use crate::telemetry::Registry;

/// Presence, built: its service, its operations and its workers.
pub(super) struct PresenceModule {
    pub(super) service: Arc<Presence>,
    pub(super) clock: Arc<Clock>,
    pub(super) workers: PresenceWorkers,
    pub(super) registry: Arc<Registry>,
    explainer: Explainer,
    feed: ChangeFeed,
    limits: StreamLimits,
}

/// The background tasks of presence.
pub(super) struct PresenceWorkers {
    pub(super) sweep: ExpirySweeper,
    pub(super) interval: Duration,
    /// The request batchers, which call the store; they end when the service is dropped.
    pub(super) batchers: Vec<(&'static str, BoxFuture<'static, ()>)>,
    /// Reads the change log for all subscribers, until `feed_stop`.
    pub(super) feed: ChangeFeed,
    pub(super) feed_stop: CancellationToken,
}

impl PresenceModule {
    /// Builds presence on `stores`.
    pub(super) fn build(
        config: &Config,
        stores: &Stores,
        outbox: Arc<ArcSwap<Outbox>>,
        registry: &Arc<Registry>,
    ) -> Self {
        let context = CommitContext {
            store: stores.store.clone(),
            clock: Arc::new(Clock::new()),
            rules: Rules { windows: windows(config), installation: outbox.load().installation },
            outbox,
            metrics: Arc::new(Metrics::new(registry)),
            notifier: Arc::new(ChangeNotifier::new()),
            cache_bytes: config.presence.cache_bytes,
        };
        let explainer = Explainer {
            store: stores.store.clone(),
            queue: stores.queue.clone(),
            outbox: context.outbox.clone(),
            clock: context.clock.clone(),
            windows: context.rules.windows,
        };
        let feed_stop = CancellationToken::new();
        let clock = context.clock.clone();
        let feed = ChangeFeed::new(stores.store.clone(), &context.notifier, encode_event, feed_stop.clone());
        let sweep = ExpirySweeper { context: context.clone(), keep_changes: Span::from_duration(config.changes.keep) };
        let (service, batchers) = Presence::new(context);
        let workers = PresenceWorkers {
            sweep,
            interval: config.presence.sweep_interval,
            batchers,
            feed: feed.clone(),
            feed_stop,
        };
        let limits = StreamLimits::new(stream_maximums(config), registry, workers.feed_stop.clone());
        Self { service: Arc::new(service), clock, workers, registry: registry.clone(), explainer, feed, limits }
    }

    /// The operations; `throttle` limits the heartbeats of browsers.
    pub(super) fn apis(&self, config: &Config, throttle: RateLimiter) -> PresenceApis {
        let (presence, scopes) = (&self.service, ScopeResolver::new(config.scope.clone()));
        let streams = Streams {
            feed: self.feed.clone(),
            limits: self.limits.clone(),
            stall: config.stream.stall_timeout,
            grace: config.stream.grace,
            stop: self.workers.feed_stop.clone(),
        };
        PresenceApis {
            explain: ExplainApi::new(presence.clone(), self.explainer.clone(), scopes.clone()),
            watched: WatchedApi::new(presence.clone(), scopes.clone()),
            users: UsersApi::new(presence.clone(), scopes.clone()),
            roster: RosterApi::new(presence.clone(), scopes.clone()),
            feed: FeedApi::new(presence.clone(), streams, scopes.clone()),
            browser: BrowserApi::new(presence.clone(), scopes, throttle),
        }
    }
}

/// The operations of presence.
pub(super) struct PresenceApis {
    pub(super) explain: ExplainApi,
    pub(super) watched: WatchedApi,
    pub(super) users: UsersApi,
    pub(super) roster: RosterApi,
    pub(super) feed: FeedApi,
    pub(super) browser: BrowserApi,
}

fn stream_maximums(config: &Config) -> StreamMaximums {
    let config = &config.stream;
    StreamMaximums { total: config.max, per_user: config.max_per_user, per_address: config.max_per_address }
}

/// How long heartbeats count.
pub(super) fn windows(config: &Config) -> Windows {
    Windows {
        ttl: Span::from_secs(config.cache.ttl_seconds),
        away_after: Span::from_secs(config.cache.away_after_seconds),
        remember: Span::from_duration(config.presence.remember),
    }
}
