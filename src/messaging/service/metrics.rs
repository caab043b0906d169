//! Metrics of messaging.

use std::time::Instant;

use metrics::{Counter, Gauge, Histogram};

use crate::messaging::store::WriteResult;
use crate::queue::QueueStats;
use crate::telemetry::{Registry, catalog};

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
        let seconds = |call| registry.histogram(&catalog::MESSAGES_DATABASE_SECONDS, &[call]);
        Self {
            polls: registry.counter(&catalog::POLLS, &[]),
            stored: registry.counter(&catalog::MESSAGES_STORED, &[]),
            auth_failures: registry.counter(&catalog::CLIENT_AUTH_FAILURES, &[]),
            poll_seconds: seconds("poll"),
            deliver_seconds: seconds("deliver"),
            pending: registry.gauge(&catalog::FAN_OUT_PENDING, &[]),
            oldest: registry.gauge(&catalog::FAN_OUT_OLDEST, &[]),
            dead: registry.gauge(&catalog::FAN_OUT_DEAD, &[]),
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
