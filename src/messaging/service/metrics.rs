//! What messaging counts.

use metrics::{Counter, Gauge, Histogram};

use crate::queue::QueueStats;
use crate::telemetry::Registry;

/// Counters, histograms and gauges of the messaging wing, see each one's help text.
pub struct Metrics {
    /// Polls that were answered.
    pub polls: Counter,
    /// Messages that were stored.
    pub stored: Counter,
    /// Callers whose token was not the client's.
    pub refused: Counter,
    /// Seconds the query of a poll took.
    pub poll_seconds: Histogram,
    /// Seconds it took to store a step's messages.
    pub deliver_seconds: Histogram,
    pending: Gauge,
    oldest: Gauge,
    dead: Gauge,
}

impl Metrics {
    /// Registers everything in `registry`.
    pub fn new(registry: &Registry) -> Self {
        let seconds = |call| {
            let help = "Seconds the database took for a poll, or to store a step's messages.";
            registry.histogram("messaging_database_seconds", help, &[("call", call)])
        };
        let gauge = |name, help| registry.gauge(name, help, &[]);
        Self {
            polls: registry.counter("messaging_polls_total", "Polls that were answered.", &[]),
            stored: registry.counter("messaging_messages_stored_total", "Messages that were stored.", &[]),
            refused: registry.counter(
                "messaging_auth_failures_total",
                "Calls with a token that was not the client's.",
                &[],
            ),
            poll_seconds: seconds("poll"),
            deliver_seconds: seconds("deliver"),
            pending: gauge("messaging_fan_out_pending", "Fan-out jobs that are still to be done."),
            oldest: gauge("messaging_fan_out_oldest_pending_seconds", "How long the oldest of them has waited."),
            dead: gauge("messaging_fan_out_dead_letters", "Fan-out jobs that were given up."),
        }
    }

    /// Notes how the queue is doing.
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 jobs")]
    pub fn depth(&self, depth: &QueueStats) {
        self.pending.set(depth.pending as f64);
        self.oldest.set(depth.oldest.as_secs_f64());
        self.dead.set(depth.dead as f64);
    }
}
