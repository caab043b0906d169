//! `presence-sidecar operator`: who is there, what was said; and saying something.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::sidecar::connection;
use super::{CommandResult, Source, json_value, print_line, run_async, shutdown_signal};
use crate::client::{
    ClientError, ClientRow, OpenedMessage, Operator, Publication, SidecarConnection, render_payload, sanitize,
};
use crate::config::{Flags, load};
use crate::tui;

/// How often `follow` asks.
const EVERY: Duration = Duration::from_secs(1);

/// Look at clients and their messages, and publish
///
/// Without a command: a full-screen view of who is there and what is said, with a prompt that publishes to the client
/// that is selected. The sidecar is found as the configuration says, or by --url; OPERATOR_TOKENS let you read and
/// ADMIN_TOKEN lets you publish, from the environment, the configuration or the app's .env (--laravel).
#[derive(Debug, Args)]
#[command(subcommand_help_heading = "Commands")]
pub(super) struct Operate {
    #[command(subcommand)]
    command: Option<Command>,
    /// Where the sidecar is: http(s)://host:port or unix:/path; unset, where the configuration has it listen
    #[arg(long, global = true, value_name = "URL", env = "PRESENCE_SIDECAR_URL")]
    url: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the clients
    Clients {
        /// As JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// List the messages of a client, opened
    Messages(Reading),
    /// List the messages of a client and those that come, until Ctrl-C
    Follow(Reading),
    /// Publish a message
    Publish {
        /// What it says
        #[arg(required_unless_present = "payload")]
        text: Option<String>,
        /// What it says as JSON, in place of a text: an object or a list with something in it
        #[arg(long, value_name = "JSON", value_parser = json_value, conflicts_with = "text")]
        payload: Option<Value>,
        /// The clients that it is for, a comma list of ids
        #[arg(long, value_name = "ID,ID", value_delimiter = ',', required = true)]
        to: Vec<String>,
        /// What it is about
        #[arg(long, value_name = "TYPE", default_value = "chat")]
        r#type: String,
        /// Published again with the same one, it is stored once; unset, a random one
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// Shut a client out: its credentials are worth nothing any more
    Revoke {
        /// The client's id
        client: String,
    },
}

#[derive(Debug, Args)]
struct Reading {
    /// The client's id
    client: String,
    /// Only messages behind this id
    #[arg(long, value_name = "ID", default_value_t = 0)]
    cursor: i64,
    /// As JSON, one object a line
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
            (true, _, None) => return Err("there is no token to publish with: set ADMIN_TOKEN".to_owned()),
            (false, None, _) => return Err("there is no token to read with: set OPERATOR_TOKENS".to_owned()),
            (true, _, Some(_)) | (false, Some(_), _) => {}
        }
        run_async(async move {
            let connection = match &self.url {
                Some(url) => SidecarConnection::to(url).map_err(to_message)?,
                None => connection(&config.server.listen)?,
            };
            let operator = Operator::new(connection, token, admin);
            match self.command {
                Some(command) => command.run(operator).await,
                None => tui::run(operator, shutdown_signal())
                    .await
                    .map_err(|error| format!("there is no terminal: {error}")),
            }
        })
    }
}

impl Command {
    async fn run(self, operator: Operator) -> CommandResult {
        match self {
            Self::Clients { json } => {
                list(&operator.clients().await.map_err(to_message)?, json);
                Ok(())
            }
            Self::Messages(reading) => reading.pages(&operator, reading.cursor).await.map(drop),
            Self::Follow(reading) => tokio::select! {
                ended = reading.follow(&operator) => ended,
                () = shutdown_signal() => Ok(()),
            },
            Self::Publish { text, payload, to, r#type: kind, idempotency_key } => {
                let payload = payload.unwrap_or_else(|| json!({"text": text}));
                let key = idempotency_key.unwrap_or_else(|| Uuid::new_v4().to_string());
                let publication = Publication { to, kind, payload, key };
                let queued = operator.publish(&publication).await.map_err(|failure| untold(&publication, failure))?;
                println!("Queued for {queued} {}.", if queued == 1 { "id" } else { "ids" });
                Ok(())
            }
            Self::Revoke { client } => {
                operator.revoke(&client).await.map_err(to_message)?;
                println!("{client} is shut out.");
                Ok(())
            }
        }
    }
}

impl Reading {
    /// Prints what is behind `cursor`, page after page; gives the last id.
    async fn pages(&self, operator: &Operator, mut cursor: i64) -> Result<i64, String> {
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
            cursor = self.pages(operator, cursor).await?;
            tokio::time::sleep(EVERY).await;
        }
    }
}

fn list(clients: &[ClientRow], json: bool) {
    for client in clients {
        print_line(&if json { json!(client).to_string() } else { row(client) });
    }
    if clients.is_empty() {
        eprintln!("There are no clients.");
    }
}

/// A client for people: which, whether it is there, when it was last heard of, its name.
fn row(client: &ClientRow) -> String {
    let seen = client.last_seen_at.as_deref().unwrap_or("never");
    let name = client.name.as_deref().map(sanitize).unwrap_or_default();
    format!("{}  {:<7}  {seen:<27}  {name}", client.id, client.status)
}

/// A message for people: when, from whom, what it is about, what it says.
fn line(message: &OpenedMessage) -> String {
    let from = message.from_client_id.as_deref().unwrap_or("application");
    let said = render_payload(message.payload.get("payload").unwrap_or(&message.payload));
    format!("{:>6}  {}  {from:<36}  {}  {said}", message.id, message.created_at, sanitize(&message.r#type))
}

/// Why a publication failed, and, unless it was refused for good, how to say it again so that it is stored once.
fn untold(publication: &Publication, failure: ClientError) -> String {
    let again = failure.is_retryable().then(|| format!("; again, once: --idempotency-key {}", publication.key));
    format!("{failure}{}", again.unwrap_or_default())
}

fn to_message(failure: ClientError) -> String {
    failure.to_string()
}
