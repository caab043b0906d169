//! The line at the bottom that one types into.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::text::Span;

/// A line of text and a place in it.
#[derive(Clone, Debug, Default)]
pub struct Prompt {
    letters: Vec<char>,
    cursor: usize,
}

impl Prompt {
    /// What was typed.
    pub fn text(&self) -> String {
        self.letters.iter().collect()
    }

    /// Gives what was typed and begins anew.
    pub(super) fn take(&mut self) -> String {
        self.cursor = 0;
        std::mem::take(&mut self.letters).into_iter().collect()
    }

    /// Puts a text back, unless something was typed since.
    pub(super) fn restore(&mut self, text: &str) {
        if self.letters.is_empty() {
            self.letters = text.chars().collect();
            self.cursor = self.letters.len();
        }
    }

    /// Types. What is no key for a line is passed over.
    pub(super) fn key(&mut self, key: KeyEvent) {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('u') if control => self.cut(0),
            KeyCode::Char('w') if control => self.cut(self.word()),
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.letters.len(),
            KeyCode::Char(letter) if !control && !letter.is_control() => self.insert(letter),
            KeyCode::Backspace => self.cut(self.cursor.saturating_sub(1)),
            KeyCode::Delete if self.cursor < self.letters.len() => _ = self.letters.remove(self.cursor),
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(self.letters.len()),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.letters.len(),
            _ => {}
        }
    }

    /// What is seen of it in so many columns, and the column of the cursor: the end of what is before the cursor, and as
    /// much as fits behind it.
    pub(super) fn window(&self, width: usize) -> (String, usize) {
        let room = width.saturating_sub(1);
        let (mut from, mut column) = (self.cursor, 0);
        while from > 0 && column + columns(self.letters[from - 1]) <= room {
            from -= 1;
            column += columns(self.letters[from]);
        }
        let (mut to, mut used) = (self.cursor, column);
        while to < self.letters.len() && used + columns(self.letters[to]) <= width {
            used += columns(self.letters[to]);
            to += 1;
        }
        (self.letters[from..to].iter().collect(), column)
    }

    fn insert(&mut self, letter: char) {
        self.letters.insert(self.cursor, letter);
        self.cursor += 1;
    }

    /// Removes from `start` to the cursor.
    fn cut(&mut self, start: usize) {
        self.letters.drain(start..self.cursor);
        self.cursor = start;
    }

    /// Where the word before the cursor begins.
    fn word(&self) -> usize {
        let before = &self.letters[..self.cursor];
        let end = before.iter().rposition(|letter| !letter.is_whitespace()).unwrap_or(0);
        before[..end].iter().rposition(|letter| letter.is_whitespace()).map_or(0, |space| space + 1)
    }
}

/// The columns that a letter takes on a terminal.
pub(super) fn columns(letter: char) -> usize {
    let mut bytes = [0; 4];
    Span::raw(&*letter.encode_utf8(&mut bytes)).width()
}
