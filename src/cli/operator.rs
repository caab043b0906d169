//! `presence-sidecar operator`: lists clients and messages, publishes, revokes clients.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::output::{print_error, print_line};
use super::run::{CommandResult, json_value, run_async, shutdown_signal};
use super::sidecar::SidecarAddress;
use super::source::Source;
use crate::client::{ClientError, ClientRow, OpenedMessage, Operator, Publication, render_payload, sanitize};
use crate::config::{Flags, load};
use crate::tui;

/// Maximum number of recipients that are looked up before a publication.
const MAX_CHECKED: usize = 50;

/// The poll interval of `follow`.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// List clients and messages, publish messages, revoke clients
///
/// Without a command: a full-screen view of the clients and their messages, with a prompt that publishes to the selected
/// client. The address of the sidecar is in the configuration or in --url. Reading needs OPERATOR_TOKENS and publishing
/// needs ADMIN_TOKEN, from the environment, the configuration or the app's .env (--laravel).
#[derive(Debug, Args)]
#[command(subcommand_help_heading = "Commands")]
pub(super) struct Operate {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    address: SidecarAddress,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the clients
    Clients {
        /// Print JSON, one object per line
        #[arg(long)]
        json: bool,
    },
    /// List the decrypted messages of a client
    Messages(Reading),
    /// List the messages of a client and wait for new ones, until Ctrl-C
    Follow(Reading),
    /// Publish a message
    Publish {
        /// The text of the message
        #[arg(required_unless_present = "payload")]
        text: Option<String>,
        /// A JSON payload instead of a text: an object or a list that is not empty
        #[arg(long, value_name = "JSON", value_parser = json_value, conflicts_with = "text")]
        payload: Option<Value>,
        /// The recipients: a comma-separated list of client ids
        #[arg(long, value_name = "ID,ID", value_delimiter = ',', required = true)]
        to: Vec<String>,
        /// The type of the message
        #[arg(long, value_name = "TYPE", default_value = "chat")]
        r#type: String,
        /// The idempotency key: messages with the same key are stored once; random by default
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// Revoke a client: its credentials become invalid
    Revoke {
        /// The client's id
        client: String,
    },
    /// List published messages on their way to their clients, or given up
    FanOuts {
        /// Those that are given up
        #[arg(long)]
        dead: bool,
        /// Print JSON, one object per line
        #[arg(long)]
        json: bool,
    },
    /// Queue the messages that are given up again
    ReplayFanOuts,
}

#[derive(Debug, Args)]
struct Reading {
    /// The client's id
    client: String,
    /// Only messages after this id
    #[arg(long, value_name = "ID", default_value_t = 0)]
    cursor: i64,
    /// Print JSON, one object per line
    #[arg(long)]
    json: bool,
}

impl Operate {
    pub(super) fn run(self, source: Source) -> CommandResult {
        let config = load(&source.with(Flags::default())).map_err(|error| error.to_string())?.config;
        let messaging = config.messaging.clone();
        let (token, admin) = (messaging.operator_tokens.into_iter().next(), messaging.admin_token);
        let publishes = matches!(self.command, Some(Command::Publish { .. }));
        match (publishes, &token, &admin) {
            (true, _, None) => return Err("publishing needs a token: set ADMIN_TOKEN".to_owned()),
            (false, None, _) => return Err("reading needs a token: set OPERATOR_TOKENS".to_owned()),
            (true, _, Some(_)) | (false, Some(_), _) => {}
        }
        run_async(async move {
            let operator = Operator::new(self.address.connect(&config)?, token, admin);
            match self.command {
                Some(command) => command.run(operator).await,
                None => tui::run(operator, shutdown_signal())
                    .await
                    .map_err(|error| format!("cannot open the terminal: {error}")),
            }
        })
    }
}

impl Command {
    async fn run(self, operator: Operator) -> CommandResult {
        match self {
            Self::Clients { json } => {
                print_clients(&operator.clients().await.map_err(to_message)?, json);
                Ok(())
            }
            Self::Messages(reading) => reading.print_pages(&operator, reading.cursor).await.map(drop),
            Self::Follow(reading) => tokio::select! {
                result = reading.follow(&operator) => result,
                () = shutdown_signal() => Ok(()),
            },
            Self::Publish { text, payload, to, r#type: kind, idempotency_key } => {
                let payload = payload.unwrap_or_else(|| json!({"text": text}));
                let key = idempotency_key.unwrap_or_else(|| Uuid::new_v4().to_string());
                let publication = Publication { to, kind, payload, key };
                check_recipients(&operator, &publication.to).await?;
                let queued =
                    operator.publish(&publication).await.map_err(|failure| describe_failure(&publication, &failure))?;
                print_line(&format!("Queued for {queued} {}.", if queued == 1 { "id" } else { "ids" }));
                Ok(())
            }
            Self::Revoke { client } => {
                operator.revoke(&client).await.map_err(to_message)?;
                print_line(&format!("Revoked client {client}."));
                Ok(())
            }
            Self::FanOuts { dead, json } => print_fan_outs(&operator, dead, json).await,
            Self::ReplayFanOuts => {
                let replayed = operator.replay_fan_outs().await.map_err(to_message)?;
                print_line(&format!("{replayed} queued again."));
                Ok(())
            }
        }
    }
}

/// Refuses recipients that no client has as its id, since the sidecar skips them. Asks only with a token to read, and not for
/// more than a few.
async fn check_recipients(operator: &Operator, to: &[String]) -> CommandResult {
    if !operator.may_read() || to.len() > MAX_CHECKED {
        return Ok(());
    }
    for id in to {
        if let Err(ClientError::Refused { status: 404, .. }) = operator.messages(id, i64::MAX).await {
            return Err(format!(
                "not published: no client has the id {id}; `presence-sidecar operator clients` lists them"
            ));
        }
    }
    Ok(())
}

async fn print_fan_outs(operator: &Operator, dead: bool, json: bool) -> CommandResult {
    let state = if dead { "dead" } else { "pending" };
    let jobs = operator.fan_outs(state).await.map_err(to_message)?;
    for job in &jobs {
        let text = |name: &str| match &job[name] {
            Value::String(text) => sanitize(text),
            Value::Null => "-".to_owned(),
            other => other.to_string(),
        };
        let [at, kind, recipients, tries, last] = ["queued_at", "type", "recipients", "tries", "last"].map(text);
        let line = || format!("{at}  {kind:<12}  to {recipients}  {tries} tries, {last}  {}", text("id"));
        print_line(&if json { job.to_string() } else { line() });
    }
    if jobs.is_empty() {
        print_error(&format!("No {state} messages."));
    }
    Ok(())
}

impl Reading {
    /// Prints all pages of messages after `cursor`; returns the last id.
    async fn print_pages(&self, operator: &Operator, mut cursor: i64) -> Result<i64, String> {
        loop {
            let messages = operator.messages(&self.client, cursor).await.map_err(to_message)?;
            let Some(last) = messages.last() else { return Ok(cursor) };
            cursor = last.id;
            for message in &messages {
                print_line(&if self.json { json!(message).to_string() } else { line(message) });
            }
        }
    }

