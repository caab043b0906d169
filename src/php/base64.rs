//! PHP's `base64_decode`, strict and not, after php-src `ext/standard/base64.c`. Its encoder is that of RFC 4648.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// `base64_encode($bytes)`, padded.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// What `base64_decode($text)` makes of any text: bytes outside the alphabet are passed over, a single letter left over
/// at the end counts for nothing.
pub fn decode_lenient(text: &str) -> Vec<u8> {
    let mut decoder = Decoder::with_capacity(text.len());
    text.bytes().filter_map(sextet).for_each(|six| decoder.push(six));
    decoder.out
}

/// What `base64_decode($text, true)` makes of it: white space is passed over, padding may be left out but not be wrong.
/// `None` where PHP answers `false`.
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
    carried: u8,
}

impl Decoder {
    fn with_capacity(text: usize) -> Self {
        Self { out: Vec::with_capacity(text / 4 * 3 + 2), letters: 0, carried: 0 }
    }

    fn push(&mut self, six: u8) {
        match self.letters % 4 {
            0 => self.carried = six << 2,
            1 => {
                self.out.push(self.carried | six >> 4);
                self.carried = six << 4;
            }
            2 => {
                self.out.push(self.carried | six >> 2);
                self.carried = six << 6;
            }
            _ => self.out.push(self.carried | six),
        }
        self.letters += 1;
    }
}
