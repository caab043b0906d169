//! The metrics of presence. Handles are resolved once: counting costs an atomic addition.

use std::sync::atomic::{AtomicBool, Ordering};

use metrics::{Counter, Histogram};

use crate::presence::domain::{Cause, Change, RecordLookup, Status, Timestamp, ValueForm};
use crate::presence::store::Reconciled;
use crate::telemetry::Registry;

/// The counters and histograms of presence; see the help text of each.
pub struct Metrics {
    /// Heartbeats accepted.
    pub heartbeats: Counter,
    /// Commits that were refused because of another writer and were retried.
    pub conflicts: Counter,
    /// Seconds that the commit of a batch of users took.
    pub store_seconds: Histogram,
    unreadable_records: Counter,
    /// The forms of unreadable records that were logged.
    logged_forms: [AtomicBool; ValueForm::ALL.len()],
    detection_lag: Histogram,
    changes: [Counter; 3],
    causes: [Counter; Cause::ALL.len()],
    reconciled: [Counter; 3],
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
            causes: Cause::ALL.map(|cause| caused(registry, cause)),
            reconciled: ["due", "roster", "count"].map(|kind| reconciled(registry, kind)),
            heartbeats: registry.counter("presence_heartbeats_total", "Heartbeats accepted.", &[]),
            conflicts: registry.counter(
                "presence_commit_conflicts_total",
                "Commits that were refused because of another writer and were retried.",
                &[],
            ),
            unreadable_records: registry.counter(
                "presence_unreadable_records_total",
                "Values under presence keys that are not presence records; they read as offline.",
                &[],
            ),
            logged_forms: Default::default(),
            store_seconds: registry.histogram(
                "presence_store_seconds",
                "Seconds that the commit of a batch of users took.",
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

    /// Counts what a step of the reconciliation corrected.
    pub fn reconciled(&self, step: &Reconciled) {
        for (counter, corrected) in self.reconciled.iter().zip([step.due, step.rosters, step.counts]) {
            counter.increment(corrected as u64);
        }
    }

    /// Counts a record that was read but is none, and logs its form once.
    pub fn looked_up(&self, record: &RecordLookup) {
        let RecordLookup::Unreadable(form) = *record else { return };
        self.unreadable_records.increment(1);
        if self.logged_forms[form as usize].swap(true, Ordering::Relaxed) {
            return;
        }
        let form = form.name();
        tracing::warn!(
            form,
            "a value under a presence key cannot be read and counts as offline; if the app's Redis options set a serializer, \
             use PHP's own (Redis::SERIALIZER_NONE) on the connection of the cache (logged once per form)"
        );
    }

    /// Counts a recorded change; `swept_at` is the time of the sweep that recorded it, if one did.
    pub fn changed(&self, change: &Change, swept_at: Option<Timestamp>) {
        if change.is_heartbeat {
            return;
        }
        self.changes[change.status as usize].increment(1);
        if let Some(cause) = change.cause {
            self.causes[cause as usize].increment(1);
        }
        if let Some(at) = swept_at {
            #[expect(clippy::cast_precision_loss, reason = "a lag in microseconds is far below 2^52")]
            self.detection_lag.record((at.micros() - change.occurred_at.micros()).max(0) as f64 / 1e6);
        }
    }
}

fn caused(registry: &Registry, cause: Cause) -> Counter {
    registry.counter(
        "presence_change_causes_total",
        "Entries written to the change log, by cause.",
        &[("cause", cause.as_str())],
    )
}

fn reconciled(registry: &Registry, kind: &str) -> Counter {
    registry.counter(
        "presence_reconciled_total",
        "Entries of due times, rosters and counts that disagreed with the states and were corrected.",
        &[("kind", kind)],
    )
}
