//! Metrics of deliveries.

use metrics::{Counter, Gauge, Histogram};

use super::domain::retry::AttemptOutcome;
use crate::queue::QueueStats;
use crate::telemetry::Registry;

/// The metrics of one endpoint.
pub struct Metrics {
    attempts: [Counter; 4],
    seconds: Histogram,
    dead: Counter,
    pending: Gauge,
    oldest: Gauge,
    dead_letters: Gauge,
}

impl Metrics {
    /// Registers the metrics of the endpoint `name`.
    pub fn new(registry: &Registry, name: &str) -> Self {
        let endpoint = [("endpoint", name)];
        let attempts = AttemptOutcome::ALL.map(|outcome| {
            let labels = [("endpoint", name), ("outcome", outcome.as_str())];
            registry.counter("presence_webhook_attempts_total", "Requests to a receiver, by outcome.", &labels)
        });
        Self {
            attempts,
            seconds: registry.histogram("presence_webhook_seconds", "Duration of a request, in seconds.", &endpoint),
            dead: registry.counter("presence_webhook_dead_total", "Deliveries moved to the dead letters.", &endpoint),
            pending: registry.gauge("presence_webhook_pending", "Pending deliveries.", &endpoint),
            oldest: registry.gauge(
                "presence_webhook_oldest_pending_seconds",
                "Age of the oldest pending delivery, in seconds.",
                &endpoint,
            ),
            dead_letters: registry.gauge("presence_webhook_dead_letters", "Deliveries in the dead letters.", &endpoint),
        }
    }

    /// Counts a request that took `seconds`.
    pub fn record_attempt(&self, outcome: AttemptOutcome, seconds: f64) {
        self.attempts[outcome as usize].increment(1);
        self.seconds.record(seconds);
    }

    /// Counts a delivery moved to the dead letters.
    pub fn record_dead_letter(&self) {
        self.dead.increment(1);
    }

    /// Sets the gauges of the queue.
    #[expect(clippy::cast_precision_loss, reason = "no queue has 2^52 deliveries")]
    pub fn record_depth(&self, stats: &QueueStats) {
        self.pending.set(stats.pending as f64);
        self.oldest.set(stats.oldest.as_secs_f64());
        self.dead_letters.set(stats.dead as f64);
    }
}
