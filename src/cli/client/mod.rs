//! `presence-sidecar client`: a client of the messaging API.

mod compose;
mod fingerprint;
mod follow;

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use self::compose::{ComposeArgs, explain};
use self::follow::Follow;
use super::output::{print_line, print_result};
use super::run::{CommandResult, json_value, run_async};
use crate::client::{
    ClientError, CredentialsError, MessagingClient, Registration, SavedCredentials, SidecarConnection,
};

/// Receive and send encrypted messages
///
/// Without a command: polls, decrypts, prints and acknowledges messages, and sends each line of standard input, until
/// Ctrl-C. It polls every 3 seconds while messages arrive, backing off to every 30 s while idle.
#[derive(Debug, Args)]
#[command(subcommand_help_heading = "Commands")]
pub(super) struct MessagesClient {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print JSON, one object per line
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    credentials_file: ClientFile,
    #[command(flatten)]
    follow: Follow,
}

#[derive(Debug, Args)]
struct ClientFile {
    /// The file with the credentials, readable only by its owner; by default presence-sidecar/client.json in
    /// $XDG_CONFIG_HOME or ~/.config
    #[arg(long, global = true, value_name = "FILE", env = "PRESENCE_CLIENT_CREDENTIALS")]
    credentials: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Register with a sidecar and save the credentials
    Register {
        /// The address of the sidecar: http(s)://host:port or unix:/path
        #[arg(long, value_name = "URL", env = "PRESENCE_SIDECAR_URL", default_value = "http://127.0.0.1:8137")]
        url: String,
        /// The display name of this client
        #[arg(long)]
        name: Option<String>,
        /// The fingerprint of the client; by default the SHA-256 of /etc/machine-id and your home folder. Keep it secret:
        /// a registration with the same fingerprint returns the same credentials
        #[arg(long)]
        fingerprint: Option<String>,
        /// The token that a closed registration requires
        #[arg(long, value_name = "TOKEN", env = "PRESENCE_REGISTRATION_TOKEN", hide_env_values = true)]
        registration_token: Option<String>,
    },
    /// Send one message
    Send {
        /// The text of the message
        #[arg(required_unless_present = "payload")]
        text: Option<String>,
        /// A JSON payload instead of a text
        #[arg(long, value_name = "JSON", value_parser = json_value, conflicts_with = "text")]
        payload: Option<Value>,
        #[command(flatten)]
        compose: ComposeArgs,
    },
    /// Replace the token of this client by a new one
    Rotate,
    /// Print the id of this client
    Whoami {
        /// Print the token and the key as well
        #[arg(long)]
        secrets: bool,
    },
}

impl MessagesClient {
    pub(super) fn run(self) -> CommandResult {
        let Self { command, json, credentials_file, follow } = self;
        let Some(command) = command else {
            return run_async(async move { follow.run(client(&credentials_file)?, json).await });
        };
        let command = command.with_options_before(follow).unwrap_or_else(|error| error.exit());
        run_async(command.run(json, &credentials_file))
    }
}

impl Command {
    /// The command with the options that were written before it; an error if it has no such option.
    fn with_options_before(mut self, before: Follow) -> Result<Self, clap::Error> {
        let Follow { once, compose: outer } = before;
        let unknown = match &mut self {
            _ if once => Some("--once"),
            Self::Send { compose, .. } => {
                compose.fill_from(outer);
                None
            }
            Self::Register { .. } | Self::Rotate | Self::Whoami { .. } => outer.first_option(),
        };
        let Some(option) = unknown else { return Ok(self) };
        let mut parser = MessagesClient::augment_args(clap::Command::new("presence-sidecar client"));
        Err(parser.error(ErrorKind::ArgumentConflict, format!("this command has no option '{option}'")))
    }

