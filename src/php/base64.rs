//! PHP's `base64_decode`, strict and lenient, after php-src `ext/standard/base64.c`; `base64_encode` is RFC 4648.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// `base64_encode($bytes)`, padded.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// `base64_decode($text)`: skips bytes outside the alphabet, and ignores a single remaining letter at the end.
pub fn decode_lenient(text: &str) -> Vec<u8> {
    let mut decoder = Decoder::with_capacity(text.len());
    text.bytes().filter_map(sextet).for_each(|six| decoder.push(six));
    decoder.out
}

/// `base64_decode($text, true)`: skips white space; padding may be absent but not wrong. `None` where PHP returns
/// `false`.
pub fn decode_strict(text: &str) -> Option<Vec<u8>> {
    let mut decoder = Decoder::with_capacity(text.len());
    let mut padding = 0;
    for byte in text.bytes() {
        match (byte, sextet(byte)) {
            (b'=', _) => padding += 1,
            (b' ' | b'\t' | b'\r' | b'\n', _) => {}
            (_, Some(six)) if padding == 0 => decoder.push(six),
            _ => return None,
        }
    }
    let whole = decoder.letters % 4 != 1;
    let padded = padding == 0 || (padding <= 2 && (decoder.letters + padding).is_multiple_of(4));
    (whole && padded).then_some(decoder.out)
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

struct Decoder {
    out: Vec<u8>,
    letters: usize,
    carry: u8,
}

impl Decoder {
    fn with_capacity(text: usize) -> Self {
        Self { out: Vec::with_capacity(text / 4 * 3 + 2), letters: 0, carry: 0 }
    }

    fn push(&mut self, six: u8) {
        match self.letters % 4 {
            0 => self.carry = six << 2,
            1 => {
                self.out.push(self.carry | six >> 4);
                self.carry = six << 4;
            }
            2 => {
                self.out.push(self.carry | six >> 2);
                self.carry = six << 6;
            }
            _ => self.out.push(self.carry | six),
        }
        self.letters += 1;
    }
}
