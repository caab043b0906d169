//! `presence-sidecar presence`: shows who is present, and why, in the terminal or as lines.

mod scope;
mod show;
mod watch;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use self::scope::{PAGE, ScopeArgs};
use super::run::{CommandResult, require_terminal, run_async, shutdown_signal};
use super::sidecar::{ServiceCaller, Sidecar};
use super::source::Source;
use super::table::{Table, cells};
use crate::client::{PresenceReader, path_segment};
use crate::config::{Config, Flags, load};
use crate::tui;

/// Show who is present, and why; list and watch changes
///
/// Without a command: a full-screen view of the users of the scope who are present, why each has its status, and the user's
/// last changes.
#[derive(Debug, Args)]
#[command(subcommand_help_heading = "Commands")]
pub(super) struct Presence {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    scope: ScopeArgs,
    /// Print JSON: the response of the API, or one object per line
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    caller: ServiceCaller,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show a user's status and sessions
    Status {
        /// The user's id; digits are a number
        user: String,
    },
    /// List the users of the scope who are online or away
    Roster {
        /// Only users with this status
        #[arg(long, value_enum)]
        status: Option<PresentStatus>,
    },
    /// Count them
    Counts,
    /// List the change log of all scopes, oldest first
    ///
    /// With a scope or --user only the changes that match. The last line on standard error is the cursor to continue with.
    Changes {
        #[command(flatten)]
        from: watch::Following,
        /// Stop after this number of changes
        #[arg(long, value_name = "NUMBER", default_value_t = usize::MAX, hide_default_value = true)]
        limit: usize,
    },
    /// List a user's last changes, newest first
    History {
        /// The user's id; digits are a number
        user: String,
        /// Maximum number of changes, 1 to 100
        #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
        limit: u8,
    },
    /// Explain why a user has a status, and what would change it
    Explain {
        /// The user's id; digits are a number
        user: String,
    },
    /// Print changes of all scopes as they happen, until Ctrl-C
    ///
    /// With a scope or --user only the changes that match. A lost connection is opened again where it ended.
    Watch(watch::Following),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PresentStatus {
    Online,
    Away,
}

impl Presence {
    pub(super) fn run(self, source: Source) -> CommandResult {
        let config = load(&source.with(Flags::default())).map_err(|error| error.to_string())?.config;
        run_async(async {
            let Some(command) = &self.command else { return self.full_screen(&config).await };
            let sidecar = Sidecar::of(&config, &self.caller)?;
            match command {
                Command::Status { user } => self.show(&sidecar, ("status", user), show::status).await,
                Command::Explain { user } => self.show(&sidecar, ("explain", user), show::explanation).await,
                Command::Counts => {
                    let counts = sidecar.get(&self.scope.path("counts", &[])).await?;
                    show::counts(&counts, self.json);
                    Ok(())
                }
                Command::Roster { status } => self.roster(&sidecar, *status).await,
                Command::History { user, limit } => self.history(&sidecar, user, *limit).await,
                Command::Changes { from, limit } => {
                    watch::changes(&sidecar, (from, &self.scope), *limit, self.json).await
                }
                Command::Watch(from) => watch::watch(&sidecar, from, &self.scope, self.json).await,
            }
        })
    }

    /// Shows the full-screen view until the user quits.
    async fn full_screen(&self, config: &Config) -> CommandResult {
        require_terminal("`presence-sidecar presence roster`, `counts`, `explain` or `watch`")?;
        let (connection, token) = self.caller.connect(config)?;
        let set = self.scope.parts().into_iter().filter_map(|(name, value)| Some((name, value?.clone())));
        let reader = PresenceReader::new(connection, token, set.collect());
        tui::run_presence(reader, shutdown_signal()).await.map_err(|error| format!("cannot open the terminal: {error}"))
    }

    /// Prints what an operation says about a user.
    async fn show(&self, sidecar: &Sidecar, (operation, user): (&str, &str), show: fn(&Value, bool)) -> CommandResult {
        let answer = sidecar.get(&self.scope.path(&of_user(operation, user), &[])).await?;
        show(&answer, self.json);
        Ok(())
    }

    async fn roster(&self, sidecar: &Sidecar, status: Option<PresentStatus>) -> CommandResult {
        let mut table = Table::new([("STATUS", 6), ("LAST SEEN", 27), ("USER", 4)], self.json);
        let status = status.map(|status| match status {
            PresentStatus::Online => "online".to_owned(),
            PresentStatus::Away => "away".to_owned(),
        });
        let mut cursor: Option<String> = None;
        loop {
            let limit = PAGE.to_string();
            let query = [("status", status.as_ref()), ("limit", Some(&limit)), ("cursor", cursor.as_ref())];
            let page = sidecar.get(&self.scope.path("roster", &query)).await?;
            for member in page["data"].as_array().into_iter().flatten() {
                table.row(member, |member| cells(member, ["status", "last_seen_at", "user_id"]));
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        table.finish("No users.");
        Ok(())
    }

    async fn history(&self, sidecar: &Sidecar, user: &str, limit: u8) -> CommandResult {
        let path = self.scope.path(&of_user("history", user), &[("limit", Some(&limit.to_string()))]);
        let mut table = show::changes_table(self.json);
        for change in sidecar.get(&path).await?["data"].as_array().into_iter().flatten() {
            table.row(change, show::change);
        }
        table.finish("No changes.");
        Ok(())
    }
}

/// An operation on a user.
fn of_user(operation: &str, user: &str) -> String {
    format!("{operation}/{}", path_segment(user))
}
