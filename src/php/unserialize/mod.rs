//! PHP's `unserialize()`, after `ext/standard/var_unserializer.re` of PHP 8.2.
//!
//! A reference (`r:2;`, `R:2;`) names an earlier value by its number. Numbers require counting every value, which input
//! without references does not pay for: at the first reference the parser starts over and records where each value
//! begins; a reference then parses its target again. The cost of such copies is bounded, and a value that contains itself
//! is rejected.

mod error;
mod parser;

pub use self::error::{MAX_BYTES, MAX_DEPTH, UnserializeError};
pub(super) use self::parser::float;
use self::parser::{Parser, Stop};
use super::value::Value;

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
