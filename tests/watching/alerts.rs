//! `docker/alerts.yml`: for the series of its cause each alert fires alone, and none for those of a sidecar that is well.

use std::collections::BTreeSet;
use std::fmt::Write;

use presence_sidecar::telemetry::catalog::CATALOG;
use serde_yaml::Value;

use crate::support::fixture;
use crate::support::prometheus::promtool;

/// Each alert with the series that make it fire, in the notation of promtool, one sample a minute for half an hour.
const CAUSES: &[(&str, &[[&str; 2]])] = &[
    ("PresenceSidecarDown", &[["up{job=\"presence-sidecar\"}", "0x30"]]),
    ("PresenceSidecarStoreDown", &[["presence_sidecar_store_up{store=\"presence\",kind=\"redis\"}", "0x30"]]),
    (
        "PresenceSidecarHeartbeatsFail",
        &[
            ["presence_sidecar_http_requests_total{route=\"/api/v1/presence/heartbeat\",code=\"503\"}", "0+2x30"],
            ["presence_sidecar_http_requests_total{route=\"/api/v1/presence/heartbeat\",code=\"200\"}", "0+98x30"],
        ],
    ),
    (
        "PresenceSidecarHeartbeatsSlow",
        &[
            ["presence_sidecar_http_request_seconds_bucket{route=\"/presence/heartbeat\",le=\"0.1\"}", "0+90x30"],
            ["presence_sidecar_http_request_seconds_bucket{route=\"/presence/heartbeat\",le=\"0.25\"}", "0+100x30"],
            ["presence_sidecar_http_request_seconds_bucket{route=\"/presence/heartbeat\",le=\"+Inf\"}", "0+100x30"],
        ],
    ),
    (
        "PresenceSidecarDetectionLag",
        &[
            ["presence_sidecar_detection_lag_seconds_bucket{le=\"5\"}", "0+90x30"],
            ["presence_sidecar_detection_lag_seconds_bucket{le=\"10\"}", "0+100x30"],
            ["presence_sidecar_detection_lag_seconds_bucket{le=\"+Inf\"}", "0+100x30"],
        ],
    ),
    (
        "PresenceSidecarWebhookReceiverDown",
        &[
            ["presence_sidecar_webhook_attempts_total{endpoint=\"a\",outcome=\"failed\"}", "0+1x30"],
            ["presence_sidecar_webhook_attempts_total{endpoint=\"a\",outcome=\"delivered\"}", "7x30"],
        ],
    ),
    ("PresenceSidecarWebhooksLate", &[["presence_sidecar_webhook_oldest_pending_seconds{endpoint=\"a\"}", "61x30"]]),
    ("PresenceSidecarWebhooksGivenUp", &[["presence_sidecar_webhook_given_up_total{endpoint=\"a\"}", "0x15 1x15"]]),
    ("PresenceSidecarBroadcastsLate", &[["presence_sidecar_broadcast_oldest_pending_seconds", "61x30"]]),
    ("PresenceSidecarBroadcastsGivenUp", &[["presence_sidecar_broadcast_given_up_total", "0x15 1x15"]]),
    ("PresenceSidecarMessagesLate", &[["presence_sidecar_fan_out_oldest_pending_seconds", "61x30"]]),
    ("PresenceSidecarMessagesGivenUp", &[["presence_sidecar_fan_out_dead_letters", "1x30"]]),
    ("PresenceSidecarWorkerPanicked", &[["presence_sidecar_worker_restarts_total{worker=\"sweep\"}", "0x15 1x15"]]),
    ("PresenceSidecarPanicked", &[["presence_sidecar_panics_total", "0x15 1x15"]]),
    (
        "PresenceSidecarDiskFull",
        &[["presence_sidecar_storage_free_bytes", "4x30"], ["presence_sidecar_storage_size_bytes", "100x30"]],
    ),
    (
        "PresenceSidecarOpenFiles",
        &[
            ["process_open_fds{job=\"presence-sidecar\"}", "81x30"],
            ["process_max_fds{job=\"presence-sidecar\"}", "100x30"],
        ],
    ),
    ("PresenceSidecarRejects", &[["presence_sidecar_rejected_total{limit=\"memory\"}", "0+66x30"]]),
    ("PresenceSidecarStreamsRefused", &[["presence_sidecar_streams_refused_total", "0+7x30"]]),
    ("PresenceSidecarUnreadableRecords", &[["presence_sidecar_unreadable_records_total", "0x15 1x15"]]),
    ("PresenceSidecarReloadRefused", &[["presence_sidecar_config_reloads_total{outcome=\"refused\"}", "0x15 1x15"]]),
    ("PresenceSidecarLogLost", &[["presence_sidecar_log_lines_lost_total", "0x15 1x15"]]),
];

