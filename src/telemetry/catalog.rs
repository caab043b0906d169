//! All metrics: the one table of their names, former names, labels and help texts. `docker/README.md` explains them.
//!
//! Names follow Prometheus' conventions: one prefix, base units at the end, `_total` for counters. Metrics of the process
//! have the names that all Prometheus clients use. A metric with a former name is written under both, as long as
//! `metrics.legacy_names` is on.

use super::histogram::MAX_BOUNDS;

/// Upper bounds of durations, in seconds.
pub const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Upper bounds of numbers of users.
pub const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

// More would be an index out of range in the path of a request.
const _: () = assert!(SECONDS.len() <= MAX_BOUNDS && SIZES.len() <= MAX_BOUNDS);

/// What a metric measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetricKind {
    /// A number of events, which only rises.
    Counter,
    /// A value that rises and falls.
    Gauge,
    /// How many observed values are below each of these upper bounds.
    Histogram(&'static [f64]),
}

/// A metric: what all its samples have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// The name in version 0.1.
    pub former: Option<&'static str>,
    /// What it measures.
    pub kind: MetricKind,
    /// The names of the labels.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

impl Metric {
    /// The unit, as the name says it; empty if the metric counts things.
    pub fn unit(&self) -> &'static str {
        let name = self.name.trim_end_matches("_total");
        ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(unit)).unwrap_or_default()
    }
}

const fn counter() -> MetricKind {
    MetricKind::Counter
}

const fn gauge() -> MetricKind {
    MetricKind::Gauge
}

const fn seconds() -> MetricKind {
    MetricKind::Histogram(SECONDS)
}

const fn sizes() -> MetricKind {
    MetricKind::Histogram(SIZES)
}

/// Turns each row of the table into a constant, and all of them into [`CATALOG`].
macro_rules! catalog {
    (@former) => { None };
    (@former $former:literal) => { Some($former) };
    ($($kind:ident $constant:ident $name:literal $(was $former:literal)? [$($label:literal),*] $help:literal)*) => {
        $(
            #[doc = $help]
            pub const $constant: Metric = Metric {
                name: $name,
                former: catalog!(@former $($former)?),
                kind: $kind(),
                labels: &[$($label),*],
                help: $help,
            };
        )*

        /// All metrics.
        pub const CATALOG: &[Metric] = &[$($constant),*];
    };
}

