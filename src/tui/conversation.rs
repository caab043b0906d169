//! The messages to and from a client.

use crate::client::{OpenedMessage, render_payload, render_time, sanitize};

/// Maximum number of messages of a client that are kept.
const MAX_LINES: usize = 1000;

/// The latest messages of a client.
#[derive(Clone, Debug, Default)]
pub(super) struct Conversation {
    lines: Vec<ConversationLine>,
    last_id: i64,
    complete: bool,
}

/// A message as it is displayed.
#[derive(Clone, Debug)]
pub(super) struct ConversationLine {
    /// The time, in the application's time zone.
    pub at: String,
    /// Whether the client sent it itself.
    pub own: bool,
    /// The client that sent it; `None` for the application and for the client's own messages.
    pub from: Option<String>,
    /// The clients that one of the client's own messages is relayed to.
    pub to: Vec<String>,
    /// The type of the message.
    pub kind: String,
    /// The rendered payload.
    pub text: String,
}

impl Conversation {
    /// The id of the last message; newer ones follow it.
    pub fn last_id(&self) -> i64 {
        self.last_id
    }

    /// Whether the last request found no newer messages.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The messages, oldest first.
    pub fn lines(&self) -> &[ConversationLine] {
        &self.lines
    }

    /// Adds the messages that a request after [`last_id`](Self::last_id) found. Ignores those that are known.
    pub fn add(&mut self, messages: Vec<OpenedMessage>) {
        self.complete = messages.is_empty();
        for message in messages {
            if message.id > self.last_id {
                self.last_id = message.id;
                self.lines.push(ConversationLine::from(message));
            }
        }
        self.lines.drain(..self.lines.len().saturating_sub(MAX_LINES));
    }
}

impl From<OpenedMessage> for ConversationLine {
    fn from(message: OpenedMessage) -> Self {
        let OpenedMessage { from_client_id: from, to_client_id: to, r#type, created_at, payload, .. } = message;
        let own = from.as_deref() == Some(&to);
        let text = render_payload(payload.get("payload").unwrap_or(&payload));
        let relayed = payload["to_client_ids"].as_array().into_iter().flatten().filter(|_| own);
        let to = relayed.filter_map(|id| id.as_str().map(str::to_owned)).collect();
        Self { at: render_time(&created_at), own, from: from.filter(|_| !own), to, kind: sanitize(&r#type), text }
    }
}
