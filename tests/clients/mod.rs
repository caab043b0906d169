//! Clients that others make: linters and generators read the document, generated clients call every operation of a live
//! sidecar, and readers of event streams follow the change log over cut connections.

mod cut_proxy;
mod generated;
mod lints;
mod streams;

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::support::{command, test_tool};

/// The folder with the packages of npm, each pinned in `tests/run`.
fn node_modules() -> PathBuf {
    PathBuf::from(test_tool("clients/node_modules"))
}

/// The Node.js that the packages need, itself a package: the one of the system may be too old for them.
fn node() -> String {
    test_tool("clients/node_modules/node/bin/node")
}

/// The Python with the packages of PyPI.
fn python() -> String {
    test_tool("clients-python/bin/python")
}

/// A command for a program of a package of npm.
fn node_program(name: &str) -> Command {
    let mut node = command(&node());
    node.arg(node_modules().join(".bin").join(name)).env("NO_COLOR", "1");
    node
}

/// The committed document.
fn document() -> String {
    format!("{}/openapi/presence-sidecar.json", env!("CARGO_MANIFEST_DIR"))
}

/// A source file of this module.
fn program(name: &str) -> PathBuf {
    crate::support::fixture("clients/programs").join(name)
}

/// Asserts that a program ended well; returns what it printed.
fn assert_success(output: &Output) -> String {
    let [printed, errors] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{printed}\n{errors}");
    printed
}
