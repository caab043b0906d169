//! The metrics themselves: both text formats, names, labels, values.

use std::collections::BTreeSet;
use std::time::Duration;

use poem::http::{HeaderMap, HeaderValue, header};
use presence_sidecar::http::accept::accepts;
use presence_sidecar::telemetry::catalog::{self, CATALOG, MetricKind};
use presence_sidecar::telemetry::{Exposition, Registry};
use reqwest::Method;
use serde_json::json;

use super::{busy_sidecar, metric};
use crate::support::prometheus::{Prometheus, promtool};
use crate::support::{Client, Receiver, Reverb, Sidecar};

const HEARTBEAT: &str = "/api/v1/presence/heartbeat";

#[test]
fn table_of_metrics_follows_the_conventions() {
    let names: BTreeSet<&str> = CATALOG.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), CATALOG.len(), "each name is there once");
    for metric in CATALOG {
        let name = metric.name;
        assert!(name.starts_with("presence_sidecar_") || name.starts_with("process_"), "{name}");
        assert_eq!(name.ends_with("_total"), metric.kind == MetricKind::Counter, "{name}");
        assert!(metric.help.ends_with('.'), "{name}");
        assert!(!metric.help.contains(['\\', '\n', '"']), "{name}: the help text needs no escapes");
        if let MetricKind::Histogram(bounds) = metric.kind {
            assert!(bounds.is_sorted(), "{name}");
        }
    }
}

#[test]
fn histogram_counts_each_value_in_the_buckets_that_hold_it() {
    let registry = Registry::new();
    let lag = registry.histogram(&catalog::DETECTION_LAG, &[]);
    for value in [0.0005, 0.0006, 1.0, 7.0, 11.0] {
        lag.record(value);
    }
    let text = registry.render(Exposition::Prometheus);
    let name = "presence_sidecar_detection_lag_seconds";
    for (sample, value) in [
        ("_bucket{le=\"0.0005\"}", "1"),
        ("_bucket{le=\"0.001\"}", "2"),
        ("_bucket{le=\"0.5\"}", "2"),
        ("_bucket{le=\"1\"}", "3"),
        ("_bucket{le=\"10\"}", "4"),
        ("_bucket{le=\"+Inf\"}", "5"),
        ("_count", "5"),
    ] {
        assert!(text.contains(&format!("\n{name}{sample} {value}\n")), "{sample}: {text}");
    }
    let open = registry.render(Exposition::OpenMetrics);
    assert!(open.contains(&format!("\n# UNIT {name} seconds\n")) && open.contains("le=\"1.0\"}"), "{open}");
    assert!(open.ends_with("\n# EOF\n"));
}

#[test]
fn counter_and_histogram_have_what_all_threads_counted() {
    let registry = Registry::new();
    let (conflicts, lag) =
        (registry.counter(&catalog::COMMIT_CONFLICTS, &[]), registry.histogram(&catalog::DETECTION_LAG, &[]));
    std::thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    conflicts.increment(2);
                    lag.record(0.25);
                }
            });
        }
    });
    conflicts.absolute(1);
    let text = registry.render(Exposition::Prometheus);
    for (sample, value) in [
        ("commit_conflicts_total", "80000"),
        ("detection_lag_seconds_count", "40000"),
        ("detection_lag_seconds_sum", "10000"),
        ("detection_lag_seconds_bucket{le=\"0.1\"}", "0"),
        ("detection_lag_seconds_bucket{le=\"0.25\"}", "40000"),
    ] {
        assert!(text.contains(&format!("\npresence_sidecar_{sample} {value}\n")), "{sample}: {text}");
    }
}

