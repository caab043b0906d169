//! What presence counts. Handles are resolved once: counting costs an atomic addition.

use metrics::{Counter, Histogram};

use crate::presence::domain::{Change, Status, Timestamp};
use crate::telemetry::Registry;

/// Counters and histograms of the presence wing, see each one's help text.
pub struct Metrics {
    /// HeartbeatsRequest accepted.
    pub heartbeats: Counter,
    /// Commits that met another writer and were tried again.
    pub conflicts: Counter,
    /// Laravel records that were no presence records.
    pub unreadable_records: Counter,
    /// Seconds a commit of a group of users took.
    pub store_seconds: Histogram,
    detection_lag: Histogram,
    changes: [Counter; 3],
}

impl Metrics {
    /// Registers everything in `registry`.
    pub fn new(registry: &Registry) -> Self {
        let changes = |status: Status| {
            registry.counter(
                "presence_changes_total",
                "Entries written to the change log, by the status that began.",
                &[("status", status.as_str())],
            )
        };
        Self {
            heartbeats: registry.counter("presence_heartbeats_total", "Heartbeats accepted.", &[]),
            conflicts: registry.counter(
                "presence_commit_conflicts_total",
                "Commits that met another writer and were tried again.",
                &[],
            ),
            unreadable_records: registry.counter(
                "presence_unreadable_records_total",
                "Values under presence keys that are no presence record; they read as offline.",
                &[],
            ),
            store_seconds: registry.histogram(
                "presence_store_seconds",
                "Seconds a commit of a group of users took.",
                &[],
            ),
            detection_lag: registry.histogram(
                "presence_detection_lag_seconds",
                "Seconds between the moment a user became away or offline by age and its record in the change log.",
                &[],
            ),
            changes: [changes(Status::Online), changes(Status::Away), changes(Status::Offline)],
        }
    }

    /// Counts what was recorded; `swept_at` is when a sweep recorded it.
    pub fn changed(&self, change: &Change, swept_at: Option<Timestamp>) {
        if change.is_heartbeat {
            return;
        }
        self.changes[change.status as usize].increment(1);
        if let Some(at) = swept_at {
            #[expect(clippy::cast_precision_loss, reason = "a lag in microseconds is far below 2^52")]
            self.detection_lag.record((at.micros() - change.occurred_at.micros()).max(0) as f64 / 1e6);
        }
    }
}
