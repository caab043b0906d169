//! A cursor over the ASCII text of a date.

/// The cursor; a clone is a checkpoint for backtracking.
#[derive(Clone)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn is_done(&self) -> bool {
        self.at == self.text.len()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek().is_some_and(|next| next.eq_ignore_ascii_case(&byte));
        self.at += usize::from(found);
        found
    }

    /// Whether this byte is the last one that was read.
    pub(super) fn is_after(&self, byte: u8) -> bool {
        self.at.checked_sub(1).and_then(|last| self.text.as_bytes().get(last)) == Some(&byte)
    }

    /// Consumes one of these bytes if it is next; returns whether it was.
    pub(super) fn eat_any(&mut self, bytes: &[u8]) -> bool {
        bytes.iter().any(|&byte| self.eat(byte))
    }

    /// Skips blanks and commas, which timelib treats alike; returns whether there were any.
    pub(super) fn skip_space(&mut self) -> bool {
        !self.take_while(|byte| matches!(byte, b' ' | b'\t' | b',')).is_empty()
    }

    /// Skips blanks only.
    pub(super) fn skip_blanks(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t'));
    }

    /// Reads ASCII bytes while they satisfy the predicate.
    pub(super) fn take_while(&mut self, accepts: impl Fn(&u8) -> bool) -> &'a str {
        let rest = &self.text.as_bytes()[self.at..];
        let len = rest.iter().position(|byte| !byte.is_ascii() || !accepts(byte)).unwrap_or(rest.len());
        let start = self.at;
        self.at += len;
        &self.text[start..self.at]
    }

    /// Reads a number of `least` to `most` digits, as many as there are.
    pub(super) fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let rest = &self.text.as_bytes()[self.at..];
        let len = rest.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        if len < least {
            return None;
        }
        let start = self.at;
        self.at += len;
        self.text[start..self.at].parse().ok()
    }

    /// Reads a number of one or two digits within a range; leaves the second digit if the number would exceed the range.
    pub(super) fn field(&mut self, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let start = self.at;
        for digits in [2, 1] {
            self.at = start;
            if let Some(number) = self.number(digits, digits).filter(|number| range.contains(number)) {
                return Some(number);
            }
        }
        self.at = start;
        None
    }

    /// Reads a word of letters.
    pub(super) fn word(&mut self) -> &'a str {
        self.take_while(u8::is_ascii_alphabetic)
    }
}
