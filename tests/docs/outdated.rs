//! `tests/outdated` lists crates that have fallen behind, and never fails.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::command;

/// What `cargo update --dry-run --verbose` prints.
const BEHIND: &str = "    Updating crates.io index
     Locking 2 packages to latest Rust 1.94 compatible versions
    Updating arc-swap v1.9.3 -> v1.9.5
   Unchanged digest v0.10.7 (available: v0.11.3)
   Unchanged lru v0.16.4 (available: v0.19.1)
   Unchanged toml v0.9.12+spec-1.1.0 (available: v1.2.2+spec-1.1.0, requires Rust 1.99)
warning: not updating lockfile due to dry run
";

/// What the script prints with a `cargo` that runs these lines; its status must be 0.
fn outdated(cargo: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("cargo");
    fs::write(&program, format!("#!/bin/sh\n{cargo}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let output = command("bash").arg(super::root().join("tests/outdated")).env("PATH", path).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn outdated_crates_are_listed_by_what_must_be_done() {
    require!("bash");
    let expected = "Newer series, to be written into Cargo.toml:
  lru 0.16.4 -> 0.19.1
  toml 0.9.12+spec-1.1.0 -> 1.2.2+spec-1.1.0
Newer series, held back by other crates:
  digest 0.10.7 -> 0.11.3
Newer releases that `cargo update` takes:
  arc-swap 1.9.3 -> 1.9.5
";
    assert_eq!(outdated(&format!("printf '%s' '{BEHIND}' >&2")), expected);
    assert_eq!(outdated("echo '    Updating crates.io index' >&2"), "Nothing has fallen behind\n");
}

#[test]
fn outdated_crates_are_listed_from_the_last_index_without_a_network() {
    require!("bash");
    let offline = format!("case \"$*\" in *--offline*) printf '%s' '{BEHIND}' ;; *) exit 101 ;; esac");
    assert!(outdated(&offline).contains("  lru 0.16.4 -> 0.19.1\n"));
}

#[test]
fn list_of_outdated_crates_is_no_failure_without_an_index() {
    require!("bash");
    assert_eq!(outdated("exit 101"), "The index of crates cannot be read: what has fallen behind is unknown\n");
}
