//! Broadcasts to a server that behaves as Laravel Reverb: channels and batches, order, outages, refusals, commands.

mod commands;
mod order;
mod outages;
mod refusals;
mod rules;

use serde_json::Value;

use crate::support::{Client, Published, Reverb, Sidecar};

/// A sidecar that publishes to `server`, with further variables.
async fn publishing_to(server: &Reverb, more: &[(&'static str, &str)]) -> Sidecar {
    let mut environment = server.environment();
    environment.extend(more.iter().map(|&(name, value)| (name, value.to_owned())));
    Sidecar::with(&environment).await
}

/// The statuses of a user on the public channel, in the order of their arrival.
fn statuses_of(events: &[Published], user: &Value) -> Vec<String> {
    let public = events.iter().filter(|event| event.channel == "status.global" && event.data["user_id"] == *user);
    public.map(|event| event.data["status"].as_str().unwrap().to_owned()).collect()
}

/// The value of a metric without labels.
async fn metric(client: &Client, name: &str) -> f64 {
    let metrics = client.get("/metrics").await.text;
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("there is no {name}")).parse().unwrap()
}
