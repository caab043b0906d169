//! `Str::snake` of Laravel 8 to 12 on PHP 8.2, with its mixture of byte and Unicode rules.

/// Laravel's `Str::snake`.
///
/// Words begin after ASCII white space (`ucwords`), Unicode white space goes away, an underscore
/// comes before each ASCII capital that is not the first character, then everything is lowered by
/// the Unicode rules (`mb_strtolower`). Bytes that are not UTF-8 make PHP's `preg_replace` fail:
/// the answer is then empty.
pub fn snake(value: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(value) else {
        return String::new();
    };
    let mut out = String::with_capacity(text.len() + 8);
    Snake { word_start: true, first: true }.push(text, &mut out);
    out
}

/// As [`snake`], for a text that is not needed any more: it usually is its own snake case.
pub(super) fn snake_of(text: String) -> String {
    if text.bytes().all(is_untouched) { text } else { snake(text.as_bytes()) }
}

/// The state of [`snake`] between two characters, so that a key can be continued from its prefix.
pub(super) struct Snake {
    /// The next letter begins a word.
    word_start: bool,
    /// Nothing was written yet.
    first: bool,
}

impl Snake {
    /// The state behind a character that neither begins a word nor is white space, such as a colon.
    pub(super) const INSIDE: Self = Self { word_start: false, first: false };

    /// Appends what `snake` makes of `text` in this place of a longer text.
    pub(super) fn push(mut self, text: &str, out: &mut String) {
        if text.bytes().all(is_untouched) {
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
        // A character at a time: PHP 8.2 knows no final sigma.
        out.extend(character.to_lowercase());
    }
}

/// Bytes that come out as they went in, inside a word as at the very beginning.
fn is_untouched(byte: u8) -> bool {
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
