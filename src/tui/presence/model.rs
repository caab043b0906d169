//! The state of the view of presence and its updates. No terminal, no HTTP, no clock.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::client::{PresencePage, UserReport};
use crate::tui::model::Notice;
use crate::tui::prompt::Prompt;
use crate::tui::terminal::TerminalEvent;

/// Number of lines that a key scrolls by.
const PAGE_LINES: usize = 10;

/// Which users are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusFilter {
    /// All who are present.
    #[default]
    All,
    /// Those who are online.
    Online,
    /// Those who are away.
    Away,
}

/// What the view shows, and therefore reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PresenceQuery {
    /// Which users are listed.
    pub filter: StatusFilter,
    /// The page of the list; `None` for the first one.
    pub cursor: Option<String>,
    /// The user whose timeline is shown.
    pub user: Option<String>,
}

/// The state of the view.
#[derive(Clone, Debug)]
pub struct PresenceModel {
    pub(super) address: String,
    pub(super) scope: String,
    pub(super) page: PresencePage,
    pub(super) report: Option<UserReport>,
    pub(super) prompt: Prompt,
    pub(super) notice: Notice,
    /// Number of lines that the timeline is scrolled down.
    pub(super) scroll_offset: usize,
    query: PresenceQuery,
    /// The cursors of the pages before this one.
    before: Vec<Option<String>>,
    disconnected: bool,
}

/// An event that updates the model.
#[derive(Clone, Debug)]
pub enum PresenceEvent {
    /// A key was pressed or released.
    Key(KeyEvent),
    /// The size of the terminal has changed.
    Resized,
    /// What a query has found.
    Read(Box<PresenceReading>),
    /// A request to the sidecar failed.
    Failed(String),
}

/// What a query has found.
#[derive(Clone, Debug)]
pub struct PresenceReading {
    /// The query.
    pub query: PresenceQuery,
    /// The page of users.
    pub page: PresencePage,
    /// The user of the query.
    pub report: Option<UserReport>,
}

/// A side effect that an update requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresenceEffect {
    /// Read what the query asks for at once.
    Refresh,
    /// End the view.
    Quit,
}

impl From<TerminalEvent> for PresenceEvent {
    fn from(event: TerminalEvent) -> Self {
        match event {
            TerminalEvent::Key(key) => Self::Key(key),
            TerminalEvent::Resized => Self::Resized,
        }
    }
}

impl StatusFilter {
    /// The status of the users; `None` for all.
    pub fn status(self) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::Online => Some("online"),
            Self::Away => Some("away"),
        }
    }

    fn next(self) -> Self {
        match self {
            Self::All => Self::Online,
            Self::Online => Self::Away,
            Self::Away => Self::All,
        }
    }
}

impl PresenceModel {
    /// The initial state for the sidecar at `address` and a scope, empty for the default one.
    pub fn new(address: &str, scope: &str) -> Self {
        Self {
            address: address.to_owned(),
            scope: scope.to_owned(),
            page: PresencePage::default(),
            report: None,
            prompt: Prompt::default(),
            notice: Notice::Info("connecting".to_owned()),
            scroll_offset: 0,
            query: PresenceQuery::default(),
            before: Vec::new(),
            disconnected: true,
        }
    }

    /// What the view shows.
    pub fn query(&self) -> PresenceQuery {
        self.query.clone()
    }

    /// The number of the page, from 1.
    pub(super) fn page_number(&self) -> usize {
        self.before.len() + 1
    }

    /// The user whose timeline is shown.
    pub(super) fn user(&self) -> Option<&str> {
        self.query.user.as_deref()
    }

    /// The index of that user in the list.
    pub(super) fn selected_index(&self) -> Option<usize> {
        let user = self.user()?;
        self.page.users.iter().position(|listed| listed.id() == user)
    }

    /// Which users are listed.
    pub(super) fn filter(&self) -> StatusFilter {
        self.query.filter
    }

    /// Updates the state with an event; returns the effect to run.
    pub fn update(&mut self, event: PresenceEvent) -> Option<PresenceEffect> {
        match event {
            PresenceEvent::Key(key) if key.kind != KeyEventKind::Release => self.handle_key(key),
            PresenceEvent::Key(_) | PresenceEvent::Resized => None,
            PresenceEvent::Read(reading) => self.set_read(*reading),
            PresenceEvent::Failed(reason) => {
                self.disconnected = true;
                self.notice = Notice::Error(format!("retrying: {reason}"));
                None
            }
        }
    }

    fn set_read(&mut self, PresenceReading { query, page, report }: PresenceReading) -> Option<PresenceEffect> {
        if std::mem::take(&mut self.disconnected) {
            self.notice = Notice::None;
        }
        // What was read for another page, or for another user, is not of interest any more.
        if (query.filter, &query.cursor) == (self.query.filter, &self.query.cursor) {
            self.page = page;
        }
        if query.user == self.query.user {
            self.report = report;
        }
        match self.query.user {
            Some(_) => None,
            None => self.select(0),
        }
    }

    fn handle_key(&mut self, key: KeyEvent) -> Option<PresenceEffect> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c' | 'q') if control => return Some(PresenceEffect::Quit),
            KeyCode::Up => return self.move_selection(-1),
            KeyCode::Down => return self.move_selection(1),
            KeyCode::Left => return self.turn_back(),
            KeyCode::Right => return self.turn(),
            KeyCode::Tab => return self.list(self.query.filter.next()),
            KeyCode::PageUp => self.scroll_offset = self.scroll_offset.saturating_sub(PAGE_LINES),
            KeyCode::PageDown => self.scroll_offset = self.scroll_offset.saturating_add(PAGE_LINES),
            KeyCode::Enter => return self.open(),
            KeyCode::Esc => {
                self.prompt.take();
                self.notice = Notice::None;
            }
            _ => self.prompt.handle_key(key),
        }
        None
    }

    fn move_selection(&mut self, by: isize) -> Option<PresenceEffect> {
        let last = self.page.users.len().checked_sub(1)?;
        let index = self.selected_index().map_or(0, |index| index.saturating_add_signed(by).min(last));
        self.select(index)
    }

    fn select(&mut self, index: usize) -> Option<PresenceEffect> {
        let user = self.page.users.get(index)?.id();
        self.show(user)
    }

    /// Opens the user whose id is in the prompt; the user may be offline.
    fn open(&mut self) -> Option<PresenceEffect> {
        let user = self.prompt.take().trim().to_owned();
        if user.is_empty() { None } else { self.show(user) }
    }

    fn show(&mut self, user: String) -> Option<PresenceEffect> {
        if self.query.user.as_ref() == Some(&user) {
            return None;
        }
        (self.report, self.scroll_offset) = (None, 0);
        self.query.user = Some(user);
        Some(PresenceEffect::Refresh)
    }

    fn turn(&mut self) -> Option<PresenceEffect> {
        let next = self.page.next.take()?;
        self.before.push(self.query.cursor.replace(next));
        Some(PresenceEffect::Refresh)
    }

    fn turn_back(&mut self) -> Option<PresenceEffect> {
        self.query.cursor = self.before.pop()?;
        Some(PresenceEffect::Refresh)
    }

    fn list(&mut self, filter: StatusFilter) -> Option<PresenceEffect> {
        (self.query.filter, self.query.cursor) = (filter, None);
        self.before.clear();
        Some(PresenceEffect::Refresh)
    }
}
