//! `presence-sidecar presence`: shows who is present, in the terminal or as lines.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::output::{print_error, print_line};
use super::run::{CommandResult, run_async, shutdown_signal};
use super::sidecar::{Sidecar, SidecarAddress};
use super::source::Source;
use crate::client::{PresenceReader, sanitize};
use crate::config::{Config, Flags, load};
use crate::tui;

/// Show who is present
///
/// Without a command: a full-screen view of the users of the scope who are present, why each has its status, and the user's
/// last changes.
#[derive(Debug, Args)]
#[command(subcommand_help_heading = "Commands")]
pub(super) struct Presence {
    #[command(subcommand)]
    command: Option<Command>,
    /// The scope's tenant
    #[arg(long, global = true)]
    tenant: Option<String>,
    /// The scope's location
    #[arg(long, global = true)]
    location: Option<String>,
    /// The scope's domain
    #[arg(long, global = true)]
    domain: Option<String>,
    /// The scope's guard; `web` by default
    #[arg(long, global = true)]
    guard: Option<String>,
    /// Print JSON: the response of the API, or one object per line
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    address: SidecarAddress,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show a user's status
    Status {
        /// The user's id
        user: String,
    },
    /// List the users of the scope who are online or away
    Roster,
    /// Count them
    Counts,
}

impl Presence {
    pub(super) fn run(self, source: Source) -> CommandResult {
        let config = load(&source.with(Flags::default())).map_err(|error| error.to_string())?.config;
        run_async(async {
            let Some(command) = &self.command else { return self.show(&config).await };
            let sidecar = Sidecar::of(&config, &self.address)?;
            match command {
                Command::Status { user } => {
                    let user: String = url::form_urlencoded::byte_serialize(user.as_bytes()).collect();
                    self.print(
                        &sidecar.get(&self.path(&format!("status/{}", user.replace('+', "%20")), None)).await?,
                        status,
                    );
                }
                Command::Counts => self.print(&sidecar.get(&self.path("counts", None)).await?, counts),
                Command::Roster => self.roster(&sidecar).await?,
            }
            Ok(())
        })
    }

    /// Shows the full-screen view until the user quits.
    async fn show(&self, config: &Config) -> CommandResult {
        let token = config.auth.tokens.first().ok_or("auth.tokens is empty: set PRESENCE_TOKEN")?.clone();
        let scope = self.scope().map(|(name, value)| (name, value.clone())).collect();
        let reader = PresenceReader::new(self.address.connect(config)?, token, scope);
        tui::run_presence(reader, shutdown_signal()).await.map_err(|error| format!("cannot open the terminal: {error}"))
    }

    /// The parts of the scope that are set.
    fn scope(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let parts =
            [("tenant", &self.tenant), ("location", &self.location), ("domain", &self.domain), ("guard", &self.guard)];
        parts.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)))
    }

    async fn roster(&self, sidecar: &Sidecar<'_>) -> CommandResult {
        let (mut cursor, mut is_empty) = (None, true);
        loop {
            let page = sidecar.get(&self.path("roster", cursor.as_deref())).await?;
            for member in page["data"].as_array().into_iter().flatten() {
                is_empty = false;
                self.print(member, member_line);
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        if is_empty {
            print_error("No users.");
        }
        Ok(())
    }

    /// A path of the presence API, with the scope in its query.
    fn path(&self, operation: &str, cursor: Option<&str>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.scope());
        cursor.iter().for_each(|cursor| _ = query.append_pair("cursor", cursor));
        format!("/api/v1/presence/{operation}?{}", query.finish())
    }

    fn print(&self, response: &Value, line: impl Fn(&Value) -> String) {
        print_line(&if self.json { response.to_string() } else { line(response) });
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => sanitize(text),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

/// A status as one line, and one for each session.
fn status(response: &Value) -> String {
    let [status, seen, online] = ["status", "last_seen_at", "last_online_at"].map(|name| text(&response[name]));
    let head = format!("{status}  last seen {seen}  last online {online}");
    let sessions = response["sessions"].as_array().into_iter().flatten();
    let lines = sessions.map(|session| {
        let [id, status, seen] = ["id", "status", "last_seen_at"].map(|name| text(&session[name]));
        format!("  session {id}: {status}, last seen {seen}")
    });
    std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n")
}

fn counts(response: &Value) -> String {
    format!("{} online, {} away", response["online"], response["away"])
}

/// A member as one line: status, last heartbeat, id.
fn member_line(member: &Value) -> String {
    let [status, seen, user] = ["status", "last_seen_at", "user_id"].map(|name| text(&member[name]));
    format!("{status:<7}  {seen:<27}  {user}")
}
