//! `presence-sidecar client`: a client of messages.

mod fingerprint;
mod follow;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use self::follow::Follow;
use super::{CommandResult, json_value, run_async};
use crate::client::{
    ClientError, CredentialsError, MessagingClient, OutgoingMessage, Registration, SavedCredentials, SidecarConnection,
};

/// Receive and send sealed messages
///
/// Without a command: polls, opens what comes, prints and acknowledges it, and sends each line of standard input, until
/// Ctrl-C. It asks every 3 seconds while messages come, and ever more seldom, at last every 30, while none do.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_help_heading = "Commands")]
pub(super) struct MessagesClient {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    follow: Follow,
}

#[derive(Debug, Args)]
struct Place {
    /// The file with the credentials, readable by its owner alone; unset, presence-sidecar/client.json in
    /// $XDG_CONFIG_HOME or ~/.config
    #[arg(long, value_name = "FILE", env = "PRESENCE_CLIENT_CREDENTIALS")]
    credentials: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Register with a sidecar and keep the credentials
    Register {
        /// Where the sidecar is: http(s)://host:port or unix:/path
        #[arg(long, value_name = "URL", env = "PRESENCE_SIDECAR_URL", default_value = "http://127.0.0.1:8137")]
        url: String,
        /// What people call this client
        #[arg(long)]
        name: Option<String>,
        /// What the client is known by; unset, the SHA-256 of /etc/machine-id and your home folder. Keep it to yourself:
        /// whoever registers with the same one gets the same credentials
        #[arg(long)]
        fingerprint: Option<String>,
        /// What the sidecar asks for if its registration is closed
        #[arg(long, value_name = "TOKEN", env = "PRESENCE_REGISTRATION_TOKEN", hide_env_values = true)]
        registration_token: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Send one message
    Send {
        /// What it says
        #[arg(required_unless_present = "payload")]
        text: Option<String>,
        /// What it says as JSON, in place of a text
        #[arg(long, value_name = "JSON", value_parser = json_value, conflicts_with = "text")]
        payload: Option<Value>,
        #[command(flatten)]
        letter: ComposeArgs,
        #[command(flatten)]
        place: Place,
    },
    /// Say which client this is
    Whoami {
        /// Also its token and its key
        #[arg(long)]
        secrets: bool,
        #[command(flatten)]
        place: Place,
    },
}

/// What a message has besides what it says.
#[derive(Debug, Args)]
struct ComposeArgs {
    /// Clients that it is relayed to, a comma list of ids; without it operators alone read it
    #[arg(long, value_name = "ID,ID", value_delimiter = ',')]
    to: Vec<String>,
    /// What it is about
    #[arg(long, value_name = "TYPE", default_value = "chat")]
    r#type: String,
}

impl MessagesClient {
    pub(super) fn run(self) -> CommandResult {
        let Self { command, place, follow } = self;
        run_async(async move {
            match command {
                None => follow.run(client(&place)?).await,
                Some(command) => command.run().await,
            }
        })
    }
}

impl Command {
    async fn run(self) -> CommandResult {
        match self {
            Self::Register { url, name, fingerprint, registration_token, place } => {
                let fingerprint = fingerprint.map_or_else(fingerprint::of_this_machine, Ok)?;
                let name = name.as_deref();
                let token = registration_token.as_deref();
                register(&url, &Registration { fingerprint: &fingerprint, name, token }, &place).await
            }
            Self::Send { text, payload, letter, place } => {
                let payload = payload.unwrap_or_else(|| json!({"text": text}));
                let client = client(&place)?;
                client.send(&client.seal(&letter.with(payload))).await.map_err(|failure| explained(&failure))
            }
            Self::Whoami { secrets, place } => whoami(secrets, &place),
        }
    }
}

impl ComposeArgs {
    fn with(&self, payload: Value) -> OutgoingMessage {
        OutgoingMessage { kind: self.r#type.clone(), payload, to: self.to.clone() }
    }
}

impl Place {
    fn file(&self) -> Result<PathBuf, String> {
        if let Some(file) = &self.credentials {
            return Ok(file.clone());
        }
        let folder = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        let config = folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")));
        let config = config.ok_or("neither XDG_CONFIG_HOME nor HOME is set: say --credentials FILE")?;
        Ok(config.join("presence-sidecar/client.json"))
    }

    fn load(&self) -> Result<SavedCredentials, String> {
        SavedCredentials::load(&self.file()?).map_err(|error| match error {
            CredentialsError::Missing(_) => format!("{error}: register first, with `presence-sidecar client register`"),
            other => other.to_string(),
        })
    }
}

fn client(place: &Place) -> Result<MessagingClient, String> {
    let credentials = place.load()?;
    let connection = SidecarConnection::to(&credentials.url).map_err(|failure| failure.to_string())?;
    MessagingClient::new(connection, &credentials).map_err(|failure| failure.to_string())
}

async fn register(url: &str, registration: &Registration<'_>, place: &Place) -> CommandResult {
    let file = place.file()?;
    let connection = SidecarConnection::to(url).map_err(|failure| failure.to_string())?;
    let registered = MessagingClient::register(&connection, registration).await;
    let credentials = registered.map_err(|failure| match &failure {
        ClientError::Refused { status: 403, .. } => format!("{failure}: say --registration-token"),
        other => other.to_string(),
    })?;
    credentials.save(&file).map_err(|error| error.to_string())?;
    println!("This is client {} of {url}.", credentials.client_id);
    println!("Its credentials are in {}. Read by you alone; back them up.", file.display());
    Ok(())
}

fn whoami(secrets: bool, place: &Place) -> CommandResult {
    let credentials = place.load()?;
    println!("client_id={}", credentials.client_id);
    println!("url={}", credentials.url);
    if secrets {
        println!("api_token={}", credentials.api_token);
        println!("personal_token={}", credentials.personal_token);
    }
    Ok(())
}

/// A failure in words that say what to do.
fn explained(failure: &ClientError) -> String {
    match failure.is_unauthorized() {
        true => "the sidecar does not take these credentials (any more): register again with `presence-sidecar client \
                 register`, or ask an operator whether the client was shut out"
            .to_owned(),
        false => failure.to_string(),
    }
}
