//! The commands, one file each.

mod broadcast;
mod client;
mod config;
mod doctor;
mod health;
mod key;
mod locations;
mod migrate;
mod openapi;
mod operator;
mod output;
mod presence;
mod quickstart;
mod reload;
mod reshard;
mod run;
mod serve;
mod sidecar;
mod signals;
mod source;
mod webhooks;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::source::Source;

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
    /// Move the keys in Redis into another number of shards, while no sidecar runs
    Reshard(reshard::Reshard),
    /// Print a new APP_KEY
    Key(key::Key),
    /// Write the OpenAPI document
    Openapi(openapi::Openapi),
    /// Show who is online
    Presence(presence::Presence),
    /// List and replay webhook deliveries, or send a test ping
    Webhooks(webhooks::Webhooks),
    /// Publish a test event to the broadcast server
    Broadcast(broadcast::Broadcast),
    Client(client::MessagesClient),
    Operator(operator::Operate),
}

impl Cli {
    /// Runs the command. An error is one line on standard error.
    pub fn run(self) -> ExitCode {
        let result = match self.command {
            Command::Serve(serve) => return serve.run(self.source),
            Command::Config(config) => config.run(self.source),
            Command::Doctor(doctor) => doctor.run(self.source),
            Command::Health(health) => health.run(self.source),
            Command::Migrate(migrate) => migrate.run(self.source),
            Command::Reshard(reshard) => reshard.run(self.source),
            Command::Key(key) => key.run(),
            Command::Openapi(openapi) => openapi.run(),
            Command::Presence(presence) => presence.run(self.source),
            Command::Webhooks(webhooks) => webhooks.run(self.source),
            Command::Broadcast(broadcast) => broadcast.run(self.source),
            Command::Client(client) => client.run(),
            Command::Operator(operator) => operator.run(self.source),
        };
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(line) => {
                output::print_error(&format!("presence-sidecar: {line}"));
                ExitCode::FAILURE
            }
        }
    }
}
