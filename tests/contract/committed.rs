//! The committed documents in `openapi/` are what the binary writes.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

const REGENERATE: &str = "the API has changed; check the difference, then run: cargo run -- openapi";

fn written() -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"));
    let status = command.args(["openapi", "--out"]).arg(folder.path()).env_clear().status().unwrap();
    assert!(status.success());
    folder
}

fn read(folder: &Path, file: &str) -> String {
    let path = folder.join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; {REGENERATE}", path.display()))
}

#[test]
fn committed_documents_equal_the_binarys_output() {
    let (written, committed) = (written(), Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi"));
    for file in ["presence-sidecar.json", "presence-sidecar.yaml"] {
        // No assert_eq: two whole documents would hide the line that matters.
        let (new, old) = (read(written.path(), file), read(&committed, file));
        let differs = new.lines().zip(old.lines()).position(|(new, old)| new != old);
        assert!(new == old, "openapi/{file} differs from line {}: {REGENERATE}", differs.map_or(0, |line| line + 1));
    }
}

#[test]
fn json_and_yaml_documents_are_equal() {
    let folder = written();
    let json: Value = serde_json::from_str(&read(folder.path(), "presence-sidecar.json")).unwrap();
    let yaml: Value = serde_yaml::from_str(&read(folder.path(), "presence-sidecar.yaml")).unwrap();
    assert_eq!(json, yaml);
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecar_serves_the_committed_documents() {
    let (folder, sidecar) = (written(), crate::support::Sidecar::start().await);
    for ending in ["json", "yaml"] {
        let served = sidecar.client.with_token("").get(&format!("/openapi.{ending}")).await;
        assert_eq!(served.status, 200, "{}", served.text);
        assert_eq!(served.headers["content-type"], format!("application/{ending}"));
        assert!(served.text == read(folder.path(), &format!("presence-sidecar.{ending}")), "/openapi.{ending} differs");
    }
}
