//! Schemathesis: generates valid and invalid requests from the document, and checks the responses against it.

use std::io::Write;
use std::process::Output;

use serde_json::json;
use tempfile::TempDir;

use super::user_token;
use crate::messaging::{ADMIN, Harness, OPERATOR};
use crate::support::{Engine, RedisServer, Sidecar, TOKEN, cases, command, fixture, on_redis, test_tool};

/// Runs schemathesis on a sidecar's document with a token and further arguments.
fn run(sidecar: &Sidecar, token: &str, arguments: &[&str]) -> Output {
    let folder = TempDir::new().unwrap();
    command(&test_tool("schemathesis/bin/schemathesis"))
        .arg("--config-file")
        .arg(fixture("contract/schemathesis.toml"))
        .arg("run")
        .arg(format!("{}/openapi.json", sidecar.url))
        // It does not resolve the dot of `servers` before it compares paths.
        .args(["--url", &sidecar.url])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        // The same requests in every run.
        .args(["--generation-deterministic", "--max-examples", &cases(40).to_string(), "--checks", "all", "--no-color"])
        .args(arguments)
        .current_dir(folder.path())
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap()
}

fn assert_no_failure(output: &Output) {
    let output_text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output_text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output_text.contains("No issues found"), "{output_text}");
    if std::env::var_os("PRESENCE_SIDECAR_CASES").is_some() {
        let count = output_text.lines().find(|line| line.contains("generated")).unwrap_or_default();
        std::io::stderr().write_all(format!("{}\n", count.trim()).as_bytes()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_issue_as_an_application() {
    require!("redis-server", &test_tool("schemathesis/bin/schemathesis"));
    let redis = RedisServer::start();
    let sidecar = Sidecar::on(&redis).await;
    // The stream does not end; it has its own tests.
    let others = ["browser_heartbeat", "stream", "watched"].map(|id| ["--exclude-operation-id", id]).concat();
    assert_no_failure(&run(&sidecar, TOKEN, &[&others, &["--exclude-path-regex", MESSAGING][..]].concat()));
}

/// The routes of the messaging reference server.
const MESSAGING: &str = "^/api/v1/(clients|messages|operators)";

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_issue_in_messages() {
    require!(&test_tool("schemathesis/bin/schemathesis"));
    let harness = Harness::start(Engine::Sqlite).await;
    let device = harness.register("schemathesis").await;
    let headers = [
        format!("X-Client-Id: {}", device.id),
        format!("X-Admin-Token: {ADMIN}"),
        format!("X-Operator-Token: {OPERATOR}"),
    ];
    // Generated ciphertexts do not decrypt: sending has its own tests.
    let mut arguments = vec!["--include-path-regex", MESSAGING, "--exclude-operation-id", "rotate_client"];
    arguments.extend(["--exclude-operation-id", "send"]);
    // As in the reference server, bodies are parsed leniently.
    arguments.extend([
        "--exclude-checks",
        "negative_data_rejection,positive_data_acceptance,ignored_auth,missing_required_header",
    ]);
    arguments.extend(headers.iter().flat_map(|header| ["--header", header]));
    assert_no_failure(&run(&harness.sidecar, &device.token, &arguments));
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_issue_as_a_browser() {
    require!("redis-server", &test_tool("schemathesis/bin/schemathesis"));
    let redis = RedisServer::start();
    let mut environment = on_redis(&redis);
    environment.push(("PRESENCE__ROUTING__THROTTLE", String::new()));
    let sidecar = Sidecar::with(&environment).await;
    let token = user_token(&json!(7), &json!({"tenant": "acme"}));
    let included = ["browser_heartbeat", "watched"].map(|id| ["--include-operation-id", id]).concat();
    assert_no_failure(&run(&sidecar, &token, &included));
}