#[test]
fn labels_are_escaped_and_handles_of_the_same_labels_share_a_sample() {
    let registry = Registry::new().with_former_names(true);
    for _ in 0..2 {
        registry.gauge(&catalog::WEBHOOK_PENDING, &["a\"b\\c\nd"]).increment(1.0);
    }
    let text = registry.render(Exposition::Prometheus);
    for name in ["presence_sidecar_webhook_pending", "presence_webhook_pending"] {
        assert!(text.contains(&format!("{name}{{endpoint=\"a\\\"b\\\\c\\nd\"}} 2\n")), "{text}");
    }
    let open = registry.render(Exposition::OpenMetrics);
    assert!(open.contains("# TYPE presence_sidecar_webhook_pending gauge\n"), "{open}");
}

#[test]
fn openmetrics_is_answered_where_it_is_asked_for() {
    let asks = |accept| {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        accepts(&headers, &header::ACCEPT, Exposition::OPEN_METRICS)
    };
    let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    assert!(asks(prometheus) && asks("text/plain, Application/OpenMetrics-Text; q=0.5"));
    for other in ["text/plain", "*/*", "", "application/openmetrics-text;q=0", "application/openmetrics-text; Q=0.00"] {
        assert!(!asks(other), "{other}");
    }
    assert!(!accepts(&HeaderMap::new(), &header::ACCEPT, Exposition::OPEN_METRICS));
}

