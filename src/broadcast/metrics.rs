//! Metrics of broadcasts.

use metrics::{Counter, Gauge, Histogram};

use crate::queue::QueueStats;
use crate::telemetry::{Registry, catalog};
use crate::webhooks::domain::retry::AttemptOutcome;

/// The metrics of broadcasts.
pub struct Metrics {
    requests: [Counter; 4],
    seconds: Histogram,
    published: Counter,
    superseded: Counter,
    dead: Counter,
    pending: Gauge,
    oldest: Gauge,
    dead_letters: Gauge,
}

impl Metrics {
    /// Registers the metrics.
    pub fn new(registry: &Registry) -> Self {
        let requests = |outcome: AttemptOutcome| registry.counter(&catalog::BROADCAST_REQUESTS, &[outcome.as_str()]);
        Self {
            requests: AttemptOutcome::ALL.map(requests),
            seconds: registry.histogram(&catalog::BROADCAST_SECONDS, &[]),
            published: registry.counter(&catalog::BROADCAST_CHANGES, &[]),
            superseded: registry.counter(&catalog::BROADCAST_SUPERSEDED, &[]),
            dead: registry.counter(&catalog::BROADCAST_GIVEN_UP, &[]),
            pending: registry.gauge(&catalog::BROADCAST_PENDING, &[]),
            oldest: registry.gauge(&catalog::BROADCAST_OLDEST, &[]),
            dead_letters: registry.gauge(&catalog::BROADCAST_DEAD, &[]),
        }
    }

    /// Counts a request that took `seconds`.
    pub fn record_request(&self, outcome: AttemptOutcome, seconds: f64) {
        self.requests[outcome as usize].increment(1);
        self.seconds.record(seconds);
    }

    /// Counts a published change.
    pub fn record_published(&self) {
        self.published.increment(1);
    }

    /// Counts a change that a later one replaced.
    pub fn record_superseded(&self) {
        self.superseded.increment(1);
    }

    /// Counts a refused change.
    pub fn record_dead(&self) {
        self.dead.increment(1);
    }

    /// Sets the gauges of the queue.
    #[expect(clippy::cast_precision_loss, reason = "no queue has 2^52 entries")]
    pub fn record_depth(&self, stats: &QueueStats) {
        self.pending.set(stats.pending as f64);
        self.oldest.set(stats.oldest.as_secs_f64());
        self.dead_letters.set(stats.dead as f64);
    }
}
