//! `presence-sidecar operator`: lists clients and messages, publishes, revokes clients.

use std::time::Duration;

use clap::{Args, Subcommand};
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

use super::output::print_result;
use super::run::{CommandResult, json_value, require_terminal, run_async, shutdown_signal};
use super::sidecar::{SidecarAddress, secret};
use super::source::Source;
use super::table::{Table, cells};
use crate::client::{ClientError, ClientRow, OpenedMessage, Operator, Publication, render_payload, sanitize};
use crate::config::{Flags, load};
use crate::tui;

/// Maximum number of recipients that are looked up before a publication.
const MAX_CHECKED: usize = 50;

/// The poll interval of `follow`.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The columns of a client.
const CLIENT: [(&str, usize); 4] = [("ID", 36), ("STATUS", 7), ("LAST SEEN", 27), ("NAME", 4)];

/// The columns of a message.
const MESSAGE: [(&str, usize); 5] = [("ID", 6), ("CREATED AT", 25), ("FROM", 36), ("TYPE", 4), ("PAYLOAD", 7)];

/// The columns of a fan-out job.
const FAN_OUT: [(&str, usize); 6] =
    [("QUEUED AT", 27), ("TYPE", 12), ("RECIPIENTS", 10), ("TRIES", 5), ("LAST RESULT", 20), ("ID", 2)];

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
    /// Print JSON, one object per line
    #[arg(long, global = true)]
    json: bool,
    /// The token: one of OPERATOR_TOKENS, or ADMIN_TOKEN to publish; by default from the environment, the configuration or
    /// the app's .env. The environment is safer: other users of this machine can read command lines
    #[arg(long, global = true, value_name = "TOKEN", value_parser = secret)]
    token: Option<SecretString>,
    #[command(flatten)]
    address: SidecarAddress,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the clients
    Clients,
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
        /// The idempotency key: the same message, published again with the same key, is stored once; random by default
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
}

impl Operate {
    pub(super) fn run(self, source: Source) -> CommandResult {
        let config = load(&source.with(Flags::default())).map_err(|error| error.to_string())?.config;
        let messaging = config.messaging.clone();
        let publishes = matches!(self.command, Some(Command::Publish { .. }));
        let stated = |is_used: bool| self.token.clone().filter(|_| is_used);
        let token = stated(!publishes).or_else(|| messaging.operator_tokens.into_iter().next());
        let admin = stated(publishes).or(messaging.admin_token);
        match (publishes, &token, &admin) {
            (true, _, None) => return Err("publishing needs a token: set ADMIN_TOKEN".to_owned()),
            (false, None, _) => return Err("reading needs a token: set OPERATOR_TOKENS".to_owned()),
            (true, _, Some(_)) | (false, Some(_), _) => {}
        }
        run_async(async move {
            let operator = Operator::new(self.address.connect(&config)?, token, admin);
            match self.command {
                Some(command) => command.run(operator, self.json).await,
                None => {
                    require_terminal("`presence-sidecar operator clients`, `messages`, `follow` or `publish`")?;
                    let shown = tui::run(operator, shutdown_signal()).await;
                    shown.map_err(|error| format!("cannot open the terminal: {error}"))
                }
            }
        })
    }
}

impl Command {
    async fn run(self, operator: Operator, json: bool) -> CommandResult {
        match self {
            Self::Clients => print_clients(&operator.clients().await.map_err(to_message)?, json),
            Self::Messages(reading) => {
                let mut table = Table::new(MESSAGE, json);
                reading.print_pages(&operator, reading.cursor, &mut table).await?;
                table.finish("No messages.");
            }
            Self::Follow(reading) => {
                return tokio::select! {
                    result = reading.follow(&operator, json) => result,
                    () = shutdown_signal() => Ok(()),
                };
            }
            Self::Publish { text, payload, to, r#type: kind, idempotency_key } => {
                let payload = payload.unwrap_or_else(|| json!({"text": text}));
                let key = idempotency_key.unwrap_or_else(|| Uuid::new_v4().to_string());
                let publication = Publication { to, kind, payload, key };
                check_recipients(&operator, &publication.to).await?;
                let queued =
                    operator.publish(&publication).await.map_err(|failure| describe_failure(&publication, &failure))?;
                let line = format!("Queued for {queued} {}.", if queued == 1 { "id" } else { "ids" });
                print_result(json, &json!({"queued": queued, "idempotency_key": publication.key}), &line);
            }
            Self::Revoke { client } => {
                operator.revoke(&client).await.map_err(to_message)?;
                print_result(json, &json!({"revoked": client}), &format!("Revoked client {client}."));
            }
            Self::FanOuts { dead } => print_fan_outs(&operator, dead, json).await?,
            Self::ReplayFanOuts => {
                let replayed = operator.replay_fan_outs().await.map_err(to_message)?;
                print_result(json, &json!({"replayed": replayed}), &format!("{replayed} queued again."));
            }
        }
        Ok(())
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
    let mut table = Table::new(FAN_OUT, json);
    for job in operator.fan_outs(state).await.map_err(to_message)? {
        table.row(&job, |job| cells(job, ["queued_at", "type", "recipients", "tries", "last", "id"]));
    }
    table.finish(&format!("No {state} messages."));
    Ok(())
}

impl Reading {
    /// Prints all pages of messages after `cursor`; returns the last id.
    async fn print_pages(&self, operator: &Operator, mut cursor: i64, table: &mut Table<5>) -> Result<i64, String> {
        loop {
            let messages = operator.messages(&self.client, cursor).await.map_err(to_message)?;
            let Some(last) = messages.last() else { return Ok(cursor) };
            cursor = last.id;
            for message in &messages {
                table.row(&json!(message), |_| message_cells(message));
            }
        }
    }

    async fn follow(&self, operator: &Operator, json: bool) -> CommandResult {
        let (mut cursor, mut table) = (self.cursor, Table::new(MESSAGE, json));
        loop {
            cursor = self.print_pages(operator, cursor, &mut table).await?;
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

fn print_clients(clients: &[ClientRow], json: bool) {
    let mut table = Table::new(CLIENT, json);
    for client in clients {
        let seen = client.last_seen_at.as_deref().unwrap_or("never").to_owned();
        let name = client.name.as_deref().map(sanitize).unwrap_or_default();
        table.row(&json!(client), |_| [client.id.clone(), client.status.clone(), seen, name]);
    }
    table.finish("No clients.");
}

fn message_cells(message: &OpenedMessage) -> [String; 5] {
    let from = message.from_client_id.as_deref().unwrap_or("application");
    let said = render_payload(message.payload.get("payload").unwrap_or(&message.payload));
    [message.id.to_string(), message.created_at.clone(), from.to_owned(), sanitize(&message.r#type), said]
}

/// The error of a publication and, if a retry can succeed, the option that makes the retry idempotent.
fn describe_failure(publication: &Publication, failure: &ClientError) -> String {
    let retry = failure.is_retryable().then(|| format!("; to retry: --idempotency-key {}", publication.key));
    format!("{failure}{}", retry.unwrap_or_default())
}

fn to_message(failure: ClientError) -> String {
    failure.to_string()
}
