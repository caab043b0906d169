//! The logical key: scope and user, joined as in aesircloud/laravel-presence.

use super::snake::{Snake, snake_of};
use crate::php::float;
use crate::php::serialize::write_int;

/// A PHP scalar, in a scope or as a user id.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Scalar<'a> {
    /// `null`, or absent.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A double.
    Float(f64),
    /// A text.
    Str(&'a str),
}

impl<'a> From<&'a str> for Scalar<'a> {
    fn from(text: &'a str) -> Self {
        Self::Str(text)
    }
}

impl From<i64> for Scalar<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl Scalar<'_> {
    /// PHP's `empty()`.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(flag) => !flag,
            Self::Int(number) => *number == 0,
            Self::Float(number) => *number == 0.0,
            Self::Str(text) => matches!(*text, "" | "0"),
        }
    }

    /// Appends PHP's `(string)` cast of the value.
    pub fn push_to(&self, out: &mut String) {
        match self {
            Self::Null | Self::Bool(false) => {}
            Self::Bool(true) => out.push('1'),
            Self::Int(number) => push_ascii(out, |bytes| write_int(*number, bytes)),
            Self::Float(number) => push_ascii(out, |bytes| float::write_cast(*number, bytes)),
            Self::Str(text) => out.push_str(text),
        }
    }
}

fn push_ascii(out: &mut String, write: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::mem::take(out).into_bytes();
    write(&mut bytes);
    // The result is UTF-8, because numbers are ASCII.
    *out = String::from_utf8(bytes).unwrap_or_default();
}

/// The parts of a scope, before any conversion.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ScopeParts<'a> {
    /// Omitted if empty.
    pub tenant: Scalar<'a>,
    /// Omitted if empty.
    pub location: Scalar<'a>,
    /// Omitted if empty.
    pub domain: Scalar<'a>,
    /// `web` if null, else unchanged, even if empty.
    pub guard: Scalar<'a>,
}

/// The common prefix of all logical keys of a scope: `presence|acme|loc:x|dom:y|guard:web`, in snake case.
///
/// Callers must reject parts with a `|`, which would give the key of another scope.
pub fn scope_key(parts: &ScopeParts<'_>, include_guard: bool) -> String {
    snake_of(join(parts, include_guard))
}

fn join(parts: &ScopeParts<'_>, include_guard: bool) -> String {
    let mut key = String::with_capacity(64);
    key.push_str("presence");
    for (label, part) in [("|", parts.tenant), ("|loc:", parts.location), ("|dom:", parts.domain)] {
        if !part.is_empty() {
            key.push_str(label);
            part.push_to(&mut key);
        }
    }
    if include_guard {
        key.push_str("|guard:");
        match parts.guard {
            Scalar::Null => key.push_str("web"),
            guard => guard.push_to(&mut key),
        }
    }
    key
}

/// The logical key of a user in the scope with this [`scope_key`]. It equals the snake case of the whole key, because the
/// text before the colon of `|user:` does not change the conversion of the text after it.
pub fn logical_key(scope_key: &str, user: Scalar<'_>) -> String {
    let mut key = String::with_capacity(scope_key.len() + 48);
    key.push_str(scope_key);
    push_user(user, &mut key);
    key
}

/// Appends a user to the key of a scope, which gives the [`logical_key`] of that user.
pub fn push_user(user: Scalar<'_>, key: &mut String) {
    key.push_str("|user:");
    match user {
        Scalar::Str(text) => Snake::INSIDE.push(text, key),
        Scalar::Float(_) => {
            let mut text = String::new();
            user.push_to(&mut text);
            Snake::INSIDE.push(&text, key);
        }
        _ => user.push_to(key),
    }
}
