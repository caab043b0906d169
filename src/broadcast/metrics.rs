//! Metrics of broadcasts.

use metrics::{Counter, Gauge, Histogram};

use crate::queue::QueueStats;
use crate::telemetry::Registry;
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
        let requests = AttemptOutcome::ALL.map(|outcome| {
            let labels = [("outcome", outcome.as_str())];
            registry.counter(
                "presence_broadcast_requests_total",
                "Requests to the broadcast server, by outcome.",
                &labels,
            )
        });
        let counter = |name, help| registry.counter(name, help, &[]);
        let gauge = |name, help| registry.gauge(name, help, &[]);
        Self {
            requests,
            seconds: registry.histogram(
                "presence_broadcast_seconds",
                "Duration of a request to the broadcast server, in seconds.",
                &[],
            ),
            published: counter("presence_broadcast_changes_total", "Changes that the broadcast server accepted."),
            superseded: counter(
                "presence_broadcast_superseded_total",
                "Changes that were not published because a later one replaced them while they waited.",
            ),
            dead: counter("presence_broadcast_dead_total", "Changes that the broadcast server refused."),
            pending: gauge("presence_broadcast_pending", "Changes that wait to be published."),
            oldest: gauge(
                "presence_broadcast_oldest_pending_seconds",
                "Age of the oldest change that waits to be published, in seconds.",
            ),
            dead_letters: gauge("presence_broadcast_dead_letters", "Refused changes in the dead letters."),
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
