//! The options of a message, and errors of sending it.

use clap::Args;
use serde_json::Value;
use uuid::Uuid;

use crate::client::{ClientError, OutgoingMessage};

/// The recipients and the type of a message.
#[derive(Debug, Args)]
pub(super) struct ComposeArgs {
    /// The recipients: a comma-separated list of client ids; without recipients only operators can read the message
    #[arg(long, value_name = "ID,ID", value_delimiter = ',', value_parser = client_id)]
    to: Vec<String>,
    /// The type of the message; by default chat
    #[arg(long, value_name = "TYPE")]
    r#type: Option<String>,
}

/// The id of a client, as the sidecar writes it. The sidecar skips all others.
fn client_id(text: &str) -> Result<String, String> {
    match Uuid::try_parse(text.trim()) {
        Ok(id) => Ok(id.to_string()),
        Err(_) => Err("a client id is a UUID, such as `presence-sidecar client whoami` prints".to_owned()),
    }
}

impl ComposeArgs {
    /// A message with this payload.
    pub(super) fn with(&self, payload: Value) -> OutgoingMessage {
        let kind = self.r#type.clone().unwrap_or_else(|| "chat".to_owned());
        OutgoingMessage { kind, payload, to: self.to.clone() }
    }

    /// Takes the options that are not set from `outer`.
    pub(super) fn fill_from(&mut self, outer: Self) {
        if self.to.is_empty() {
            self.to = outer.to;
        }
        self.r#type = self.r#type.take().or(outer.r#type);
    }

    /// The name of the first option that is set.
    pub(super) fn first_option(&self) -> Option<&'static str> {
        match (self.to.is_empty(), &self.r#type) {
            (false, _) => Some("--to"),
            (true, Some(_)) => Some("--type"),
            (true, None) => None,
        }
    }
}

/// The message of an error, with what to do.
pub(super) fn explain(failure: &ClientError) -> String {
    match failure.is_unauthorized() {
        true => "the sidecar does not accept these credentials: register again with `presence-sidecar client register`, or ask \
                 an operator whether the client was revoked"
            .to_owned(),
        false => failure.to_string(),
    }
}
