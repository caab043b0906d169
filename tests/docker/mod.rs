//! The files in `docker/`: every path, argument and variable in them exists. `tests/run` lints them as well.

mod compose;
mod health;
mod image;
mod proxies;
mod services;

use std::fs;
use std::path::PathBuf;

/// A path in the tree.
fn tree(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(tree(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Asserts that the command line parses.
fn assert_understood(line: &[String]) {
    use clap::Parser;
    if let Err(error) = presence_sidecar::cli::Cli::try_parse_from(line) {
        panic!("{line:?}: {error}");
    }
}
