//! `presence-sidecar webhooks`: lists and replays deliveries, and sends a test ping.

use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::json;

use super::output::{print_line, print_result};
use super::run::{CommandResult, run_async};
use super::sidecar::{ServiceCaller, Sidecar};
use super::source::Source;
use super::table::{Table, cells};
use crate::client::{path_segment, sanitize};
use crate::config::{Config, EndpointConfig, Flags, load};
use crate::webhooks::admin;
use crate::webhooks::domain::retry::{AttemptOutcome, AttemptResult};

#[derive(Debug, Args)]
#[command(subcommand_help_heading = "Commands")]
pub(super) struct Webhooks {
    #[command(subcommand)]
    command: Command,
    /// Print JSON, one object per line
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    caller: ServiceCaller,
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

/// The columns of a delivery.
const DELIVERY: [(&str, usize); 7] =
    [("QUEUED AT", 27), ("EVENT", 9), ("USER", 12), ("ENDPOINT", 8), ("TRIES", 5), ("LAST RESULT", 20), ("ID", 2)];

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Pending,
    Dead,
}

impl Webhooks {
    pub(super) fn run(self, source: Source) -> CommandResult {
        let sources = source.with(Flags::default());
        let config = load(&sources).map_err(|error| error.to_string())?.config;
        run_async(self.command.run(&config, &self.caller, self.json))
    }
}

impl Command {
    async fn run(self, config: &Config, caller: &ServiceCaller, json: bool) -> CommandResult {
        let sidecar = || Sidecar::of(config, caller);
        let replayed = match self {
            Self::List { state, endpoint } => return list(&sidecar()?, state, endpoint, json).await,
            Self::Test { endpoint } => return test(config, endpoint.as_deref(), json).await,
            Self::Replay { id: Some(id), .. } => {
                sidecar()?.call(Method::POST, &deliveries(&format!("/{}/replay", path_segment(&id)), &[])).await?
            }
            Self::Replay { id: None, since, endpoint } => {
                let query = [("since", since), ("endpoint", endpoint)];
                sidecar()?.call(Method::POST, &deliveries("/replay", &query)).await?
            }
        };
        print_result(json, &replayed, &format!("{} queued again.", replayed["replayed"]));
        Ok(())
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

async fn list(sidecar: &Sidecar, state: State, endpoint: Option<String>, json: bool) -> CommandResult {
    let state = match state {
        State::Pending => "pending",
        State::Dead => "dead",
    };
    let (mut cursor, mut table) = (None, Table::new(DELIVERY, json));
    loop {
        let query = [
            ("state", Some(state.to_owned())),
            ("endpoint", endpoint.clone()),
            ("limit", Some("1000".to_owned())),
            ("cursor", cursor),
        ];
        let page = sidecar.call(Method::GET, &deliveries("", &query)).await?;
        for delivery in page["data"].as_array().into_iter().flatten() {
            table.row(delivery, |delivery| {
                cells(delivery, ["queued_at", "event", "user_id", "endpoint", "tries", "last", "id"])
            });
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    table.finish(&format!("No {state} deliveries."));
    Ok(())
}

async fn test(config: &Config, name: Option<&str>, json: bool) -> CommandResult {
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
        print_ping(&endpoint.name, &result, &body, json);
        failed += usize::from(result.outcome() != AttemptOutcome::Delivered);
    }
    match failed {
        0 => Ok(()),
        failed => Err(format!("{failed} of {} endpoints failed the test ping", chosen.len())),
    }
}

fn print_ping(endpoint: &str, result: &AttemptResult, body: &[u8], json: bool) {
    let body = String::from_utf8_lossy(body);
    if json {
        let is_delivered = result.outcome() == AttemptOutcome::Delivered;
        let ping = json!({"endpoint": endpoint, "delivered": is_delivered, "result": result.describe(), "body": body});
        return print_line(&ping.to_string());
    }
    print_line(&format!("{endpoint}: {}", result.describe()));
    if matches!(result, AttemptResult::Status { .. }) && !body.is_empty() {
        print_line(&sanitize(&body));
    }
}
