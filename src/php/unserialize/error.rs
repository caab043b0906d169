//! The limits and the errors of `unserialize`.

/// The maximum length of the input; a presence record has some hundred bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// The maximum nesting of arrays and objects, as in PHP's JSON functions.
pub const MAX_DEPTH: usize = 512;

/// Bytes that are not a serialized PHP value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnserializeError {
    /// PHP would return `false` with a warning.
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
