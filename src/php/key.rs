//! Array keys, normalized as by PHP's `ZEND_HANDLE_NUMERIC_STR`.

use std::hash::{Hash, Hasher};

use indexmap::Equivalent;

/// A key of a PHP array: an integer, or bytes that are not the canonical form of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArrayKey {
    /// A decimal integer in canonical form: no leading zeros, no `+`, no `-0`, within 64 bits.
    Int(i64),
    /// Any other key.
    String(Vec<u8>),
}

impl From<&str> for ArrayKey {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl From<&[u8]> for ArrayKey {
    fn from(bytes: &[u8]) -> Self {
        integer(bytes).map_or_else(|| Self::String(bytes.to_vec()), Self::Int)
    }
}

impl From<String> for ArrayKey {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl From<Vec<u8>> for ArrayKey {
    fn from(bytes: Vec<u8>) -> Self {
        integer(&bytes).map_or(Self::String(bytes), Self::Int)
    }
}

impl From<i64> for ArrayKey {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

// Implemented by hand, so that a borrowed key has the same hash.
impl Hash for ArrayKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Int(number) => BorrowedKey::Int(*number).hash(state),
            Self::String(bytes) => BorrowedKey::String(bytes).hash(state),
        }
    }
}

/// A borrowed key for lookups.
#[derive(Clone, Copy, Hash)]
pub(super) enum BorrowedKey<'a> {
    Int(i64),
    String(&'a [u8]),
}

impl<'a> BorrowedKey<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        integer(bytes).map_or(Self::String(bytes), Self::Int)
    }
}

impl Equivalent<ArrayKey> for BorrowedKey<'_> {
    fn equivalent(&self, key: &ArrayKey) -> bool {
        match (self, key) {
            (Self::Int(left), ArrayKey::Int(right)) => left == right,
            (Self::String(left), ArrayKey::String(right)) => left == right,
            _ => false,
        }
    }
}

/// The integer key that PHP uses instead of these bytes; `None` if they stay a string.
pub(super) fn integer(bytes: &[u8]) -> Option<i64> {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let plain = match digits {
        [b'0'] => digits.len() == bytes.len(),
        [b'1'..=b'9', rest @ ..] => rest.len() < 19 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !plain {
        return None;
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Whether these are the keys of a list: 0, 1, 2, …
pub(super) fn are_positions<'a>(keys: impl Iterator<Item = &'a ArrayKey>) -> bool {
    keys.zip(0_i64..).all(|(key, position)| match key {
        ArrayKey::Int(number) => *number == position,
        // Names of object properties are not normalized; in an array they would be.
        ArrayKey::String(bytes) => integer(bytes) == Some(position),
    })
}
