//! Standard output and standard error of commands. No output failure is a panic.
//!
//! A command whose standard output is closed, as by `| head`, ends at once with exit status 0: the reader has what it
//! wants. A command whose standard output cannot be written for another reason, such as a full disk, fails.

use std::io;
use std::io::{ErrorKind, Write};

use serde_json::Value;

/// Prints `text` on standard output.
pub(super) fn print(text: &str) {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            print_error(&format!("presence-sidecar: cannot write to standard output: {error}"));
            std::process::exit(1);
        }
    }
}

/// Prints a line on standard output.
pub(super) fn print_line(line: &str) {
    print(&format!("{line}\n"));
}

/// Prints a result on standard output: with `json` the object, else the line.
pub(super) fn print_result(json: bool, object: &Value, line: &str) {
    if json { print_line(&object.to_string()) } else { print_line(line) }
}

/// Prints a line on standard error. A line that cannot be written is dropped.
pub(super) fn print_error(line: &str) {
    _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Prints `text` on standard output from a thread of its own. The caller does not wait, and no failure ends the process.
pub(super) fn print_in_background(text: String) {
    std::thread::spawn(move || _ = io::stdout().write_all(text.as_bytes()));
}
