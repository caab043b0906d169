//! `Str::snake` of Laravel 8 to 12 on PHP 8.2, with its mixture of byte and Unicode rules.

use std::borrow::Cow;

/// Laravel's `Str::snake`.
///
/// Words begin after ASCII white space (`ucwords`), Unicode white space is removed, an underscore is inserted before each
/// ASCII capital that is not the first character, then everything is converted to lower case by the Unicode rules
/// (`mb_strtolower`). For bytes that are not UTF-8, PHP's `preg_replace` fails: the result is then empty.
pub fn snake(value: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(value) else {
        return String::new();
    };
    let mut out = String::with_capacity(text.len() + 8);
    Snake { word_start: true, first: true }.push(text, &mut out);
    out
}

/// As [`snake`]; returns the text itself if it already is in snake case, which is usual.
pub(super) fn snake_of(text: String) -> String {
    if text.bytes().all(is_unchanged) { text } else { snake(text.as_bytes()) }
}

/// A part of a key, behind a separator, in snake case.
pub fn snake_part(text: &str) -> Cow<'_, str> {
    if text.bytes().all(is_unchanged) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    Snake::INSIDE.push(text, &mut out);
    out.into()
}

/// The state of [`snake`] between two characters, to continue a key after its prefix.
pub(super) struct Snake {
    /// Whether the next letter begins a word.
    word_start: bool,
    /// Whether the output is empty.
    first: bool,
}

impl Snake {
    /// The state after a character that neither begins a word nor is white space, such as a colon.
    pub(super) const INSIDE: Self = Self { word_start: false, first: false };

    /// Appends the snake case of `text` as a part of a longer text.
    pub(super) fn push(mut self, text: &str, out: &mut String) {
        if text.bytes().all(is_unchanged) {
            return out.push_str(text);
        }
        for character in text.chars() {
            self.push_char(character, out);
        }
    }

    fn push_char(&mut self, character: char, out: &mut String) {
        let begins_word = std::mem::replace(&mut self.word_start, is_word_delimiter(character));
        if is_space(character) {
            return;
        }
        let capital = character.is_ascii_uppercase() || (begins_word && character.is_ascii_lowercase());
        if capital && !self.first {
            out.push('_');
        }
        self.first = false;
        if character.is_ascii() {
            return out.push(character.to_ascii_lowercase());
        }
        // Per character: PHP 8.2 has no rule for the final sigma.
        out.extend(character.to_lowercase());
    }
}

/// Whether a byte is unchanged by the conversion, both in a word and at the beginning.
fn is_unchanged(byte: u8) -> bool {
    byte.is_ascii_graphic() && !byte.is_ascii_uppercase()
}

/// The default delimiters of `ucwords`.
fn is_word_delimiter(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n' | '\u{c}' | '\u{b}')
}

/// `\s` of PCRE2 with `/u`: the separators of Unicode, the vertical and the horizontal spaces.
fn is_space(character: char) -> bool {
    character.is_whitespace() || character == '\u{180e}'
}
