//! Bytes as text, with the replacement rules of PHP's `JSON_INVALID_UTF8_SUBSTITUTE`.

use std::borrow::Cow;

/// The text with U+FFFD for each malformed sequence, with the sequence boundaries of `php_next_utf8_char`: an encoded
/// surrogate, or a code point beyond U+10FFFF, is one sequence.
pub(super) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    let mut rest = match std::str::from_utf8(bytes) {
        Ok(text) => return Cow::Borrowed(text),
        Err(_) => bytes,
    };
    let mut out = String::with_capacity(bytes.len() + 8);
    while !rest.is_empty() {
        let valid = match std::str::from_utf8(rest) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap_or_default(),
        };
        out.push_str(valid);
        rest = &rest[valid.len()..];
        if !rest.is_empty() {
            out.push(char::REPLACEMENT_CHARACTER);
            rest = &rest[malformed_len(rest)..];
        }
    }
    Cow::Owned(out)
}

/// The number of bytes that PHP skips for the malformed sequence at the start of `bytes`, which must not be empty.
fn malformed_len(bytes: &[u8]) -> usize {
    let expected = match bytes[0] {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 1,
    };
    let starts_sequence = |&byte: &u8| byte < 0x80 || (0xC2..=0xF4).contains(&byte);
    let end = bytes.len().min(expected);
    bytes[1..end].iter().position(starts_sequence).map_or(end, |position| position + 1)
}
