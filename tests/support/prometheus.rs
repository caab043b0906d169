//! A Prometheus that scrapes sidecars of one test.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tempfile::TempDir;

use super::tools::command;
use super::{Client, free_port};

/// A Prometheus on a free port, killed when dropped. It scrapes twice a second.
pub struct Prometheus {
    client: Client,
    child: Child,
    _folder: TempDir,
}

impl Prometheus {
    /// Scrapes `target`, a URL, as the job `presence-sidecar`, and evaluates the rules in `rules`.
    pub async fn scraping(target: &str, rules: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let host = target.strip_prefix("http://").unwrap();
        let configuration = format!(
            "global: {{scrape_interval: 500ms, scrape_timeout: 450ms, evaluation_interval: 500ms}}\n\
             rule_files: [rules.yml]\n\
             scrape_configs:\n  - job_name: presence-sidecar\n    static_configs: [{{targets: [\"{host}\"]}}]\n"
        );
        std::fs::write(folder.path().join("prometheus.yml"), configuration).unwrap();
        std::fs::write(folder.path().join("rules.yml"), rules).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let child = command("prometheus")
            .current_dir(folder.path())
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error"])
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let prometheus = Self { client: Client::new(&format!("http://{address}"), ""), child, _folder: folder };
        prometheus.wait_for("sum(up)").await;
        prometheus
    }

    /// The result of a query; the query must be valid.
    pub async fn query(&self, query: &str) -> Vec<Value> {
        let answer = self.client.get(&path_of(query)).await;
        assert_eq!(answer.json["status"], "success", "{query}: {}", answer.text);
        answer.json["data"]["result"].as_array().unwrap().clone()
    }

    /// The result of a query, as soon as it has one.
    pub async fn wait_for(&self, query: &str) -> Vec<Value> {
        let result = async {
            loop {
                let request = self.client.request(reqwest::Method::GET, &path_of(query));
                // It may not listen yet.
                let text = match request.send().await {
                    Ok(response) => response.text().await.unwrap_or_default(),
                    Err(_) => String::new(),
                };
                let answer: Value = serde_json::from_str(&text).unwrap_or_default();
                let result = answer["data"]["result"].as_array().filter(|result| !result.is_empty());
                match result {
                    Some(result) => return result.clone(),
                    None => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(60), result).await;
        in_time.unwrap_or_else(|_| panic!("nothing for {query}"))
    }

    /// The names of the alerts that fire.
    pub async fn firing(&self) -> Vec<String> {
        let firing = self.query("count by (alertname) (ALERTS{alertstate=\"firing\"})").await;
        firing.iter().map(|sample| sample["metric"]["alertname"].as_str().unwrap().to_owned()).collect()
    }
}

fn path_of(query: &str) -> String {
    format!("/api/v1/query?query={}", utf8_percent_encode(query, NON_ALPHANUMERIC))
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Runs promtool with `input` on standard input; returns whether it succeeded, and what it printed.
pub fn promtool(arguments: &[&str], input: &str, folder: &Path) -> (bool, String) {
    let mut child = command("promtool")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}
