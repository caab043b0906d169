//! The command line: help texts, manual pages, completions, typing errors, and the commands that show presence.

pub mod backup;
mod client;
mod forget;
mod full_screen;
mod help;
mod presence;
mod restore;
mod rotate;
mod secrets;
mod typing_errors;

use std::process::{Command, Output};

/// The program, without an environment.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"));
    command.args(arguments).env_clear();
    command
}

/// Standard output and standard error.
fn text_of(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

/// Standard output of a command that must succeed.
fn stdout_of(arguments: &[&str]) -> String {
    let output = program(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", text_of(&output));
    String::from_utf8(output.stdout).unwrap()
}
