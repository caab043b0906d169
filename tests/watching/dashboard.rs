//! `docker/grafana.json`: its queries, run by a real Prometheus.

use std::collections::BTreeSet;
use std::time::Duration;

use presence_sidecar::telemetry::catalog::CATALOG;
use serde_json::Value;

use super::busy_sidecar;
use crate::support::prometheus::Prometheus;
use crate::support::{Receiver, Reverb, fixture};

fn dashboard() -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixture("../docker/grafana.json")).unwrap()).unwrap()
}

/// The queries of all panels, with the titles of the panels.
fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = |panel: &Value| panel["targets"].as_array().cloned().unwrap_or_default();
    let named = |panel: &Value, target: &Value| {
        (panel["title"].as_str().unwrap().to_owned(), target["expr"].as_str().unwrap().to_owned())
    };
    panels.flat_map(|panel| targets(panel).iter().map(|target| named(panel, target)).collect::<Vec<_>>()).collect()
}

/// Asserts that each metric in `query` is one of the table.
pub fn assert_known_metrics(query: &str) {
    let words = query.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let metrics = words.filter(|word| word.starts_with("presence_sidecar_") || word.starts_with("process_"));
    for name in metrics {
        let is_known = CATALOG.iter().any(|metric| {
            let parts = ["", "_bucket", "_count", "_sum"].map(|part| format!("{}{part}", metric.name));
            parts.iter().any(|part| part == name)
        });
        assert!(is_known, "{name} is no metric: {query}");
    }
}

#[test]
fn panels_have_queries_units_and_places_of_their_own() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<i64> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut taken = BTreeSet::new();
    for panel in panels {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_i64().unwrap());
        assert!(x + w <= 24, "{}", panel["title"]);
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(place), "{} covers another panel", panel["title"]);
        }
        if panel["type"] != "row" {
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{}", panel["title"]);
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        }
    }
    let queries = queries(&dashboard);
    assert!(queries.len() > 20, "{}", queries.len());
    queries.iter().for_each(|(_, query)| assert_known_metrics(query));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_query_has_a_result_on_a_busy_sidecar() {
    require!("prometheus");
    let (receiver, server) = (Receiver::start().await, Reverb::start().await);
    let sidecar = busy_sidecar(&receiver, &server).await;
    let client = sidecar.client.clone();
    let heartbeats = tokio::spawn(async move {
        loop {
            client.heartbeat(1).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let prometheus = Prometheus::scraping(&sidecar.url, "").await;
    prometheus.wait_for("presence_sidecar_storage_free_bytes and on () sum(count_over_time(up[1m])) > 4").await;
    for (title, query) in queries(&dashboard()) {
        let query = query.replace("$__rate_interval", "1m").replace("$job", "presence-sidecar");
        assert!(!query.contains('$'), "{title}: {query}");
        let result = prometheus.wait_for(&query).await;
        // A quantile of what did not happen in the last minute is not a number.
        let is_number = |value: &str| value != "NaN" || query.contains("histogram_quantile");
        let are_numbers = result.iter().all(|sample| sample["value"][1].as_str().is_some_and(is_number));
        assert!(are_numbers, "{title}: {query}: {result:?}");
    }
    heartbeats.abort();
}
