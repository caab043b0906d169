//! `presence-sidecar webhooks`: lists and replays deliveries, and sends a test ping.

use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::Value;

use super::output::{print_error, print_line};
use super::run::{CommandResult, run_async};
use super::sidecar::{Sidecar, SidecarAddress};
use super::source::Source;
use crate::config::{Config, EndpointConfig, Flags, load};
use crate::webhooks::admin;
use crate::webhooks::domain::retry::{AttemptOutcome, AttemptResult};

#[derive(Debug, Args)]
pub(super) struct Webhooks {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    address: SidecarAddress,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the deliveries of the running sidecar
    List {
        /// The state of the deliveries
        #[arg(long, value_enum, default_value = "pending")]
        state: State,
        /// Only deliveries to this endpoint
        #[arg(long)]
        endpoint: Option<String>,
        /// Print JSON, one object per line
        #[arg(long)]
        json: bool,
    },
    /// Queue dead letters again: one, or all since a time
    Replay {
        /// The id from `list --state dead`; all dead letters if omitted
        id: Option<String>,
        /// Only deliveries that were queued at or after this time (RFC 3339)
        #[arg(long, conflicts_with = "id")]
        since: Option<String>,
        /// Only deliveries to this endpoint
        #[arg(long, conflicts_with = "id")]
        endpoint: Option<String>,
    },
    /// Send a signed ping from this process, and print the response
    Test {
        /// The endpoint; all endpoints if omitted
        endpoint: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Pending,
    Dead,
}

impl Webhooks {
    pub(super) fn run(self, source: Source) -> CommandResult {
        let sources = source.with(Flags::default());
        let config = load(&sources).map_err(|error| error.to_string())?.config;
        run_async(self.command.run(&config, &self.address))
    }
}

impl Command {
    async fn run(self, config: &Config, address: &SidecarAddress) -> CommandResult {
        match self {
            Self::List { state, endpoint, json } => list(&Sidecar::of(config, address)?, state, endpoint, json).await,
            Self::Replay { id: Some(id), .. } => {
                let path =
                    format!("/{}/replay", url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>());
                print_replayed(&Sidecar::of(config, address)?.call(Method::POST, &deliveries(&path, &[])).await?)
            }
            Self::Replay { id: None, since, endpoint } => {
                let query = [("since", since), ("endpoint", endpoint)];
                print_replayed(&Sidecar::of(config, address)?.call(Method::POST, &deliveries("/replay", &query)).await?)
            }
            Self::Test { endpoint } => test(config, endpoint.as_deref()).await,
        }
    }
}

/// A path of the deliveries API, with a query.
fn deliveries(path: &str, query: &[(&str, Option<String>)]) -> String {
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in query {
        value.iter().for_each(|value| _ = pairs.append_pair(name, value));
    }
    format!("/api/v1/webhooks/deliveries{path}?{}", pairs.finish())
}

async fn list(sidecar: &Sidecar<'_>, state: State, endpoint: Option<String>, json: bool) -> CommandResult {
    let state = match state {
        State::Pending => "pending",
        State::Dead => "dead",
    };
    let (mut cursor, mut count) = (None, 0_usize);
    loop {
        let query = [
            ("state", Some(state.to_owned())),
            ("endpoint", endpoint.clone()),
            ("limit", Some("1000".to_owned())),
            ("cursor", cursor),
        ];
        let page = sidecar.call(Method::GET, &deliveries("", &query)).await?;
        for delivery in page["data"].as_array().into_iter().flatten() {
            count += 1;
            print_line(&if json { delivery.to_string() } else { line(delivery) });
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    if count == 0 {
        print_error(&format!("No {state} deliveries."));
    }
    Ok(())
}

/// A delivery as one line: time, event, user, tries, last result, id.
fn line(delivery: &Value) -> String {
    let text = |name: &str| match &delivery[name] {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let [at, event, user, tries, id] = ["queued_at", "event", "user_id", "tries", "id"].map(text);
    format!("{at}  {event:<9}  {user:<20}  {tries} tries, {}  {id}", text("last"))
}

fn print_replayed(response: &Value) -> CommandResult {
    print_line(&format!("{} queued again.", response["replayed"]));
    Ok(())
}

async fn test(config: &Config, name: Option<&str>) -> CommandResult {
    let endpoints = &config.webhook.endpoints;
    let chosen: Vec<&EndpointConfig> = endpoints.iter().filter(|at| name.is_none_or(|name| name == at.name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
        return Err(match (name, names.is_empty()) {
            (_, true) => "no endpoint is configured: set PRESENCE_WEBHOOK_URL and PRESENCE_WEBHOOK_SECRET".to_owned(),
            (name, false) => {
                format!("no endpoint is named {}; endpoints: {}", name.unwrap_or_default(), names.join(", "))
            }
        });
    }
    let mut failed = 0;
    for endpoint in &chosen {
        let (result, body) = admin::ping(&config.webhook, endpoint).await.map_err(|error| error.to_string())?;
        print_line(&format!("{}: {}", endpoint.name, result.describe()));
        if matches!(result, AttemptResult::Status { .. }) && !body.is_empty() {
            print_line(&String::from_utf8_lossy(&body));
        }
        failed += usize::from(result.outcome() != AttemptOutcome::Delivered);
    }
    match failed {
        0 => Ok(()),
        failed => Err(format!("{failed} of {} endpoints failed the test ping", chosen.len())),
    }
}
