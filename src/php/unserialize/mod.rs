//! PHP's `unserialize()`, after `ext/standard/var_unserializer.re` of PHP 8.2.
//!
//! A reference (`r:2;`, `R:2;`) names an earlier value by its number. Numbers require counting every value, which input
//! without references does not pay for: at the first reference the parser starts over and records where each value
//! begins; a reference then parses its target again. The cost of such copies is bounded, and a value that contains itself
//! is rejected.

mod parser;

pub(super) use self::parser::float;
use self::parser::{Parser, Stop};
use super::value::Value;

/// The maximum length of the input; a presence record has some hundred bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// The maximum nesting of arrays and objects, as in PHP's JSON functions.
pub const MAX_DEPTH: usize = 512;

/// Bytes that are not a serialized PHP value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnserializeError {
    /// PHP would return `false` with a warning, or only the application can read the value (an enum, a class with its own
    /// format).
    #[error("not a PHP value at byte {offset}")]
    Malformed {
        /// The position of the error.
        offset: usize,
    },
    /// Longer than [`MAX_BYTES`], or longer once its references are resolved.
    #[error("the PHP value is too large")]
    TooLarge,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("the PHP value is nested too deeply")]
    TooDeep,
    /// A value that contains itself.
    #[error("the PHP value contains itself")]
    Cycle,
}

/// Reads one value; ignores trailing bytes, as PHP 8.2 does.
///
/// # Errors
///
/// [`UnserializeError`] for input that PHP would reject, and for values beyond the limits of this module. Never panics.
pub fn unserialize(bytes: &[u8]) -> Result<Value, UnserializeError> {
    if bytes.len() > MAX_BYTES {
        return Err(UnserializeError::TooLarge);
    }
    match Parser::new(bytes, None).value() {
        Err(Stop::Reference) => Parser::new(bytes, Some(Vec::new())).value(),
        result => result,
    }
    .map_err(|stop| match stop {
        Stop::Final(error) => error,
        Stop::Reference => UnserializeError::Malformed { offset: 0 },
    })
}
