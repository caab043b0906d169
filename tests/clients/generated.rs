//! Generated clients compile, and call every operation of a live sidecar.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{assert_success, document, node, node_modules, node_program, program, python};
use crate::messaging::{ADMIN, Harness, OPERATOR};
use crate::support::{Engine, TOKEN, TestDatabase, command, test_tool};

/// The programs in TypeScript: for openapi-typescript with openapi-fetch, @hey-api/openapi-ts and orval.
const PROGRAMS: [&str; 3] = ["openapi-fetch", "hey-api", "orval"];

/// The files that they share.
const SHARED: [&str; 2] = ["report.ts", "tsconfig.json"];

/// Statuses other than 200 that the programs expect.
const OTHER: [(&str, &[u64]); 2] = [("replay_delivery", &[404]), ("register_client", &[201])];

/// A folder with the programs in TypeScript.
fn workspace() -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in PROGRAMS.map(|name| format!("{name}.ts")).iter().map(String::as_str).chain(SHARED) {
        std::fs::copy(program(name), folder.path().join(name)).unwrap();
    }
    std::os::unix::fs::symlink(node_modules(), folder.path().join("node_modules")).unwrap();
    std::fs::create_dir(folder.path().join("generated")).unwrap();
    folder
}

/// Runs `program` on a sidecar, with a client whose messages it may change, and asserts that it called every operation.
async fn assert_calls_everything(mut program: Command) {
    let harness = Harness::on(TestDatabase::create(Engine::Sqlite), &[("PRESENCE__MESSAGING__QUEUE", "sync")]).await;
    let device = harness.register("generated").await;
    let settings = json!({
        "url": harness.sidecar.url, "service": TOKEN, "admin": ADMIN, "operator": OPERATOR,
        "client": device.id, "clientToken": device.token,
        "sealed": device.seal(&json!({"type": "note", "payload": {"text": "sealed"}})),
    });
    program.env("SIDECAR_SETTINGS", settings.to_string()).env("NO_PROXY", "127.0.0.1");
    let output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    let printed = assert_success(&output);
    let pairs = printed.lines().map(|line| line.split_once(' ').unwrap());
    let called: BTreeMap<&str, u64> = pairs.map(|(id, status)| (id, status.parse().unwrap())).collect();
    for (id, status) in &called {
        let expected = OTHER.iter().find(|(other, _)| other == id).map_or(&[200][..], |(_, statuses)| *statuses);
        assert!(expected.contains(status), "{id} was answered with {status}");
    }
    let document: Value = serde_json::from_str(&std::fs::read_to_string(document()).unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|methods| methods.as_object().unwrap().values());
    let mut ids: Vec<&str> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(called.keys().copied().collect::<Vec<_>>(), ids, "every operation is called");
}

/// Generates the three clients in TypeScript below `folder`.
fn generate_typescript(folder: &Path) {
    let mut fetch = node_program("openapi-typescript");
    fetch.arg(document()).args(["--output", "generated/schema.d.ts"]);
    let mut hey = node_program("openapi-ts");
    hey.arg("-i").arg(document()).args(["-o", "generated/hey-api", "-c", "@hey-api/client-fetch", "--no-log-file"]);
    let output = json!({"target": "generated/orval/api.ts", "client": "fetch", "mode": "single"});
    let config = json!({"sidecar": {"input": {"target": document()}, "output": output}});
    std::fs::write(folder.join("orval.config.cjs"), format!("module.exports = {config};\n")).unwrap();
    let mut orval = node_program("orval");
    orval.args(["--config", "orval.config.cjs"]);
    for mut generator in [fetch, hey, orval] {
        assert_success(&generator.current_dir(folder).output().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn typescript_clients_compile_and_call_every_operation() {
    require!(&node());
    let folder = workspace();
    generate_typescript(folder.path());
    // One run for all: most of its time goes into the types of the library.
    let compile = node_program("tsc").args(["--project", "."]).current_dir(folder.path()).output().unwrap();
    assert_success(&compile);
    for name in PROGRAMS {
        let bundle = format!("{name}.mjs");
        let mut esbuild = command(&test_tool("clients/node_modules/esbuild/bin/esbuild"));
        esbuild.args(["--bundle", "--platform=node", "--format=esm", "--log-level=warning"]).arg(format!("{name}.ts"));
        assert_success(&esbuild.arg(format!("--outfile={bundle}")).current_dir(folder.path()).output().unwrap());
        let mut run = command(&node());
        run.arg(folder.path().join(bundle));
        assert_calls_everything(run).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn client_of_openapi_python_client_calls_every_operation() {
    require!(&python());
    let folder = TempDir::new().unwrap();
    let mut generate = command(&test_tool("clients-python/bin/openapi-python-client"));
    generate.args(["generate", "--meta", "none", "--fail-on-warning", "--path"]).arg(document());
    let config = folder.path().join("config.yaml");
    // Without the formatter, which is not installed.
    std::fs::write(&config, "post_hooks: []\n").unwrap();
    generate.arg("--config").arg(config).arg("--output-path").arg(folder.path().join("sidecar_client"));
    assert_success(&generate.output().unwrap());
    let mut run = command(&python());
    run.arg(program("python_client.py")).arg(folder.path());
    assert_calls_everything(run).await;
}
