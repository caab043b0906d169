//! `presence-sidecar webhooks`: deliveries under way or given up, and a ping.

use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::Value;

use super::sidecar::Sidecar;
use super::{CommandResult, Source, run_async};
use crate::config::{Config, EndpointConfig, Flags, load};
use crate::webhooks::admin;
use crate::webhooks::domain::retry::{AttemptOutcome, AttemptResult};

#[derive(Debug, Args)]
pub(super) struct Webhooks {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the deliveries of the running sidecar
    List {
        /// Which ones
        #[arg(long, value_enum, default_value = "pending")]
        state: State,
        /// Only those to this endpoint
        #[arg(long)]
        endpoint: Option<String>,
        /// As JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// Make deliveries again that were given up: one, or all since a time
    Replay {
        /// The delivery, as `list --state dead` names it; all of them if left out
        id: Option<String>,
        /// Only those that were queued at this time (RFC 3339) or later
        #[arg(long, conflicts_with = "id")]
        since: Option<String>,
        /// Only those to this endpoint
        #[arg(long, conflicts_with = "id")]
        endpoint: Option<String>,
    },
    /// Send a signed ping from here, and print what comes back
    Test {
        /// The endpoint; all of them if left out
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
        run_async(self.command.run(&config))
    }
}

impl Command {
    async fn run(self, config: &Config) -> CommandResult {
        match self {
            Self::List { state, endpoint, json } => list(config, state, endpoint, json).await,
            Self::Replay { id: Some(id), .. } => {
                let path =
                    format!("/{}/replay", url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>());
                replayed(&Sidecar::of(config)?.call(Method::POST, &deliveries(&path, &[])).await?)
            }
            Self::Replay { id: None, since, endpoint } => {
                let query = [("since", since), ("endpoint", endpoint)];
                replayed(&Sidecar::of(config)?.call(Method::POST, &deliveries("/replay", &query)).await?)
            }
            Self::Test { endpoint } => test(config, endpoint.as_deref()).await,
        }
    }
}

/// A path below the deliveries, with a query.
fn deliveries(path: &str, query: &[(&str, Option<String>)]) -> String {
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in query {
        value.iter().for_each(|value| _ = pairs.append_pair(name, value));
    }
    format!("/api/v1/webhooks/deliveries{path}?{}", pairs.finish())
}

async fn list(config: &Config, state: State, endpoint: Option<String>, json: bool) -> CommandResult {
    let sidecar = Sidecar::of(config)?;
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
            if json { println!("{delivery}") } else { println!("{}", line(delivery)) }
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    if count == 0 {
        eprintln!("Nothing is {state}.");
    }
    Ok(())
}

/// A delivery for people: when, what, about whom, and how it went.
fn line(delivery: &Value) -> String {
    let text = |name: &str| match &delivery[name] {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let [at, event, user, tries, id] = ["queued_at", "event", "user_id", "tries", "id"].map(text);
    format!("{at}  {event:<9}  {user:<20}  {tries} tries, {}  {id}", text("last"))
}

fn replayed(answer: &Value) -> CommandResult {
    println!("{} queued again.", answer["replayed"]);
    Ok(())
}

async fn test(config: &Config, name: Option<&str>) -> CommandResult {
    let endpoints = &config.webhook.endpoints;
    let chosen: Vec<&EndpointConfig> = endpoints.iter().filter(|at| name.is_none_or(|name| name == at.name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
        return Err(match (name, names.is_empty()) {
            (_, true) => "no endpoint is configured: set PRESENCE_WEBHOOK_URL and PRESENCE_WEBHOOK_SECRET".to_owned(),
            (name, false) => format!("there is no endpoint {}, but {}", name.unwrap_or_default(), names.join(", ")),
        });
    }
    let mut failed = 0;
    for endpoint in &chosen {
        let (answer, body) = admin::ping(&config.webhook, endpoint).await.map_err(|error| error.to_string())?;
        println!("{}: {}", endpoint.name, answer.describe());
        if matches!(answer, AttemptResult::Status { .. }) && !body.is_empty() {
            println!("{}", String::from_utf8_lossy(&body));
        }
        failed += usize::from(answer.outcome() != AttemptOutcome::Delivered);
    }
    match failed {
        0 => Ok(()),
        failed => Err(format!("{failed} of {} did not take the ping", chosen.len())),
    }
}