catalog! {
    gauge BUILD_INFO "presence_sidecar_build_info" ["version", "arch"] "Always 1; the labels describe the program."
    counter PROCESS_CPU "process_cpu_seconds_total" [] "CPU time of the process, of user and system, in seconds."
    gauge PROCESS_RESIDENT "process_resident_memory_bytes" [] "Resident memory of the process, in bytes."
    gauge PROCESS_OPEN_FDS "process_open_fds" [] "Open file descriptors."
    gauge PROCESS_MAX_FDS "process_max_fds" [] "The limit of open file descriptors."
    gauge PROCESS_START "process_start_time_seconds" [] "When the process started, in seconds since 1970."
    gauge STORAGE_FREE "presence_sidecar_storage_free_bytes" [] "Free bytes on the disk of the storage folder."
    gauge STORAGE_SIZE "presence_sidecar_storage_size_bytes" [] "Size of the disk of the storage folder, in bytes."

    counter HTTP_REQUESTS "presence_sidecar_http_requests_total" ["route", "method", "code"]
        "Responses, by route, method and status. The route is the path in the API document."
    seconds HTTP_SECONDS "presence_sidecar_http_request_seconds" ["route", "method"]
        "Time from the head of a request to the head of its response, in seconds."
    gauge CONNECTIONS_OPEN "presence_sidecar_connections_open" [] "Open connections of callers."
    gauge BUDGET_USED "presence_sidecar_bytes_in_flight" []
        "Bytes of large heads, bodies and responses on their way, as server.memory_budget counts them."
    counter REJECTED "presence_sidecar_rejected_total" ["limit"]
        "Connections and requests that a limit has refused, by limit."

    gauge STORE_UP "presence_sidecar_store_up" ["store", "kind"] "Whether the store passed its last check: 1 or 0."
    seconds STORE_CHECK_SECONDS "presence_sidecar_store_check_seconds" ["store", "kind"]
        "Duration of a check that a store takes writes, in seconds. There is one every 5 seconds."

    counter HEARTBEATS "presence_sidecar_heartbeats_total" was "presence_heartbeats_total" [] "Heartbeats accepted."
    gauge USERS "presence_sidecar_users" ["status"]
        "Present users in the store, by status, as they were last counted. Each replica counts all of them."
    counter CHANGES "presence_sidecar_changes_total" was "presence_changes_total" ["status"]
        "Entries written to the change log, by the status that began."
    counter CHANGE_CAUSES "presence_sidecar_change_causes_total" was "presence_change_causes_total" ["cause"]
        "Entries written to the change log, by cause."
    seconds DETECTION_LAG "presence_sidecar_detection_lag_seconds" was "presence_detection_lag_seconds" []
        "Seconds between the moment a user became away or offline by age and its record in the change log."
    seconds COMMIT_SECONDS "presence_sidecar_commit_seconds" was "presence_store_seconds" []
        "Seconds that the commit of a batch of users took."
    sizes COMMIT_USERS "presence_sidecar_commit_users" [] "Users in one commit."
    counter COMMIT_CONFLICTS "presence_sidecar_commit_conflicts_total" was "presence_commit_conflicts_total" []
        "Commits that were refused because of another writer and were retried."
    gauge CACHED_USERS "presence_sidecar_cached_users" []
        "Present users whose states are cached, so that their heartbeats read nothing."
    gauge CACHED_BYTES "presence_sidecar_cached_bytes" [] "Memory of these states, in bytes, at most presence.cache_mib."
    counter UNREADABLE_RECORDS "presence_sidecar_unreadable_records_total" was "presence_unreadable_records_total" []
        "Values under presence keys that are not presence records; they read as offline."
    counter RECONCILED "presence_sidecar_reconciled_total" was "presence_reconciled_total" ["kind"]
        "Entries of due times, rosters and counts that disagreed with the states and were corrected."
    gauge STREAMS_OPEN "presence_sidecar_streams_open" was "presence_streams_open" []
        "Streams of the change log that are open."
    counter STREAMS_REFUSED "presence_sidecar_streams_refused_total" was "presence_streams_refused_total" []
        "Streams of the change log that were refused because too many were open."
    counter STREAMS_SHED "presence_sidecar_streams_shed_total" was "presence_streams_shed_total" []
        "Streams of browsers that were closed to make room for newer ones."

    counter WEBHOOK_ATTEMPTS "presence_sidecar_webhook_attempts_total" was "presence_webhook_attempts_total"
        ["endpoint", "outcome"] "Requests to a receiver, by outcome."
    seconds WEBHOOK_SECONDS "presence_sidecar_webhook_attempt_seconds" was "presence_webhook_seconds" ["endpoint"]
        "Duration of a request to a receiver, in seconds."
    gauge WEBHOOK_PENDING "presence_sidecar_webhook_pending" was "presence_webhook_pending" ["endpoint"]
        "Pending deliveries."
    gauge WEBHOOK_OLDEST "presence_sidecar_webhook_oldest_pending_seconds" was "presence_webhook_oldest_pending_seconds"
        ["endpoint"] "Age of the oldest pending delivery, in seconds."
    counter WEBHOOK_GIVEN_UP "presence_sidecar_webhook_given_up_total" was "presence_webhook_dead_total" ["endpoint"]
        "Deliveries that were given up and moved to the dead letters."
    gauge WEBHOOK_DEAD "presence_sidecar_webhook_dead_letters" was "presence_webhook_dead_letters" ["endpoint"]
        "Deliveries that are in the dead letters."

    counter BROADCAST_REQUESTS "presence_sidecar_broadcast_requests_total" was "presence_broadcast_requests_total"
        ["outcome"] "Requests to the broadcast server, by outcome."
    seconds BROADCAST_SECONDS "presence_sidecar_broadcast_request_seconds" was "presence_broadcast_seconds" []
        "Duration of a request to the broadcast server, in seconds."
    counter BROADCAST_CHANGES "presence_sidecar_broadcast_changes_total" was "presence_broadcast_changes_total" []
        "Changes that the broadcast server accepted."
    counter BROADCAST_SUPERSEDED "presence_sidecar_broadcast_superseded_total" was "presence_broadcast_superseded_total"
        [] "Changes that were not published because a later one replaced them while they waited."
    gauge BROADCAST_PENDING "presence_sidecar_broadcast_pending" was "presence_broadcast_pending" []
        "Changes that wait to be published."
    gauge BROADCAST_OLDEST "presence_sidecar_broadcast_oldest_pending_seconds"
        was "presence_broadcast_oldest_pending_seconds" []
        "Age of the oldest change that waits to be published, in seconds."
    counter BROADCAST_GIVEN_UP "presence_sidecar_broadcast_given_up_total" was "presence_broadcast_dead_total" []
        "Changes that the broadcast server refused and that were moved to the dead letters."
    gauge BROADCAST_DEAD "presence_sidecar_broadcast_dead_letters" was "presence_broadcast_dead_letters" []
        "Changes that are in the dead letters."

    counter POLLS "presence_sidecar_polls_total" was "messaging_polls_total" [] "Polls of messages that were answered."
    counter MESSAGES_STORED "presence_sidecar_messages_stored_total" was "messaging_messages_stored_total" []
        "Messages stored for a client."
    counter CLIENT_AUTH_FAILURES "presence_sidecar_client_auth_failures_total" was "messaging_auth_failures_total" []
        "Requests with an invalid client token."
    seconds MESSAGES_DATABASE_SECONDS "presence_sidecar_messages_database_seconds" was "messaging_database_seconds"
        ["call"] "Database time of a poll, or of a write of messages, in seconds."
    gauge FAN_OUT_PENDING "presence_sidecar_fan_out_pending" was "messaging_fan_out_pending" [] "Pending fan-out jobs."
    gauge FAN_OUT_OLDEST "presence_sidecar_fan_out_oldest_pending_seconds"
        was "messaging_fan_out_oldest_pending_seconds" [] "Age of the oldest pending fan-out job, in seconds."
    gauge FAN_OUT_DEAD "presence_sidecar_fan_out_dead_letters" was "messaging_fan_out_dead_letters" []
        "Fan-out jobs in the dead letters."

    counter WORKER_RESTARTS "presence_sidecar_worker_restarts_total" was "presence_worker_restarts_total" ["worker"]
        "Panics of a background worker, after which it was started again."
    counter PANICS "presence_sidecar_panics_total" was "presence_panics_total" []
        "Panics: in a request, which got a 500 or 503, or in a background worker."
    counter LOG_LINES_LOST "presence_sidecar_log_lines_lost_total" was "presence_log_lines_lost_total" []
        "Lines of the log that were dropped, because standard error does not take them."
    counter SPANS "presence_sidecar_spans_total" ["outcome"]
        "Spans: exported to the collector, or lost, because it does not take them."
    counter CONFIG_RELOADS "presence_sidecar_config_reloads_total" was "presence_config_reloads_total" ["outcome"]
        "Reloads of the configuration by SIGHUP."
}
