//! `presence-sidecar broadcast`: publishes a test event to the broadcast server.

use clap::{Args, Subcommand};
use serde_json::json;

use super::output::print_line;
use super::run::{CommandResult, run_async};
use super::source::Source;
use crate::broadcast::client::{BroadcastClient, TEST_EVENT};
use crate::broadcast::domain::refusal;
use crate::config::{Config, Flags, load};
use crate::webhooks::domain::retry::AttemptOutcome;

#[derive(Debug, Args)]
#[command(subcommand_help_heading = "Commands")]
pub(super) struct Broadcast {
    #[command(subcommand)]
    command: Command,
    /// Print the result as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Publish the event presence.test on each public channel from this process, and print the response
    Test,
}

impl Broadcast {
    pub(super) fn run(self, source: Source) -> CommandResult {
        let config = load(&source.with(Flags::default())).map_err(|error| error.to_string())?.config;
        match self.command {
            Command::Test => run_async(test(&config, self.json)),
        }
    }
}

async fn test(config: &Config, json: bool) -> CommandResult {
    let client = BroadcastClient::new(config).map_err(|error| error.to_string())?;
    let client = client.ok_or("nothing is broadcast: set broadcast.connection to reverb or pusher")?;
    let channels = client.channels().public().join(", ");
    if channels.is_empty() {
        return Err("broadcast.channels.public is empty: name a channel".to_owned());
    }
    let (result, answer) = client.publish_test(chrono::Utc::now().timestamp()).await;
    let server = client.server();
    let place = format!("{} at {}", server.kind.as_str(), server.url.as_str().trim_end_matches('/'));
    let is_published = result.outcome() == AttemptOutcome::Delivered;
    let said = refusal::describe(&result, &answer);
    print_line(&match json {
        true => json!({"server": place, "published": is_published, "result": said, "channels": channels}).to_string(),
        false => format!("{place}: {said}"),
    });
    match is_published {
        true if json => Ok(()),
        true => {
            print_line(&format!("{TEST_EVENT} was published on {channels}"));
            Ok(())
        }
        false => Err(format!("the server did not accept {TEST_EVENT}: {}", refusal::remedy(&result, &answer))),
    }
}
