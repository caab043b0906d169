//! The commands. Each has a file; this one has the arguments they share.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "commands talk to people and scripts")]

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

/// A command's end: nothing, or one line for people.
type CommandResult = Result<(), String>;

/// Presence and sealed messages for Laravel apps, beside the app.
///
/// Keeps who is online, away or offline in the very cache records that aesircloud/laravel-presence uses, so that PHP reads
/// what the sidecar writes and the other way round. Without any configuration it runs on one SQLite file and writes
/// its own secrets; see `presence-sidecar config` for every key and where its value comes from.
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
    /// The folder of the Laravel app, whose .env is read
    #[arg(long, global = true, value_name = "DIR")]
    laravel: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the sidecar
    Serve(serve::Serve),
    /// Print the configuration, and where each value comes from
    Config(config::Config),
    /// Say whether store, sidecar and app agree, and what to do where they do not
    Doctor(doctor::Doctor),
    /// Say whether the sidecar answers: exit status 0 if it does, else 1
    Health(health::Health),
    /// Make the tables that are missing, and leave what is there
    Migrate(migrate::Migrate),
    /// Print a new APP_KEY
    Key(key::Key),
    /// Write the OpenAPI document
    Openapi(openapi::Openapi),
    /// Look at deliveries, make them again, send a ping
    Webhooks(webhooks::Webhooks),
    Client(client::MessagesClient),
    Operator(operator::Operate),
}

impl Cli {
    /// Runs the command. Failures are one line on standard error.
    pub fn run(self) -> ExitCode {
        let ended = match self.command {
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
        match ended {
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

/// An argument that is JSON. On its own, clap would take any text for a JSON string.
fn json_value(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}

/// Prints a line. Where nobody reads any more, as behind `| head`, there is nothing left to do.
fn print_line(line: &str) {
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// Runs a command that calls somebody.
fn run_async(command: impl Future<Output = CommandResult>) -> CommandResult {
    // The provider can only be installed twice by somebody else in this process, who then chose it.
    _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(command)
}

/// Ends when the process is asked to, by Ctrl-C or SIGTERM.
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

/// The process environment; what is not Unicode cannot be meant for us.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
