//! The input line.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::text::Span;

/// A line of text with a cursor.
#[derive(Clone, Debug, Default)]
pub struct Prompt {
    characters: Vec<char>,
    cursor: usize,
}

impl Prompt {
    /// The text.
    pub fn text(&self) -> String {
        self.characters.iter().collect()
    }

    /// Returns the text and clears the prompt.
    pub(super) fn take(&mut self) -> String {
        self.cursor = 0;
        std::mem::take(&mut self.characters).into_iter().collect()
    }

    /// Sets the text if the prompt is empty.
    pub(super) fn restore(&mut self, text: &str) {
        if self.characters.is_empty() {
            self.characters = text.chars().collect();
            self.cursor = self.characters.len();
        }
    }

    /// Edits the line. Ignores other keys.
    pub(super) fn handle_key(&mut self, key: KeyEvent) {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('u') if control => self.cut(0),
            KeyCode::Char('w') if control => self.cut(self.word_start()),
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.characters.len(),
            KeyCode::Char(character) if !control && !character.is_control() => self.insert(character),
            KeyCode::Backspace => self.cut(self.cursor.saturating_sub(1)),
            KeyCode::Delete if self.cursor < self.characters.len() => _ = self.characters.remove(self.cursor),
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(self.characters.len()),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.characters.len(),
            _ => {}
        }
    }

    /// Returns the visible part in `width` columns, and the column of the cursor: the end of the text before the cursor, and
    /// as much as fits after it.
    pub(super) fn window(&self, width: usize) -> (String, usize) {
        let max_column = width.saturating_sub(1);
        let (mut from, mut column) = (self.cursor, 0);
        while from > 0 && column + columns(self.characters[from - 1]) <= max_column {
            from -= 1;
            column += columns(self.characters[from]);
        }
        let (mut to, mut used) = (self.cursor, column);
        while to < self.characters.len() && used + columns(self.characters[to]) <= width {
            used += columns(self.characters[to]);
            to += 1;
        }
        (self.characters[from..to].iter().collect(), column)
    }

    fn insert(&mut self, character: char) {
        self.characters.insert(self.cursor, character);
        self.cursor += 1;
    }

    /// Removes from `start` to the cursor.
    fn cut(&mut self, start: usize) {
        self.characters.drain(start..self.cursor);
        self.cursor = start;
    }

    /// The start of the word before the cursor.
    fn word_start(&self) -> usize {
        let before = &self.characters[..self.cursor];
        let end = before.iter().rposition(|character| !character.is_whitespace()).unwrap_or(0);
        before[..end].iter().rposition(|character| character.is_whitespace()).map_or(0, |space| space + 1)
    }
}

/// The number of columns of a character on a terminal.
pub(super) fn columns(character: char) -> usize {
    let mut bytes = [0; 4];
    Span::raw(&*character.encode_utf8(&mut bytes)).width()
}
