//! `json_encode()`, after php-src `ext/json/json_encoder.c`.

use std::borrow::Cow;

use super::MAX_DEPTH;
use crate::php::object::JsonObject;
use crate::php::serialize::write_int;
use crate::php::value::{Array, ArrayKey, Object, Value};
use crate::php::{float, utf8};

/// Whether `/` is written as `\/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slashes {
    /// `\/`, the default of `json_encode`.
    Escaped,
    /// `/`, with `JSON_UNESCAPED_SLASHES`.
    Unescaped,
}

/// A value that cannot be encoded; the messages are those of PHP's `json_last_error_msg()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A string or a key is not UTF-8.
    #[error("Malformed UTF-8 characters, possibly incorrectly encoded")]
    Utf8,
    /// NaN or an infinity.
    #[error("Inf and NaN cannot be JSON encoded")]
    InfOrNan,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("Maximum stack depth exceeded")]
    Depth,
}

/// Returns the output of `json_encode`: ASCII only, floats without a trailing `.0`.
///
/// # Errors
///
/// [`EncodeError`] where PHP returns `false`.
pub fn encode(value: &Value, slashes: Slashes) -> Result<String, EncodeError> {
    Encoder::new(slashes, false).finish(value)
}

/// As [`encode`], with U+FFFD for malformed UTF-8, 0 for NaN and the infinities, and `null` for values that are nested
/// too deeply.
pub fn encode_lossy(value: &Value, slashes: Slashes) -> String {
    Encoder::new(slashes, true).finish(value).unwrap_or_default()
}

struct Encoder {
    out: Vec<u8>,
    depth: usize,
    slashes: Slashes,
    lossy: bool,
}

type EncodeResult = Result<(), EncodeError>;

impl Encoder {
    fn new(slashes: Slashes, lossy: bool) -> Self {
        Self { out: Vec::with_capacity(128), depth: 0, slashes, lossy }
    }

    fn finish(mut self, value: &Value) -> Result<String, EncodeError> {
        self.value(value)?;
        // The output is ASCII.
        String::from_utf8(self.out).map_err(|_| EncodeError::Utf8)
    }

    fn value(&mut self, value: &Value) -> EncodeResult {
        match value {
            Value::Null | Value::Opaque(_) => self.raw(b"null"),
            Value::Bool(flag) => self.raw(if *flag { b"true" } else { b"false" }),
            Value::Int(number) => write_int(*number, &mut self.out),
            Value::Float(number) => return self.float(*number),
            Value::String(bytes) => return self.string(bytes),
            Value::Array(array) => return self.array(array),
            Value::Object(object) => return self.object(object),
        }
        Ok(())
    }

    fn float(&mut self, number: f64) -> EncodeResult {
        if number.is_finite() {
            float::write_shortest(number, b'e', &mut self.out);
        } else if self.lossy {
            self.out.push(b'0');
        } else {
            return Err(EncodeError::InfOrNan);
        }
        Ok(())
    }

    fn array(&mut self, array: &Array) -> EncodeResult {
        if !array.is_list() {
            return self.braces(array.iter(), None);
        }
        self.nested(|encoder| {
            encoder.raw(b"[");
            for (position, (_, value)) in array.iter().enumerate() {
                if position > 0 {
                    encoder.raw(b",");
                }
                encoder.value(value)?;
            }
            encoder.raw(b"]");
            Ok(())
        })
    }

    fn object(&mut self, object: &Object) -> EncodeResult {
        match JsonObject::of(object) {
            JsonObject::Text(text) => self.string(text.as_bytes()),
            JsonObject::Array(array) => self.array(array),
            JsonObject::Properties { properties, incomplete } => {
                let public = properties.iter().filter(|(key, _)| Object::is_public(key));
                self.braces(public, incomplete.then_some(object.class.as_slice()))
            }
        }
    }

    /// Writes `{…}`; for an incomplete class, PHP puts the class name first.
    fn braces<'v>(
        &mut self,
        elements: impl Iterator<Item = (&'v ArrayKey, &'v Value)>,
        missing_class: Option<&[u8]>,
    ) -> EncodeResult {
        self.nested(|encoder| {
            encoder.raw(b"{");
            if let Some(class) = missing_class {
                encoder.raw(b"\"__PHP_Incomplete_Class_Name\":");
                encoder.string(class)?;
            }
            let mut first = missing_class.is_none();
            for (key, value) in elements {
                if !std::mem::take(&mut first) {
                    encoder.raw(b",");
                }
                encoder.key(key)?;
                encoder.value(value)?;
            }
            encoder.raw(b"}");
            Ok(())
        })
    }

    fn nested(&mut self, write: impl FnOnce(&mut Self) -> EncodeResult) -> EncodeResult {
        if self.depth >= MAX_DEPTH {
            if self.lossy {
                self.raw(b"null");
                return Ok(());
            }
            return Err(EncodeError::Depth);
        }
        self.depth += 1;
        write(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn key(&mut self, key: &ArrayKey) -> EncodeResult {
        match key {
            ArrayKey::Int(number) => {
                self.raw(b"\"");
                write_int(*number, &mut self.out);
                self.raw(b"\"");
            }
            ArrayKey::String(bytes) => self.string(bytes)?,
        }
        self.raw(b":");
        Ok(())
    }

    fn string(&mut self, bytes: &[u8]) -> EncodeResult {
        let text = utf8::lossy(bytes);
        if !self.lossy && matches!(text, Cow::Owned(_)) {
            return Err(EncodeError::Utf8);
        }
        self.raw(b"\"");
        for character in text.chars() {
            self.character(character);
        }
        self.raw(b"\"");
        Ok(())
    }

    fn character(&mut self, character: char) {
        match character {
            '"' => self.raw(b"\\\""),
            '\\' => self.raw(b"\\\\"),
            '/' if self.slashes == Slashes::Escaped => self.raw(b"\\/"),
            '\u{8}' => self.raw(b"\\b"),
            '\u{c}' => self.raw(b"\\f"),
            '\n' => self.raw(b"\\n"),
            '\r' => self.raw(b"\\r"),
            '\t' => self.raw(b"\\t"),
            ' '..='\u{7f}' => self.out.push(character as u8),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    self.escaped(*unit);
                }
            }
        }
    }

    fn escaped(&mut self, unit: u16) {
        self.raw(b"\\u");
        for shift in [12, 8, 4, 0] {
            self.out.push(b"0123456789abcdef"[usize::from(unit >> shift & 0xF)]);
        }
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }
}
