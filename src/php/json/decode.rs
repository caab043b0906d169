//! `json_decode($text, true)`: objects become arrays, with PHP's array keys and PHP's integers.

use super::MAX_DEPTH;
use crate::php::value::{Array, Value};

/// A JSON syntax error; the messages are those of PHP's `json_last_error_msg()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON.
    #[error("Syntax error")]
    Syntax,
    /// A raw control character in a string, or an unterminated string.
    #[error("Control character error, possibly incorrectly encoded")]
    ControlCharacter,
    /// An array closed by `}` or an object by `]`.
    #[error("State mismatch (invalid or malformed JSON)")]
    Mismatch,
    /// An unpaired surrogate in `\u….`.
    #[error("Single unpaired UTF-16 surrogate in unicode escape")]
    Surrogate,
    /// Nested too deeply.
    #[error("Maximum stack depth exceeded")]
    Depth,
}

/// Decodes a JSON text as PHP does: of duplicate keys the last value is kept at the position of the first, `{}` is an empty
/// array, `-0` is the integer 0, an integer beyond 64 bits is a float, and a float that is too large is infinite.
///
/// # Errors
///
/// [`DecodeError`] where PHP returns `null` and sets its last error.
pub fn decode(text: &str) -> Result<Value, DecodeError> {
    let mut decoder = Decoder { text, at: 0, depth: 0 };
    let value = decoder.value()?;
    decoder.skip_space();
    if decoder.at == text.len() { Ok(value) } else { Err(decoder.unexpected()) }
}

struct Decoder<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Decoder<'_> {
    fn value(&mut self) -> Result<Value, DecodeError> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => Ok(Value::from(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.literal("null", Value::Null),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            _ => Err(self.unexpected()),
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, DecodeError> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        Err(DecodeError::Syntax)
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<Array, DecodeError>) -> Result<Value, DecodeError> {
        self.at += 1;
        self.depth += 1;
        if self.depth >= MAX_DEPTH {
            return Err(DecodeError::Depth);
        }
        let array = read(self)?;
        self.depth -= 1;
        Ok(Value::Array(array))
    }

    fn array(&mut self) -> Result<Array, DecodeError> {
        let mut array = Array::new();
        if self.closes(b']', b'}')? {
            return Ok(array);
        }
        loop {
            array.push(self.value()?);
            if self.ends(b']', b'}')? {
                return Ok(array);
            }
        }
    }

    fn object(&mut self) -> Result<Array, DecodeError> {
        let mut array = Array::new();
        if self.closes(b'}', b']')? {
            return Ok(array);
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected());
            }
            let key = self.string()?;
            self.require(b':')?;
            let value = self.value()?;
            array.insert(key, value);
            if self.ends(b'}', b']')? {
                return Ok(array);
            }
        }
    }

    fn number(&mut self) -> Result<Value, DecodeError> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') && self.eat_digits() == 0 {
            return Err(DecodeError::Syntax);
        }
        let mut integer = true;
        if self.eat(b'.') {
            integer = false;
            if self.eat_digits() == 0 {
                return Err(DecodeError::Syntax);
            }
        }
        if self.eat(b'e') || self.eat(b'E') {
            integer = false;
            let _signed = self.eat(b'+') || self.eat(b'-');
            if self.eat_digits() == 0 {
                return Err(DecodeError::Syntax);
            }
        }
        let token = &self.text[start..self.at];
        match token.parse() {
            Ok(number) if integer => Ok(Value::Int(number)),
            _ => token.parse().map(Value::Float).map_err(|_| DecodeError::Syntax),
        }
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(|character| matches!(character, '"' | '\\' | '\0'..='\u{1f}')).unwrap_or(rest.len());
            out.push_str(&rest[..plain]);
            self.at += plain + 1;
            match rest.as_bytes().get(plain) {
                Some(b'"') => return Ok(out),
                Some(b'\\') => out.push(self.escape()?),
                _ => return Err(DecodeError::ControlCharacter),
            }
        }
    }

    fn escape(&mut self) -> Result<char, DecodeError> {
        let letter = self.peek();
        self.at += 1;
        match letter {
            Some(plain @ (b'"' | b'\\' | b'/')) => Ok(char::from(plain)),
            Some(b'b') => Ok('\u{8}'),
            Some(b'f') => Ok('\u{c}'),
            Some(b'n') => Ok('\n'),
            Some(b'r') => Ok('\r'),
            Some(b't') => Ok('\t'),
            Some(b'u') => self.unicode(),
            _ => {
                self.at -= 1;
                Err(DecodeError::Syntax)
            }
        }
    }

    fn unicode(&mut self) -> Result<char, DecodeError> {
        let first = self.unit()?;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        if first >= 0xDC00 || !self.text[self.at..].starts_with("\\u") {
            return Err(DecodeError::Surrogate);
        }
        self.at += 2;
        let second = self.unit().map_err(|_| DecodeError::Surrogate)?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(DecodeError::Surrogate);
        }
        let scalar = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        char::from_u32(scalar).ok_or(DecodeError::Surrogate)
    }

    fn unit(&mut self) -> Result<u32, DecodeError> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(DecodeError::Syntax)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(DecodeError::Syntax);
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| DecodeError::Syntax)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Skips white space, and then this byte if it is next; returns whether it was.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        self.eat(byte)
    }

    fn require(&mut self, byte: u8) -> Result<(), DecodeError> {
        if self.take(byte) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Whether the array or object ends here.
    fn closes(&mut self, end: u8, mismatch: u8) -> Result<bool, DecodeError> {
        if self.take(mismatch) {
            return Err(DecodeError::Mismatch);
        }
        Ok(self.take(end))
    }

    /// Whether the array or object ends after an element; if not, reads a comma.
    fn ends(&mut self, end: u8, mismatch: u8) -> Result<bool, DecodeError> {
        if self.closes(end, mismatch)? {
            return Ok(true);
        }
        self.require(b',')?;
        Ok(false)
    }

    /// The error for an unexpected token. As in PHP, errors of the scanner take precedence over errors of the parser.
    fn unexpected(&mut self) -> DecodeError {
        self.skip_space();
        match self.peek() {
            Some(b'"') => self.string().err().unwrap_or(DecodeError::Syntax),
            Some(0..0x20) => DecodeError::ControlCharacter,
            _ => DecodeError::Syntax,
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn eat_digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}
