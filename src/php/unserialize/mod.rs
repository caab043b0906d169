//! PHP's `unserialize()`, after `ext/standard/var_unserializer.re` of PHP 8.2.
//!
//! A reference (`r:2;`, `R:2;`) names an earlier value by its number. Numbers are only known if
//! every value is counted, so a value without references pays nothing: the first reference makes
//! the parser start over and remember where each value began; the value meant is then parsed again
//! from there. What such copies may cost is bounded, and a value inside itself is refused.

mod parser;

pub(super) use self::parser::float;
use self::parser::{Parser, Refusal};
use super::value::Value;

/// The longest input read; a presence record is some hundred bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// How deep arrays and objects may nest, as in PHP's JSON functions.
pub const MAX_DEPTH: usize = 512;

/// Why bytes are not a value that PHP serialized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnserializeError {
    /// PHP would answer `false` with a warning, or the value is of a kind that only its application
    /// can read (an enum, a class with its own format).
    #[error("not a PHP value at byte {offset}")]
    Malformed {
        /// Where reading stopped.
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

/// Reads one value; what follows it is ignored, as PHP 8.2 does.
///
/// # Errors
///
/// [`UnserializeError`] for whatever PHP would refuse, and for values beyond the limits of this
/// module. Never panics.
pub fn unserialize(bytes: &[u8]) -> Result<Value, UnserializeError> {
    if bytes.len() > MAX_BYTES {
        return Err(UnserializeError::TooLarge);
    }
    match Parser::new(bytes, None).value() {
        Err(Refusal::Reference) => Parser::new(bytes, Some(Vec::new())).value(),
        result => result,
    }
    .map_err(|refusal| match refusal {
        Refusal::Final(error) => error,
        Refusal::Reference => UnserializeError::Malformed { offset: 0 },
    })
}
