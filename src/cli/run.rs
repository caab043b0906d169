//! What commands share: their result, output, and the runtime of those that make requests.

use std::io::IsTerminal;

use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

/// The result of a command; the error is one line for standard error.
pub(super) type CommandResult = Result<(), String>;

/// Parses a JSON argument. By default clap would accept any text as a JSON string.
pub(super) fn json_value(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}

/// Runs a command that makes requests.
pub(super) fn run_async(command: impl Future<Output = CommandResult>) -> CommandResult {
    // Fails only if a provider is already installed, which is then used.
    _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(command)
}

/// Fails where a full-screen view cannot open; the error names the commands that need no terminal.
pub(super) fn require_terminal(commands: &str) -> CommandResult {
    let missing = match (std::io::stdin().is_terminal(), std::io::stdout().is_terminal()) {
        (true, true) => return Ok(()),
        (false, _) => "input",
        (true, false) => "output",
    };
    Err(format!("the full-screen view needs a terminal, and standard {missing} is none: without one, use {commands}"))
}

/// Resolves on Ctrl-C or SIGTERM.
pub(super) async fn shutdown_signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
