//! A cursor over the ASCII text of a date.

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
        let there = self.peek().is_some_and(|next| next.eq_ignore_ascii_case(&byte));
        self.at += usize::from(there);
        there
    }

    /// Whether this byte is the last one that was read.
    pub(super) fn is_behind(&self, byte: u8) -> bool {
        self.at.checked_sub(1).and_then(|last| self.text.as_bytes().get(last)) == Some(&byte)
    }

    /// Whether one of these bytes came next; it is then behind the cursor.
    pub(super) fn eat_any(&mut self, bytes: &[u8]) -> bool {
        bytes.iter().any(|&byte| self.eat(byte))
    }

    /// Skips blanks and commas, which timelib reads alike; whether there were any.
    pub(super) fn skip_space(&mut self) -> bool {
        !self.take_while(|byte| matches!(byte, b' ' | b'\t' | b',')).is_empty()
    }

    /// Skips blanks alone.
    pub(super) fn skip_blanks(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t'));
    }

    /// The bytes from here on that satisfy this, which accepts ASCII only.
    pub(super) fn take_while(&mut self, accepts: impl Fn(&u8) -> bool) -> &'a str {
        let rest = &self.text.as_bytes()[self.at..];
        let len = rest.iter().position(|byte| !byte.is_ascii() || !accepts(byte)).unwrap_or(rest.len());
        let start = self.at;
        self.at += len;
        &self.text[start..self.at]
    }

    /// A number of `least` to `most` digits, greedily.
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

    /// A number within a range, of one or two digits: the second is left when it would exceed the
    /// range.
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

    /// A word of letters.
    pub(super) fn word(&mut self) -> &'a str {
        self.take_while(u8::is_ascii_alphabetic)
    }
}
