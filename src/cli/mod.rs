//! The commands, one file each.

mod backup;
mod broadcast;
mod client;
mod completions;
mod config;
mod doctor;
mod forget;
mod health;
mod key;
mod locations;
mod man;
mod migrate;
mod nearest;
mod openapi;
mod operator;
mod output;
mod presence;
mod quickstart;
mod reload;
mod reshard;
mod rotate;
mod run;
mod serve;
mod sidecar;
mod signals;
mod source;
mod systemd;
mod table;
mod webhooks;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use self::source::Source;

/// What each exit status means, for the help texts and the manual pages.
const EXIT_STATUS: [(&str, &str); 5] = [
    ("0", "The command succeeded, or the sidecar has stopped after a signal."),
    ("1", "The command failed, the sidecar cannot start, or a check found a problem."),
    ("2", "The command line is wrong."),
    ("70", "The sidecar did not stop in time, or a background worker kept failing."),
    ("130, 143", "A second SIGINT or SIGTERM ended the sidecar at once."),
];

/// [`EXIT_STATUS`] as a table.
fn exit_statuses() -> String {
    let lines = EXIT_STATUS.iter().map(|(status, meaning)| format!("  {status:<9} {meaning}"));
    std::iter::once("Exit status:".to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}

/// Presence, webhooks and encrypted messages for Laravel apps, as a service beside the app
///
/// Stores which users are online, away or offline in the cache records of aesircloud/laravel-presence, so PHP and the
/// sidecar read each other's records. Without configuration it uses one SQLite file and generates its own secrets.
/// `presence-sidecar config` prints every key, its value and where the value comes from.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, propagate_version = true, max_term_width = 100)]
#[command(after_long_help = exit_statuses(), subcommand_help_heading = "Commands")]
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
    Presence(presence::Presence),
    /// List and replay webhook deliveries, or send a test ping
    Webhooks(webhooks::Webhooks),
    /// Publish a test event to the broadcast server
    Broadcast(broadcast::Broadcast),
    /// Replace a generated secret; the former one is accepted until `--finish`
    Rotate(rotate::Rotate),
    /// Copy the SQLite file and the generated secrets, also while the sidecar runs
    ///
    /// The copy is consistent and has everything that was answered before. Data in Redis, MySQL, MariaDB and Postgres, and
    /// secrets that are set elsewhere, are not in it: the command names them.
    Backup(backup::Backup),
    /// Put a backup into the place of the configured files
    ///
    /// The sidecar must be stopped. Files are compared with the manifest of the backup first.
    Restore(backup::Restore),
    /// Check whether this version can take over what is stored; changes nothing
    CheckUpgrade(doctor::CheckUpgrade),
    /// Erase what is stored about one user
    ///
    /// In every scope: state, Laravel record, entries of the change log, deliveries, and the messaging clients that are
    /// named, with their messages. The user must be offline in all of them. It works on the stores themselves, whether or not
    /// a sidecar runs. Backups are not changed.
    Forget(forget::Forget),
    Client(client::MessagesClient),
    Operator(operator::Operate),
    /// Print the completions of a shell
    Completions(completions::Completions),
    /// Print or write the manual pages
    Man(man::Man),
}

impl Cli {
    /// Parses the command line of this process. Where it is wrong, or asks for help, the process ends.
    pub fn from_command_line() -> Self {
        let improve = |error| nearest::name_nearest(error, Self::command(), std::env::args_os());
        Self::try_parse().unwrap_or_else(|error| improve(error).exit())
    }

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
            Command::Rotate(rotate) => rotate.run(self.source),
            Command::Backup(backup) => backup.run(self.source),
            Command::Restore(restore) => restore.run(self.source),
            Command::CheckUpgrade(check) => check.run(self.source),
            Command::Forget(forget) => forget.run(self.source),
            Command::Client(client) => client.run(),
            Command::Operator(operator) => operator.run(self.source),
            Command::Completions(completions) => completions.run(Self::command()),
            Command::Man(man) => man.run(Self::command(), &EXIT_STATUS),
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