/// Series of a sidecar that is well: none of them makes an alert fire.
const WELL: &[[&str; 2]] = &[
    ["up{job=\"presence-sidecar\"}", "1x30"],
    ["presence_sidecar_store_up{store=\"presence\",kind=\"redis\"}", "1x30"],
    ["presence_sidecar_http_requests_total{route=\"/api/v1/presence/heartbeat\",code=\"503\"}", "0+1x30"],
    ["presence_sidecar_http_requests_total{route=\"/api/v1/presence/heartbeat\",code=\"200\"}", "0+99x30"],
    ["presence_sidecar_http_requests_total{route=\"/api/v1/presence/roster\",code=\"503\"}", "0+9x30"],
    ["presence_sidecar_http_request_seconds_bucket{route=\"/presence/heartbeat\",le=\"0.05\"}", "0+100x30"],
    ["presence_sidecar_http_request_seconds_bucket{route=\"/presence/heartbeat\",le=\"+Inf\"}", "0+100x30"],
    ["presence_sidecar_detection_lag_seconds_bucket{le=\"2.5\"}", "0+100x30"],
    ["presence_sidecar_detection_lag_seconds_bucket{le=\"+Inf\"}", "0+100x30"],
    ["presence_sidecar_webhook_attempts_total{endpoint=\"a\",outcome=\"failed\"}", "0+1x30"],
    ["presence_sidecar_webhook_attempts_total{endpoint=\"a\",outcome=\"delivered\"}", "0+9x30"],
    ["presence_sidecar_webhook_oldest_pending_seconds{endpoint=\"a\"}", "59x30"],
    ["presence_sidecar_webhook_given_up_total{endpoint=\"a\"}", "3x30"],
    ["presence_sidecar_fan_out_dead_letters", "0x30"],
    ["presence_sidecar_worker_restarts_total{worker=\"sweep\"}", "2x30"],
    ["presence_sidecar_panics_total", "2x30"],
    ["presence_sidecar_storage_free_bytes", "6x30"],
    ["presence_sidecar_storage_size_bytes", "100x30"],
    ["process_open_fds{job=\"presence-sidecar\"}", "79x30"],
    ["process_max_fds{job=\"presence-sidecar\"}", "100x30"],
    ["presence_sidecar_rejected_total{limit=\"memory\"}", "0+50x30"],
    ["presence_sidecar_streams_refused_total", "0+5x30"],
    ["presence_sidecar_config_reloads_total{outcome=\"applied\"}", "0+1x30"],
];

/// The text of the file.
pub fn alerts_file() -> String {
    std::fs::read_to_string(fixture("../docker/alerts.yml")).unwrap()
}

/// The rules, in the order of the file.
fn rules() -> Vec<Value> {
    let file: Value = serde_yaml::from_str(&alerts_file()).unwrap();
    file["groups"][0]["rules"].as_sequence().unwrap().clone()
}

/// A test of promtool: with these series, exactly `firing` fires at the end.
fn rule_test(series: &[[&str; 2]], firing: Option<&str>) -> String {
    let mut text = "  - interval: 1m\n    input_series:\n".to_owned();
    for [name, values] in series {
        writeln!(text, "      - {{series: '{name}', values: '{values}'}}").unwrap();
    }
    let expected = firing.map_or_else(String::new, |name| format!("{{labels: '{{alertname=\"{name}\"}}', value: 1}}"));
    write!(
        text,
        "    promql_expr_test:\n      - expr: count by (alertname) (ALERTS{{alertstate=\"firing\"}})\n        \
         eval_time: 20m\n        exp_samples: [{expected}]\n"
    )
    .unwrap();
    text
}

#[test]
fn each_alert_fires_for_its_cause_alone() {
    require!("promtool");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("alerts.yml"), alerts_file()).unwrap();
    let (is_valid, report) = promtool(&["check", "rules", "alerts.yml"], "", folder.path());
    assert!(is_valid, "{report}");
    let named: BTreeSet<&str> = CAUSES.iter().map(|(name, _)| *name).collect();
    let rules = rules();
    let defined: BTreeSet<&str> = rules.iter().map(|rule| rule["alert"].as_str().unwrap()).collect();
    assert_eq!(named, defined);
    let mut tests = "rule_files: [alerts.yml]\nevaluation_interval: 1m\ntests:\n".to_owned();
    CAUSES.iter().for_each(|(name, series)| tests.push_str(&rule_test(series, Some(name))));
    tests.push_str(&rule_test(WELL, None));
    std::fs::write(folder.path().join("tests.yml"), tests).unwrap();
    let (is_right, report) = promtool(&["test", "rules", "tests.yml"], "", folder.path());
    assert!(is_right, "{report}");
}

#[test]
fn alerts_name_metrics_that_exist_and_are_explained() {
    let guide = std::fs::read_to_string(fixture("../docker/README.md")).unwrap();
    for rule in rules() {
        let (alert, text) = (rule["alert"].as_str().unwrap(), rule["expr"].as_str().unwrap());
        assert!(guide.contains(&format!("| `{alert}` |")), "{alert} is not explained");
        assert!(["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{alert}");
        super::dashboard::assert_known_metrics(text);
    }
    assert!(CATALOG.len() > 40);
}
