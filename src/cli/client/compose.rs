//! The options of a message, and errors of sending it.

use clap::Args;
use serde_json::Value;

use crate::client::{ClientError, OutgoingMessage};

/// The recipients and the type of a message.
#[derive(Debug, Args)]
pub(super) struct ComposeArgs {
    /// The recipients: a comma-separated list of client ids; without recipients only operators can read the message
    #[arg(long, value_name = "ID,ID", value_delimiter = ',')]
    to: Vec<String>,
    /// The type of the message
    #[arg(long, value_name = "TYPE", default_value = "chat")]
    r#type: String,
}

impl ComposeArgs {
    /// A message with this payload.
    pub(super) fn with(&self, payload: Value) -> OutgoingMessage {
        OutgoingMessage { kind: self.r#type.clone(), payload, to: self.to.clone() }
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
