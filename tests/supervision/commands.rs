//! Commands whose output is closed or full.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use super::BINARY;
use crate::support::send_signal;

fn command(arguments: &[&str], folder: &std::path::Path) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments).env_clear().env("PRESENCE_STORAGE", folder).current_dir(folder);
    // A warning for standard error.
    command.env("PRESENCE_TOKEN", "short").stdin(Stdio::null());
    command
}

/// Each command that prints without a running sidecar.
const COMMANDS: [&[&str]; 9] = [
    &["config"],
    &["config", "--check"],
    &["migrate"],
    &["openapi", "--out", "openapi"],
    &["key"],
    &["doctor"],
    &["--help"],
    &["help", "serve"],
    &["--version"],
];

#[test]
fn commands_end_quietly_when_standard_output_is_closed() {
    for arguments in COMMANDS {
        let folder = tempfile::TempDir::new().unwrap();
        let mut child =
            command(arguments, folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut errors = String::new();
        child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        let status = child.wait().unwrap();
        assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
        assert_eq!(status.code(), Some(0), "{arguments:?}: {errors}");
    }
}

#[test]
fn first_start_is_not_disturbed_by_a_closed_standard_output() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut serve = command(&["serve", "--listen", "127.0.0.1:0"], folder.path());
    serve.env_remove("PRESENCE_TOKEN").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = serve.spawn().unwrap();
    drop(child.stdout.take());
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let tables = |line: &String| line.contains("created tables");
    assert!(lines.take_while(|line| !line.contains("panicked")).any(|line| tables(&line)), "it starts");
    send_signal("TERM", child.id());
    assert!(child.wait().unwrap().success());
    assert!(folder.path().join("secrets.env").exists());
}

#[test]
fn openapi_writes_both_files_when_standard_output_is_closed() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut child = command(&["openapi", "--out", "."], folder.path()).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    for file in ["presence-sidecar.json", "presence-sidecar.yaml"] {
        assert!(folder.path().join(file).exists(), "{file}");
    }
}

#[test]
fn commands_are_not_disturbed_by_a_closed_standard_error() {
    for arguments in COMMANDS {
        let folder = tempfile::TempDir::new().unwrap();
        let mut child = command(arguments, folder.path()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stderr.take());
        let expected = if arguments == ["doctor"] { 1 } else { 0 };
        assert_eq!(child.wait().unwrap().code(), Some(expected), "{arguments:?}");
    }
}

#[test]
fn commands_fail_when_standard_output_is_full() {
    for arguments in [["config"].as_slice(), &["key"], &["migrate"]] {
        let folder = tempfile::TempDir::new().unwrap();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = command(arguments, folder.path()).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
        assert!(errors.contains("cannot write to standard output: No space left on device"), "{errors}");
    }
}