#[tokio::test(flavor = "multi_thread")]
async fn former_names_are_written_unless_they_are_switched_off() {
    let both = Sidecar::start().await;
    let alone = Sidecar::with(&[("PRESENCE__METRICS__LEGACY_NAMES", "false".to_owned())]).await;
    for sidecar in [&both, &alone] {
        sidecar.client.heartbeat(1).await;
        assert_eq!(metric(&sidecar.client, "presence_sidecar_heartbeats_total").await, Some(1.0));
    }
    assert_eq!(metric(&both.client, "presence_heartbeats_total").await, Some(1.0));
    assert_eq!(metric(&both.client, "presence_store_seconds_count").await, Some(1.0));
    let text = alone.client.get("/metrics").await.text;
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let wrong: Vec<_> =
        names.filter(|name| !name.starts_with("presence_sidecar_") && !name.starts_with("process_")).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_by_route_and_never_by_path() {
    let sidecar = Sidecar::start().await;
    let client = &sidecar.client;
    for _ in 0..3 {
        client.heartbeat(1).await;
    }
    client.post(HEARTBEAT, json!({"user_id": ""})).await;
    client.with_token("wrong").heartbeat(1).await;
    for path in
        ["/api/v1/presence/status/1", "/api/v1/presence/status/2?scope[guard]=web", "/api/v1/presence/status/3/"]
    {
        assert_eq!(client.get(path).await.status, 200, "{path}");
    }
    for path in ["/secret-path", "/api/v1/presence/status/4/more", "/api/v1/presence/status/"] {
        assert_eq!(client.get(path).await.status, 404, "{path}");
    }
    let options = client.request(Method::OPTIONS, HEARTBEAT);
    client.send(options).await;
    let odd = client.request(Method::from_bytes(b"BREW").unwrap(), "/up");
    client.send(odd).await;
    let requests = |route: &str, method: &str, code: u16| {
        format!("presence_sidecar_http_requests_total{{route=\"{route}\",method=\"{method}\",code=\"{code}\"}}")
    };
    let status = "/api/v1/presence/status/{user_id}";
    for (sample, count) in [
        (requests(HEARTBEAT, "POST", 200), 3.0),
        (requests(HEARTBEAT, "POST", 422), 1.0),
        (requests(HEARTBEAT, "POST", 401), 1.0),
        (requests(HEARTBEAT, "OPTIONS", 200), 1.0),
        (requests("/up", "other", 405), 1.0),
        (requests(status, "GET", 200), 3.0),
        (requests("unknown", "GET", 404), 3.0),
        (format!("presence_sidecar_http_request_seconds_count{{route=\"{HEARTBEAT}\",method=\"POST\"}}"), 5.0),
    ] {
        assert_eq!(metric(client, &sample).await, Some(count), "{sample}");
    }
    assert!(!client.get("/metrics").await.text.contains("secret-path"));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_and_refusals_are_counted() {
    let limits = [("ANONYMOUS_BODY_LIMIT", "1024"), ("BODY_LIMIT", "8192")];
    let limits = limits.map(|(key, bytes)| (format!("PRESENCE__SERVER__{key}"), bytes.to_owned()));
    let sidecar = Sidecar::with(&limits.each_ref().map(|(key, bytes)| (key.as_str(), bytes.clone()))).await;
    let anonymous = Client::new(&sidecar.url, "");
    let large =
        anonymous.request(Method::POST, HEARTBEAT).body(vec![b'x'; 4_096]).header("Content-Type", "application/json");
    assert_eq!(anonymous.send(large).await.status, 401);
    let larger = sidecar.client.request(Method::POST, HEARTBEAT).body(vec![b'x'; 16_384]);
    assert_eq!(sidecar.client.send(larger.header("Content-Type", "application/json")).await.status, 413);
    assert_eq!(metric(&sidecar.client, "presence_sidecar_rejected_total{limit=\"body\"}").await, Some(1.0));
    assert!(metric(&sidecar.client, "presence_sidecar_connections_open").await.unwrap() >= 1.0);
    for limit in ["rate", "memory", "connections", "connections_per_address", "anonymous_connections"] {
        let sample = format!("presence_sidecar_rejected_total{{limit=\"{limit}\"}}");
        assert_eq!(metric(&sidecar.client, &sample).await, Some(0.0), "{limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_in_the_store_are_counted_by_each_replica() {
    require!("redis-server");
    let redis = crate::support::RedisServer::start();
    let first = Sidecar::on(&redis).await;
    for user in 1..=4 {
        first.client.heartbeat(user).await;
    }
    first.client.post(HEARTBEAT, json!({"user_id": 5, "active": false, "scope": {"guard": "admin"}})).await;
    // A replica counts when it starts.
    let second = Sidecar::on(&redis).await;
    let counted = async {
        while metric(&second.client, "presence_sidecar_users{status=\"online\"}").await != Some(4.0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), counted).await.unwrap();
    assert_eq!(metric(&second.client, "presence_sidecar_users{status=\"away\"}").await, Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_finds_nothing_wrong_with_the_metrics() {
    require!("promtool");
    let (receiver, server) = (Receiver::start().await, Reverb::start().await);
    let sidecar = busy_sidecar(&receiver, &server).await;
    let text = sidecar.client.get("/metrics").await.text;
    let folder = tempfile::tempdir().unwrap();
    let (is_clean, report) = promtool(&["check", "metrics"], &text, folder.path());
    assert!(is_clean && report.is_empty(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_scrapes_every_metric_with_its_type_and_unit() {
    require!("prometheus");
    let (receiver, server) = (Receiver::start().await, Reverb::start().await);
    let sidecar = busy_sidecar(&receiver, &server).await;
    let prometheus = Prometheus::scraping(&sidecar.url, "").await;
    let exports_spans = cfg!(feature = "otlp");
    for metric in CATALOG.iter().filter(|metric| exports_spans || **metric != catalog::SPANS) {
        let name = match metric.kind {
            MetricKind::Histogram(_) => format!("{}_bucket", metric.name),
            MetricKind::Counter | MetricKind::Gauge => metric.name.to_owned(),
        };
        let samples = prometheus.wait_for(&name).await;
        let labels = samples[0]["metric"].as_object().unwrap();
        assert!(metric.labels.iter().all(|label| labels.contains_key(*label)), "{name}: {labels:?}");
    }
    assert_eq!(prometheus.query("up == 1").await.len(), 1, "the scrape was read to its end");
    let cpu = prometheus.query("process_cpu_seconds_total > 0 and process_resident_memory_bytes > 1e6").await;
    assert_eq!(cpu.len(), 1, "the process is measured");
    assert_eq!(prometheus.query("abs(time() - process_start_time_seconds) < 3600").await.len(), 1);
}
