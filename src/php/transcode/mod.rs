//! Converts arrays between PHP's serialize format and JSON without building a value.
//!
//! A fast path for common input. It returns `None` for the rest (objects, references, strings that are not UTF-8, deep or
//! wide arrays, anything not in canonical form), which callers convert through [`Value`](super::Value). Both ways give
//! the same bytes.

mod from_json;
mod from_php;

pub use self::from_json::from_json;
pub use self::from_php::from_php;

/// The maximum nesting of arrays.
const MAX_DEPTH: usize = 16;

/// The names in an array, to detect duplicates; its capacity is the maximum number of names.
#[derive(Default)]
struct Names<'a> {
    names: [&'a [u8]; 16],
    len: usize,
}

impl<'a> Names<'a> {
    fn add(&mut self, name: &'a [u8]) -> Option<()> {
        if self.names[..self.len].contains(&name) {
            return None;
        }
        *self.names.get_mut(self.len)? = name;
        self.len += 1;
        Some(())
    }
}

/// Whether a text needs no escapes in JSON: ASCII without quotes, backslashes and control characters.
fn is_plain(text: &[u8]) -> bool {
    let special = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\') | (byte >= 0x80);
    // No early exit, so that the compiler can vectorize the loop.
    !text.iter().fold(false, |found, &byte| found | special(byte))
}

/// Whether this is an integer in canonical form that certainly fits 64 bits.
fn is_integer(token: &[u8]) -> bool {
    let digits = token.strip_prefix(b"-").unwrap_or(token);
    match digits {
        [b'0'] => digits.len() == token.len(),
        [b'1'..=b'9', rest @ ..] => rest.len() < 18 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// Appends a text as JSON.
fn write_text(text: &str, out: &mut Vec<u8>) -> Option<()> {
    serde_json::to_writer(out, text).ok()
}
