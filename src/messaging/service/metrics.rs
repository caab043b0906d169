//! Metrics of messaging.

use std::time::Instant;

use metrics::{Counter, Gauge, Histogram};

use crate::messaging::store::WriteResult;
use crate::queue::QueueStats;
use crate::telemetry::Registry;

/// Counters, histograms and gauges of messaging; the help texts describe them.
pub struct Metrics {
    /// Answered polls.
    pub polls: Counter,
    /// Stored messages.
    pub stored: Counter,
    /// Requests with an invalid client token.
    pub auth_failures: Counter,
    /// Database time of a poll, in seconds.
    pub poll_seconds: Histogram,
    /// Database time of a write of messages, in seconds.
    pub deliver_seconds: Histogram,
    pending: Gauge,
    oldest: Gauge,
    dead: Gauge,
}

impl Metrics {
    /// Registers all metrics in `registry`.
    pub fn new(registry: &Registry) -> Self {
        let seconds = |call| {
            let help = "Database time of a poll, or of a write of messages, in seconds.";
            registry.histogram("messaging_database_seconds", help, &[("call", call)])
        };
        let gauge = |name, help| registry.gauge(name, help, &[]);
        Self {
            polls: registry.counter("messaging_polls_total", "Answered polls.", &[]),
            stored: registry.counter("messaging_messages_stored_total", "Stored messages.", &[]),
            auth_failures: registry.counter(
                "messaging_auth_failures_total",
                "Requests with an invalid client token.",
                &[],
            ),
            poll_seconds: seconds("poll"),
            deliver_seconds: seconds("deliver"),
            pending: gauge("messaging_fan_out_pending", "Pending fan-out jobs."),
            oldest: gauge(
                "messaging_fan_out_oldest_pending_seconds",
                "Age of the oldest pending fan-out job, in seconds.",
            ),
            dead: gauge("messaging_fan_out_dead_letters", "Fan-out jobs in the dead letters."),
        }
    }

    /// Records a write of messages that began at `started`.
    pub fn record_write(&self, started: Instant, results: &[Option<WriteResult>]) {
        self.deliver_seconds.record(started.elapsed());
        let stored = results.iter().flatten().map(|result| match result {
            WriteResult::Stored { messages, .. } => *messages as u64,
            WriteResult::AlreadyDone | WriteResult::NoKey => 0,
        });
        self.stored.increment(stored.sum());
    }

    /// Sets the gauges of the fan-out queue.
    #[expect(clippy::cast_precision_loss, reason = "a queue has fewer than 2^52 jobs")]
    pub fn record_queue_stats(&self, stats: &QueueStats) {
        self.pending.set(stats.pending as f64);
        self.oldest.set(stats.oldest.as_secs_f64());
        self.dead.set(stats.dead as f64);
    }
}
