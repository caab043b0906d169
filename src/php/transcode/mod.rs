//! From one notation of an array to another, without the value in between.
//!
//! An optimist: it reads what applications usually write, and declines the rest (objects, references, strings that are
//! no UTF-8, deep or wide arrays, anything that is not in its only spelling), for which there is the long way by
//! [`Value`](super::Value). What it does not decline comes out byte for byte as on the long way.

mod from_json;
mod from_php;

pub use self::from_json::from_json;
pub use self::from_php::from_php;

/// Arrays nested deeper than this are declined.
const MAX_DEPTH: usize = 16;

/// The names in an array, to decline one that comes twice; more than it holds are declined, too.
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

/// Whether a text between quotes stands for itself in JSON: no quote, backslash or control character, and ASCII.
fn is_plain(text: &[u8]) -> bool {
    let special = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\') | (byte >= 0x80);
    // Without a way out, so that many bytes are looked at in one go.
    !text.iter().fold(false, |found, &byte| found | special(byte))
}

/// Whether these are the digits of an integer in its only spelling, and surely one of 64 bits.
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