    async fn run(self, json: bool, credentials_file: &ClientFile) -> CommandResult {
        match self {
            Self::Register { url, name, fingerprint, registration_token } => {
                let fingerprint = fingerprint.map_or_else(fingerprint::of_this_machine, Ok)?;
                let name = name.as_deref();
                let token = registration_token.as_deref();
                let registration = Registration { fingerprint: &fingerprint, name, token };
                register(&url, &registration, credentials_file, json).await
            }
            Self::Send { text, payload, compose } => {
                let payload = payload.unwrap_or_else(|| json!({"text": text}));
                let client = client(credentials_file)?;
                client.send(&client.seal(&compose.with(payload))).await.map_err(|failure| explain(&failure))?;
                if json {
                    print_line(&json!({"sent": true}).to_string());
                }
                Ok(())
            }
            Self::Rotate => rotate(credentials_file, json).await,
            Self::Whoami { secrets } => whoami((secrets, json), credentials_file),
        }
    }
}

impl ClientFile {
    fn file(&self) -> Result<PathBuf, String> {
        if let Some(file) = &self.credentials {
            return Ok(file.clone());
        }
        let folder = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        let config = folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")));
        let config = config.ok_or("neither XDG_CONFIG_HOME nor HOME is set: set --credentials FILE")?;
        Ok(config.join("presence-sidecar/client.json"))
    }

    fn load(&self) -> Result<SavedCredentials, String> {
        SavedCredentials::load(&self.file()?).map_err(|error| match error {
            CredentialsError::Missing(_) => format!("{error}: register first, with `presence-sidecar client register`"),
            other => other.to_string(),
        })
    }
}

fn client(credentials_file: &ClientFile) -> Result<MessagingClient, String> {
    let credentials = credentials_file.load()?;
    let connection = SidecarConnection::to(&credentials.url).map_err(|failure| failure.to_string())?;
    MessagingClient::new(connection, &credentials).map_err(|failure| failure.to_string())
}

async fn register(
    url: &str,
    registration: &Registration<'_>,
    credentials_file: &ClientFile,
    json: bool,
) -> CommandResult {
    let file = credentials_file.file()?;
    let connection = SidecarConnection::to(url).map_err(|failure| failure.to_string())?;
    let registered = MessagingClient::register(&connection, registration).await;
    let credentials = registered.map_err(|failure| match &failure {
        ClientError::Refused { status: 403, .. } => format!("{failure}: set --registration-token"),
        other => other.to_string(),
    })?;
    credentials.save(&file).map_err(|error| error.to_string())?;
    if json {
        print_line(&json!({"client_id": credentials.client_id, "url": url, "credentials": file}).to_string());
        return Ok(());
    }
    print_line(&format!("This is client {} of {url}.", credentials.client_id));
    print_line(&format!("Its credentials are in {}, readable only by you. Back them up.", file.display()));
    Ok(())
}

async fn rotate(credentials_file: &ClientFile, json: bool) -> CommandResult {
    let (file, credentials) = (credentials_file.file()?, credentials_file.load()?);
    let connection = SidecarConnection::to(&credentials.url).map_err(|failure| failure.to_string())?;
    let rotated = MessagingClient::rotate(&connection, &credentials).await.map_err(|failure| explain(&failure))?;
    rotated.save(&file).map_err(|error| error.to_string())?;
    let line = format!("The new token is in {}. The old one is invalid.", file.display());
    print_result(json, &json!({"client_id": rotated.client_id, "credentials": file}), &line);
    Ok(())
}

fn whoami((secrets, json): (bool, bool), credentials_file: &ClientFile) -> CommandResult {
    let SavedCredentials { client_id, url, api_token, personal_token } = credentials_file.load()?;
    let mut members = vec![("client_id", client_id), ("url", url)];
    if secrets {
        members.extend([("api_token", api_token), ("personal_token", personal_token)]);
    }
    if json {
        let object: serde_json::Map<_, _> =
            members.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        print_line(&Value::Object(object).to_string());
    } else {
        members.iter().for_each(|(name, value)| print_line(&format!("{name}={value}")));
    }
    Ok(())
}
