//! The state of the view and its updates. No terminal, no HTTP, no clock.

use std::collections::HashMap;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::conversation::{Conversation, ConversationLine};
pub use super::prompt::Prompt;
use super::terminal::TerminalEvent;
use crate::client::{ClientRow, OpenedMessage};

/// Number of lines that a key scrolls by.
const PAGE_LINES: usize = 10;

/// The state of the view.
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) address: String,
    pub(super) clients: Vec<ClientRow>,
    pub(super) selected: Option<String>,
    pub(super) prompt: Prompt,
    pub(super) notice: Notice,
    /// Number of lines that the conversation is scrolled back.
    pub(super) scroll_offset: usize,
    conversations: HashMap<String, Conversation>,
    may_publish: bool,
    disconnected: bool,
}

/// An event that updates the model.
#[derive(Clone, Debug)]
pub enum UiEvent {
    /// A key was pressed or released.
    Key(KeyEvent),
    /// The size of the terminal has changed.
    Resized,
    /// The list of clients.
    Clients(Vec<ClientRow>),
    /// The messages of a client after the last known one.
    Messages {
        /// The client.
        client: String,
        /// Empty if there are no newer messages.
        messages: Vec<OpenedMessage>,
    },
    /// A message was published.
    Published {
        /// The recipient.
        client: String,
    },
    /// A message could not be published.
    PublishFailed {
        /// The text of the message.
        text: String,
        /// The error.
        reason: String,
    },
    /// A request to the sidecar failed.
    RequestFailed(String),
}

/// A side effect that an update requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Publish a message to a client.
    Publish {
        /// The client.
        client: String,
        /// The text of the message.
        text: String,
    },
    /// Request the messages of the selected client at once.
    Refresh,
    /// End the view.
    Quit,
}

/// The content of the status line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    None,
    Info(String),
    Error(String),
}

impl From<TerminalEvent> for UiEvent {
    fn from(event: TerminalEvent) -> Self {
        match event {
            TerminalEvent::Key(key) => Self::Key(key),
            TerminalEvent::Resized => Self::Resized,
        }
    }
}

impl Model {
    /// The initial state for the sidecar at `address`; `may_publish` tells whether there is a token to publish with.
    pub fn new(address: &str, may_publish: bool) -> Self {
        Self {
            address: address.to_owned(),
            clients: Vec::new(),
            selected: None,
            prompt: Prompt::default(),
            notice: Notice::Info("connecting".to_owned()),
            scroll_offset: 0,
            conversations: HashMap::new(),
            may_publish,
            disconnected: true,
        }
    }

    /// Updates the state with an event; returns the effect to run.
    pub fn update(&mut self, event: UiEvent) -> Option<Effect> {
        match event {
            UiEvent::Key(key) if key.kind != KeyEventKind::Release => return self.handle_key(key),
            UiEvent::Key(_) | UiEvent::Resized => {}
            UiEvent::Clients(clients) => return self.set_clients(clients),
            UiEvent::Messages { client, messages } => {
                self.set_connected();
                let more = !messages.is_empty() && self.selected.as_ref() == Some(&client);
                self.conversations.entry(client).or_default().add(messages);
                return more.then_some(Effect::Refresh);
            }
            UiEvent::Published { client } => {
                self.notice = Notice::Info(format!("published to {}", self.title(&client)));
                return Some(Effect::Refresh);
            }
            UiEvent::PublishFailed { text, reason } => {
                self.prompt.restore(&text);
                self.notice = Notice::Error(format!("not published: {reason}"));
            }
            UiEvent::RequestFailed(reason) => {
                self.disconnected = true;
                self.notice = Notice::Error(format!("retrying: {reason}"));
            }
        }
        None
    }

    /// The selected client, and the id of its last known message.
    pub fn message_query(&self) -> Option<(String, i64)> {
        let client = self.selected.clone()?;
        let last = self.conversations.get(&client).map_or(0, Conversation::last_id);
        Some((client, last))
    }

    /// The prompt.
    pub fn prompt(&self) -> &Prompt {
        &self.prompt
    }

    /// Whether there is a token to publish with.
    pub fn may_publish(&self) -> bool {
        self.may_publish
    }

    pub(super) fn conversation(&self) -> &[ConversationLine] {
        self.selected.as_ref().and_then(|id| self.conversations.get(id)).map_or(&[], Conversation::lines)
    }

    /// Whether there may be messages of the selected client that are not loaded yet.
    pub(super) fn is_loading(&self) -> bool {
        self.selected.as_ref().is_some_and(|id| !self.conversations.get(id).is_some_and(Conversation::is_complete))
    }

    /// The display name of a client.
    pub(super) fn title<'a>(&'a self, id: &'a str) -> &'a str {
        self.clients.iter().find(|client| client.id == id).map_or(id, ClientRow::title)
    }

    /// The index of the selected client in the list.
    pub(super) fn selected_index(&self) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        self.clients.iter().position(|client| client.id == *selected)
    }

    fn handle_key(&mut self, key: KeyEvent) -> Option<Effect> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c' | 'q') if control => Some(Effect::Quit),
            KeyCode::Up => self.move_selection(-1),
            KeyCode::Down => self.move_selection(1),
            KeyCode::PageUp => self.scroll_to(self.scroll_offset.saturating_add(PAGE_LINES)),
            KeyCode::PageDown => self.scroll_to(self.scroll_offset.saturating_sub(PAGE_LINES)),
            KeyCode::Esc => {
                self.prompt.take();
                self.notice = Notice::None;
                None
            }
            KeyCode::Enter => self.publish(),
            _ => {
                self.prompt.handle_key(key);
                None
            }
        }
    }

    fn scroll_to(&mut self, offset: usize) -> Option<Effect> {
        self.scroll_offset = offset;
        None
    }

    fn move_selection(&mut self, by: isize) -> Option<Effect> {
        let last = self.clients.len().checked_sub(1)?;
        let index = self.selected_index().map_or(0, |index| index.saturating_add_signed(by).min(last));
        self.select(index)
    }

    fn select(&mut self, index: usize) -> Option<Effect> {
        let client = self.clients.get(index)?;
        self.selected = Some(client.id.clone());
        self.scroll_offset = 0;
        Some(Effect::Refresh)
    }

    fn publish(&mut self) -> Option<Effect> {
        if self.prompt.text().trim().is_empty() {
            return None;
        }
        let refusal = match (&self.selected, self.may_publish) {
            (_, false) => "set ADMIN_TOKEN to publish",
            (None, true) => "no client is selected",
            (Some(client), true) => {
                let client = client.clone();
                self.scroll_offset = 0;
                self.notice = Notice::Info("publishing".to_owned());
                return Some(Effect::Publish { client, text: self.prompt.take() });
            }
        };
        self.notice = Notice::Error(refusal.to_owned());
        None
    }

    fn set_clients(&mut self, mut clients: Vec<ClientRow>) -> Option<Effect> {
        self.set_connected();
        clients.sort_by_key(|client| !client.is_online());
        self.clients = clients;
        match self.selected_index() {
            Some(_) => None,
            None => {
                self.selected = None;
                self.select(0)
            }
        }
    }

    /// Clears the error of failed requests once the sidecar answers.
    fn set_connected(&mut self) {
        if std::mem::take(&mut self.disconnected) {
            self.notice = Notice::None;
        }
    }
}
