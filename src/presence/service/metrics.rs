//! The metrics of presence. Handles are resolved once: counting costs an atomic addition.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use metrics::{Counter, CounterFn, Gauge, Histogram};

use crate::presence::domain::{Cause, Change, RecordLookup, Status, Timestamp, ValueForm};
use crate::presence::store::{Counts, Reconciled};
use crate::telemetry::{Registry, StripedCounter, catalog};

/// The counters and histograms of presence; see the help text of each.
pub struct Metrics {
    /// Heartbeats accepted.
    pub heartbeats: Counter,
    /// Commits.
    pub commits: CommitMetrics,
    /// Calls about users, of all kinds.
    calls: StripedCounter,
    users: [Gauge; 2],
    unreadable_records: Counter,
    /// The forms of unreadable records that were logged.
    logged_forms: [AtomicBool; ValueForm::ALL.len()],
    detection_lag: Histogram,
    changes: [Counter; 3],
    causes: [Counter; Cause::ALL.len()],
    reconciled: [Counter; 3],
}

/// The metrics of commits.
pub struct CommitMetrics {
    /// Commits that were refused because of another writer and were retried.
    pub conflicts: Counter,
    /// Seconds that the commit of a batch of users took.
    pub seconds: Histogram,
    /// Users in one commit.
    pub users: Histogram,
    /// The cached states.
    pub cache: Arc<CacheMetrics>,
}

/// The metrics of the caches of states, of all committers together.
pub struct CacheMetrics {
    users: Gauge,
    bytes: Gauge,
}

impl CacheMetrics {
    /// Adds the difference of two numbers of users and bytes of one cache.
    #[expect(clippy::cast_precision_loss, reason = "no memory has 2^52 bytes")]
    pub fn changed(&self, before: (usize, usize), now: (usize, usize)) {
        self.users.increment(now.0 as f64 - before.0 as f64);
        self.bytes.increment(now.1 as f64 - before.1 as f64);
    }
}

impl Metrics {
    /// Registers everything in `registry`.
    pub fn new(registry: &Registry) -> Self {
        let changes = |status: Status| registry.counter(&catalog::CHANGES, &[status.as_str()]);
        Self {
            causes: Cause::ALL.map(|cause| registry.counter(&catalog::CHANGE_CAUSES, &[cause.as_str()])),
            reconciled: ["due", "roster", "count"].map(|kind| registry.counter(&catalog::RECONCILED, &[kind])),
            heartbeats: registry.counter(&catalog::HEARTBEATS, &[]),
            commits: CommitMetrics {
                conflicts: registry.counter(&catalog::COMMIT_CONFLICTS, &[]),
                seconds: registry.histogram(&catalog::COMMIT_SECONDS, &[]),
                users: registry.histogram(&catalog::COMMIT_USERS, &[]),
                cache: Arc::new(CacheMetrics {
                    users: registry.gauge(&catalog::CACHED_USERS, &[]),
                    bytes: registry.gauge(&catalog::CACHED_BYTES, &[]),
                }),
            },
            calls: StripedCounter::default(),
            unreadable_records: registry.counter(&catalog::UNREADABLE_RECORDS, &[]),
            logged_forms: Default::default(),
            users: [Status::Online, Status::Away].map(|status| registry.gauge(&catalog::USERS, &[status.as_str()])),
            detection_lag: registry.histogram(&catalog::DETECTION_LAG, &[]),
            changes: [changes(Status::Online), changes(Status::Away), changes(Status::Offline)],
        }
    }

    /// Counts a call that waits for the store.
    pub fn called(&self) {
        self.calls.increment(1);
    }

    /// The number of calls so far. Background work that measures no call between two moments keeps nobody waiting.
    pub fn calls(&self) -> u64 {
        self.calls.value()
    }

    /// Records the number of present users in the store.
    #[expect(clippy::cast_precision_loss, reason = "no store has 2^52 users")]
    pub fn record_users(&self, counts: Counts) {
        self.users[0].set(counts.online as f64);
        self.users[1].set(counts.away as f64);
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
