//! What was said to a client and by it.

use crate::client::{OpenedMessage, render_payload, sanitize};

/// Most messages of a client that are remembered.
const MAX_LINES: usize = 1000;

/// The messages of a client, the last of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Conversation {
    lines: Vec<ConversationLine>,
    last: i64,
    complete: bool,
}

/// A message as it is shown.
#[derive(Clone, Debug)]
pub(super) struct ConversationLine {
    /// When, in the sidecar's time zone.
    pub at: String,
    /// Whether the client says it.
    pub own: bool,
    /// The client it comes from; `None` is the application.
    pub from: Option<String>,
    /// What it is about.
    pub kind: String,
    /// What it says.
    pub text: String,
}

impl Conversation {
    /// The id behind which there may be more.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// Whether everything there was has been seen.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// What is remembered, the oldest first.
    pub fn lines(&self) -> &[ConversationLine] {
        &self.lines
    }

    /// Takes what was found behind [`last`](Self::last); what is known already is passed over.
    pub fn add(&mut self, messages: Vec<OpenedMessage>) {
        self.complete = messages.is_empty();
        for message in messages {
            if message.id > self.last {
                self.last = message.id;
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
        Self { at: time(&created_at), own, from: from.filter(|_| !own), kind: sanitize(&r#type), text }
    }
}

/// `2026-03-04T05:06:07+00:00` without `T` and offset.
fn time(created_at: &str) -> String {
    sanitize(created_at).replacen('T', " ", 1).chars().take("2026-03-04 05:06:07".len()).collect()
}
