//! The programs that tests start, and what a test does where one of them is missing.
//!
//! `PRESENCE_SIDECAR_TESTS` selects one of three modes:
//! - not set: a test that needs a missing program is skipped, and prints the reason;
//! - `all`, set by `tests/run`: no test is skipped, and a missing program is a failure;
//! - `fast`: no test starts one of these programs, whether it is installed or not. Tests that take seconds are left
//!   out. `just test` sets it, and the profile `fast` of nextest means the same.

use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Where Debian has Laravel. As a program for tests it is called `laravel`: PHP with Laravel.
const LARAVEL: &str = "/usr/share/php/Illuminate/autoload.php";

/// Where Debian has Predis, a Redis client in PHP; it is no program of its own.
const PREDIS: &str = "/usr/share/php/Predis/autoload.php";

/// The mode of this test run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Installed,
    All,
    Fast,
}

fn mode() -> Mode {
    let profile = std::env::var("NEXTEST_PROFILE");
    match std::env::var("PRESENCE_SIDECAR_TESTS").as_deref() {
        Err(_) if profile.is_ok_and(|profile| profile == "fast") => Mode::Fast,
        Ok("all") => Mode::All,
        Ok("fast") => Mode::Fast,
        Ok("") | Err(_) => Mode::Installed,
        Ok(other) => panic!("PRESENCE_SIDECAR_TESTS is `all` or `fast`, not `{other}`"),
    }
}

/// Whether a test that starts `program` must be skipped. Where the program is missing, a line on standard error says so.
pub fn is_skipped(program: &str) -> bool {
    match mode() {
        Mode::All => false,
        Mode::Fast => true,
        Mode::Installed if is_installed(program) => false,
        Mode::Installed => {
            let line = format!("skipped: {program} is not installed (tests/run installs it)\n");
            // Not `eprintln!`: the test runner would capture that, and print it only if the test fails.
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            true
        }
    }
}

/// Whether a test that takes seconds must be skipped.
pub fn is_too_slow() -> bool {
    mode() == Mode::Fast
}

/// The number of cases of a property test: `all`, or a twentieth of them in fast tests, or with `PRESENCE_SIDECAR_CASES` that
/// many times as many.
pub fn cases(all: u32) -> u32 {
    let factor = std::env::var("PRESENCE_SIDECAR_CASES").map_or(1, |factor| factor.parse().expect("a number"));
    if mode() == Mode::Fast { all / 20 } else { all * factor }
}

/// Whether `program`, a name or a path, can be started.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_on_path = |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    match program {
        "postgres" => super::sql_server::postgres_programs().is_some() && is_on_path("psql"),
        "laravel" => is_on_path("php") && Path::new(LARAVEL).is_file(),
        "predis" => Path::new(PREDIS).is_file(),
        _ => is_on_path(program),
    }
}

/// Panics if a test is about to start `program` although it should have been skipped.
pub fn assert_required(program: &str) {
    assert!(mode() != Mode::Fast, "this test starts {program}: it must begin with require!(\"{program}\")");
    assert!(is_installed(program), "{program} is not installed; tests/run installs it");
}

/// A command for `program`, which the test has required.
pub fn command(program: &str) -> Command {
    assert_required(program);
    Command::new(if program == "laravel" { "php" } else { program })
}

/// The path of a program that `tests/run` installs into `target/test-tools/`.
pub fn test_tool(program: &str) -> String {
    format!("{}/target/test-tools/{program}", env!("CARGO_MANIFEST_DIR"))
}

/// Sends a signal to a process, as `kill` of the shell does.
pub fn send_signal(name: &str, process: u32) {
    let kill = format!("kill -s {name} {process}");
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// Ends the test here, as passed, among fast tests: it takes seconds.
macro_rules! slow {
    () => {
        if $crate::support::is_too_slow() {
            return;
        }
    };
}

/// Ends the test here, as passed, if one of these programs must not or cannot be started.
macro_rules! require {
    ($($program:expr),+) => {
        if $($crate::support::is_skipped($program))||+ {
            return;
        }
    };
}