    async fn follow(&self, operator: &Operator) -> CommandResult {
        let mut cursor = self.cursor;
        loop {
            cursor = self.print_pages(operator, cursor).await?;
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

fn print_clients(clients: &[ClientRow], json: bool) {
    for client in clients {
        print_line(&if json { json!(client).to_string() } else { row(client) });
    }
    if clients.is_empty() {
        print_error("No clients.");
    }
}

/// A client as one line: id, status, last poll, name.
fn row(client: &ClientRow) -> String {
    let seen = client.last_seen_at.as_deref().unwrap_or("never");
    let name = client.name.as_deref().map(sanitize).unwrap_or_default();
    format!("{}  {:<7}  {seen:<27}  {name}", client.id, client.status)
}

/// A message as one line: id, time, sender, type, payload.
fn line(message: &OpenedMessage) -> String {
    let from = message.from_client_id.as_deref().unwrap_or("application");
    let said = render_payload(message.payload.get("payload").unwrap_or(&message.payload));
    format!("{:>6}  {}  {from:<36}  {}  {said}", message.id, message.created_at, sanitize(&message.r#type))
}

/// The error of a publication and, if a retry can succeed, the option that makes the retry idempotent.
fn describe_failure(publication: &Publication, failure: &ClientError) -> String {
    let retry = failure.is_retryable().then(|| format!("; to retry: --idempotency-key {}", publication.key));
    format!("{failure}{}", retry.unwrap_or_default())
}

fn to_message(failure: ClientError) -> String {
    failure.to_string()
}
