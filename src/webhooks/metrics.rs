//! What deliveries count.

use metrics::{Counter, Gauge, Histogram};

use super::domain::retry::AttemptOutcome;
use crate::queue::QueueStats;
use crate::telemetry::Registry;

/// Counters and gauges of one endpoint.
pub struct Metrics {
    attempts: [Counter; 4],
    seconds: Histogram,
    dead: Counter,
    pending: Gauge,
    oldest: Gauge,
    dead_letters: Gauge,
}

impl Metrics {
    /// Registers everything for the endpoint called `name`.
    pub fn new(registry: &Registry, name: &str) -> Self {
        let endpoint = [("endpoint", name)];
        let attempts = AttemptOutcome::ALL.map(|outcome| {
            let labels = [("endpoint", name), ("outcome", outcome.as_str())];
            registry.counter("presence_webhook_attempts_total", "Posts to a receiver, by how they ended.", &labels)
        });
        Self {
            attempts,
            seconds: registry.histogram("presence_webhook_seconds", "Seconds a post took.", &endpoint),
            dead: registry.counter("presence_webhook_dead_total", "Deliveries that were given up.", &endpoint),
            pending: registry.gauge("presence_webhook_pending", "Deliveries that are still to be made.", &endpoint),
            oldest: registry.gauge(
                "presence_webhook_oldest_pending_seconds",
                "How long the oldest of them has waited.",
                &endpoint,
            ),
            dead_letters: registry.gauge(
                "presence_webhook_dead_letters",
                "Deliveries among the dead letters.",
                &endpoint,
            ),
        }
    }

    /// Counts a post that took `seconds`.
    pub fn tried(&self, outcome: AttemptOutcome, seconds: f64) {
        self.attempts[outcome as usize].increment(1);
        self.seconds.record(seconds);
    }

    /// Counts a delivery that was given up.
    pub fn gave_up(&self) {
        self.dead.increment(1);
    }

    /// Notes how the queue is doing.
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 deliveries")]
    pub fn depth(&self, depth: &QueueStats) {
        self.pending.set(depth.pending as f64);
        self.oldest.set(depth.oldest.as_secs_f64());
        self.dead_letters.set(depth.dead as f64);
    }
}
