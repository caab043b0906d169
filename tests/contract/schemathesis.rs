//! Schemathesis: requests made from the document, valid and invalid, and answers held against it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;
use tempfile::TempDir;

use super::user_token;
use crate::messaging::{ADMIN, Harness, OPERATOR};
use crate::support::{Engine, RedisServer, Sidecar, TOKEN, fixture, on_redis};

/// Runs schemathesis over a sidecar's document, as a caller with this token, with further arguments.
fn run(sidecar: &Sidecar, token: &str, arguments: &[&str]) -> Output {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools/schemathesis/bin/schemathesis");
    let folder = TempDir::new().unwrap();
    Command::new(program)
        .arg("--config-file")
        .arg(fixture("contract/schemathesis.toml"))
        .arg("run")
        .arg(format!("{}/openapi.json", sidecar.url))
        .args(["--header", &format!("Authorization: Bearer {token}")])
        // The same requests each time, however often somebody runs it here.
        .args(["--generation-deterministic", "--max-examples", "40", "--checks", "all", "--no-color"])
        .args(arguments)
        .current_dir(folder.path())
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .expect("schemathesis is installed by tests/run")
}

fn assert_no_failure(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("No issues found"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_fault_as_an_application() {
    let redis = RedisServer::start();
    let sidecar = Sidecar::on(&redis).await;
    // The stream has no end to wait for; it has tests of its own.
    let others = ["browser_heartbeat", "stream"].map(|id| ["--exclude-operation-id", id]).concat();
    assert_no_failure(&run(&sidecar, TOKEN, &[&others, &["--exclude-path-regex", MESSAGING][..]].concat()));
}

/// The routes of the messaging reference server.
const MESSAGING: &str = "^/api/v1/(clients|messages|operators)";

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_fault_in_messages() {
    let harness = Harness::start(Engine::Sqlite).await;
    let device = harness.register("schemathesis").await;
    let headers = [
        format!("X-Client-Id: {}", device.id),
        format!("X-Admin-Token: {ADMIN}"),
        format!("X-Operator-Token: {OPERATOR}"),
    ];
    // What schemathesis seals does not decrypt: sending has tests of its own.
    let mut arguments = vec!["--include-path-regex", MESSAGING, "--exclude-operation-id", "rotate_client"];
    arguments.extend(["--exclude-operation-id", "send"]);
    // As in the reference, a body is read leniently.
    arguments.extend([
        "--exclude-checks",
        "negative_data_rejection,positive_data_acceptance,ignored_auth,missing_required_header",
    ]);
    arguments.extend(headers.iter().flat_map(|header| ["--header", header]));
    assert_no_failure(&run(&harness.sidecar, &device.token, &arguments));
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_fault_as_a_browser() {
    let redis = RedisServer::start();
    let mut environment = on_redis(&redis);
    environment.push(("PRESENCE__ROUTING__THROTTLE", String::new()));
    let sidecar = Sidecar::with(&environment).await;
    let token = user_token(&json!(7), &json!({"tenant": "acme"}));
    assert_no_failure(&run(&sidecar, &token, &["--include-operation-id", "browser_heartbeat"]));
}
