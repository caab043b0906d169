//! The commands, one file each; this file has the arguments that they share.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "commands print to the terminal")]

mod client;
mod config;
mod doctor;
mod health;
mod key;
mod migrate;
mod openapi;
mod operator;
mod serve;
mod sidecar;
mod webhooks;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Flags, Sources};

/// The result of a command; the error is one line for standard error.
type CommandResult = Result<(), String>;

/// Presence, webhooks and encrypted messages for Laravel apps, as a service beside the app
///
/// Stores which users are online, away or offline in the cache records of aesircloud/laravel-presence, so PHP and the
/// sidecar read each other's records. Without configuration it uses one SQLite file and generates its own secrets.
/// `presence-sidecar config` prints every key, its value and where the value comes from.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    source: Source,
}

#[derive(Debug, Args)]
struct Source {
    /// A TOML file with the keys of config/presence.toml
    #[arg(long, global = true, value_name = "FILE", env = "PRESENCE_CONFIG")]
    config: Option<PathBuf>,
    /// The folder of the Laravel app; its .env is read
    #[arg(long, global = true, value_name = "DIR")]
    laravel: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the sidecar
    Serve(serve::Serve),
    /// Print the configuration and the source of each value
    Config(config::Config),
    /// Check that store, sidecar and app are configured consistently
    Doctor(doctor::Doctor),
    /// Check that the sidecar responds: exit status 0, else 1
    Health(health::Health),
    /// Create missing tables; existing tables are not changed
    Migrate(migrate::Migrate),
    /// Print a new APP_KEY
    Key(key::Key),
    /// Write the OpenAPI document
    Openapi(openapi::Openapi),
    /// List and replay webhook deliveries, or send a test ping
    Webhooks(webhooks::Webhooks),
    Client(client::MessagesClient),
    Operator(operator::Operate),
}

impl Cli {
    /// Runs the command. An error is one line on standard error.
    pub fn run(self) -> ExitCode {
        let result = match self.command {
            Command::Serve(serve) => serve.run(self.source),
            Command::Config(config) => config.run(self.source),
            Command::Doctor(doctor) => doctor.run(self.source),
            Command::Health(health) => health.run(self.source),
            Command::Migrate(migrate) => migrate.run(self.source),
            Command::Key(key) => key.run(),
            Command::Openapi(openapi) => openapi.run(),
            Command::Webhooks(webhooks) => webhooks.run(self.source),
            Command::Client(client) => client.run(),
            Command::Operator(operator) => operator.run(self.source),
        };
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(line) => {
                eprintln!("presence-sidecar: {line}");
                ExitCode::FAILURE
            }
        }
    }
}

impl Source {
    fn with(self, flags: Flags) -> Sources {
        Sources { file: self.config, laravel: self.laravel, environment: environment(), flags }
    }
}

/// Parses a JSON argument. By default clap would accept any text as a JSON string.
fn json_value(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}

/// Prints a line. Ends the process if standard output is closed, as by `| head`.
fn print_line(line: &str) {
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// Runs a command that makes requests.
fn run_async(command: impl Future<Output = CommandResult>) -> CommandResult {
    // Fails only if a provider is already installed, which is then used.
    _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(command)
}

/// Resolves on Ctrl-C or SIGTERM.
async fn shutdown_signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// The process environment, without variables that are not Unicode.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
