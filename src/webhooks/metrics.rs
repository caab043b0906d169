//! Metrics of deliveries.

use metrics::{Counter, Gauge, Histogram};

use super::domain::retry::AttemptOutcome;
use crate::queue::QueueStats;
use crate::telemetry::{Registry, catalog};

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
        let attempts =
            |outcome: AttemptOutcome| registry.counter(&catalog::WEBHOOK_ATTEMPTS, &[name, outcome.as_str()]);
        Self {
            attempts: AttemptOutcome::ALL.map(attempts),
            seconds: registry.histogram(&catalog::WEBHOOK_SECONDS, &[name]),
            dead: registry.counter(&catalog::WEBHOOK_GIVEN_UP, &[name]),
            pending: registry.gauge(&catalog::WEBHOOK_PENDING, &[name]),
            oldest: registry.gauge(&catalog::WEBHOOK_OLDEST, &[name]),
            dead_letters: registry.gauge(&catalog::WEBHOOK_DEAD, &[name]),
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
