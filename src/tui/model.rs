//! What the view shows, and what happens to it. No terminal, no HTTP, no clock.

use std::collections::HashMap;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::conversation::{Conversation, ConversationLine};
pub use super::prompt::Prompt;
use crate::client::{ClientRow, OpenedMessage};

/// Messages that a key scrolls by.
const PAGE_LINES: usize = 10;

/// All that the view shows.
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) address: String,
    pub(super) clients: Vec<ClientRow>,
    pub(super) selected: Option<String>,
    pub(super) prompt: Prompt,
    pub(super) notice: Notice,
    /// Lines that the conversation is scrolled back by.
    pub(super) back: usize,
    conversations: HashMap<String, Conversation>,
    may_publish: bool,
    lost: bool,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub enum UiEvent {
    /// A key.
    Key(KeyEvent),
    /// The terminal has another size: it is to be drawn again.
    Resized,
    /// Who is there.
    Clients(Vec<ClientRow>),
    /// What is behind the last message of a client.
    Messages {
        /// The client.
        client: String,
        /// Nothing, if it has all been seen.
        messages: Vec<OpenedMessage>,
    },
    /// A message was published.
    Published {
        /// To whom.
        client: String,
    },
    /// A message was not published.
    Unpublished {
        /// What it said.
        text: String,
        /// Why.
        why: String,
    },
    /// The sidecar could not be asked.
    Failed(String),
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Publish to a client.
    Publish {
        /// The client.
        client: String,
        /// What to say.
        text: String,
    },
    /// Look at once for messages of the client that is selected.
    Look,
    /// End.
    Quit,
}

/// What the last line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    Nothing,
    Good(String),
    Bad(String),
}

impl Model {
    /// Before anything is known of the sidecar at `address`; whether there is a token to publish with is.
    pub fn new(address: &str, may_publish: bool) -> Self {
        Self {
            address: address.to_owned(),
            clients: Vec::new(),
            selected: None,
            prompt: Prompt::default(),
            notice: Notice::Good("connecting".to_owned()),
            back: 0,
            conversations: HashMap::new(),
            may_publish,
            lost: true,
        }
    }

    /// What becomes of it when something happens, and what is to be done.
    pub fn update(&mut self, event: UiEvent) -> Option<Effect> {
        match event {
            UiEvent::Key(key) if key.kind != KeyEventKind::Release => return self.key(key),
            UiEvent::Key(_) | UiEvent::Resized => {}
            UiEvent::Clients(clients) => return self.know(clients),
            UiEvent::Messages { client, messages } => {
                self.found();
                let more = !messages.is_empty() && self.selected.as_ref() == Some(&client);
                self.conversations.entry(client).or_default().add(messages);
                return more.then_some(Effect::Look);
            }
            UiEvent::Published { client } => {
                self.notice = Notice::Good(format!("published to {}", self.title(&client)));
                return Some(Effect::Look);
            }
            UiEvent::Unpublished { text, why } => {
                self.prompt.restore(&text);
                self.notice = Notice::Bad(format!("not published: {why}"));
            }
            UiEvent::Failed(why) => {
                self.lost = true;
                self.notice = Notice::Bad(format!("trying again: {why}"));
            }
        }
        None
    }

    /// The client that is selected, and the id behind which its messages are wanted.
    pub fn wanted(&self) -> Option<(String, i64)> {
        let client = self.selected.clone()?;
        let last = self.conversations.get(&client).map_or(0, Conversation::last);
        Some((client, last))
    }

    /// What was typed so far.
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

    /// Whether messages of the selected client may still be on their way.
    pub(super) fn is_loading(&self) -> bool {
        self.selected.as_ref().is_some_and(|id| !self.conversations.get(id).is_some_and(Conversation::is_complete))
    }

    /// What to call a client.
    pub(super) fn title<'a>(&'a self, id: &'a str) -> &'a str {
        self.clients.iter().find(|client| client.id == id).map_or(id, ClientRow::title)
    }

    /// The place of the selected client in the list.
    pub(super) fn place(&self) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        self.clients.iter().position(|client| client.id == *selected)
    }

    fn key(&mut self, key: KeyEvent) -> Option<Effect> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c' | 'q') if control => Some(Effect::Quit),
            KeyCode::Up => self.step(-1),
            KeyCode::Down => self.step(1),
            KeyCode::PageUp => self.scroll(self.back.saturating_add(PAGE_LINES)),
            KeyCode::PageDown => self.scroll(self.back.saturating_sub(PAGE_LINES)),
            KeyCode::Esc => {
                self.prompt.take();
                self.notice = Notice::Nothing;
                None
            }
            KeyCode::Enter => self.publish(),
            _ => {
                self.prompt.key(key);
                None
            }
        }
    }

    fn scroll(&mut self, back: usize) -> Option<Effect> {
        self.back = back;
        None
    }

    fn step(&mut self, by: isize) -> Option<Effect> {
        let last = self.clients.len().checked_sub(1)?;
        let place = self.place().map_or(0, |place| place.saturating_add_signed(by).min(last));
        self.select(place)
    }

    fn select(&mut self, place: usize) -> Option<Effect> {
        let client = self.clients.get(place)?;
        self.selected = Some(client.id.clone());
        self.back = 0;
        Some(Effect::Look)
    }

    fn publish(&mut self) -> Option<Effect> {
        if self.prompt.text().trim().is_empty() {
            return None;
        }
        let refused = match (&self.selected, self.may_publish) {
            (_, false) => "set ADMIN_TOKEN to publish",
            (None, true) => "there is nobody to publish to",
            (Some(client), true) => {
                let client = client.clone();
                self.back = 0;
                self.notice = Notice::Good("publishing".to_owned());
                return Some(Effect::Publish { client, text: self.prompt.take() });
            }
        };
        self.notice = Notice::Bad(refused.to_owned());
        None
    }

    fn know(&mut self, mut clients: Vec<ClientRow>) -> Option<Effect> {
        self.found();
        clients.sort_by_key(|client| !client.is_online());
        self.clients = clients;
        match self.place() {
            Some(_) => None,
            None => {
                self.selected = None;
                self.select(0)
            }
        }
    }

    /// The sidecar answers; what was said of its silence is over.
    fn found(&mut self) {
        if std::mem::take(&mut self.lost) {
            self.notice = Notice::Nothing;
        }
    }
}
