//! Doubles in PHP's notation, after `php_gcvt` in php-src `main/snprintf.c`.

use std::fmt::Write;

/// The maximum length: 17 digits, a sign, a point and `E-324`, or up to 17 digits and zeros.
const MAX_LEN: usize = 40;

/// From this number of digits on, two notations of one length can have the same double.
const AMBIGUOUS_DIGITS: usize = 16;

/// Appends the shortest notation that reads back as the same double (`serialize_precision = -1`),
/// with this exponent letter.
///
/// The number must be finite.
pub(crate) fn write_shortest(number: f64, exponent: u8, out: &mut Vec<u8>) {
    let mut scientific = Buffer::default();
    // The buffer is large enough for any finite double, so write! cannot fail.
    let _ = write!(scientific, "{number:e}");
    let digits =
        scientific.bytes().iter().take_while(|&&byte| byte != b'e').filter(|byte| byte.is_ascii_digit()).count();
    if digits >= AMBIGUOUS_DIGITS {
        // The double may be exactly between two such notations: PHP uses the even one, Rust the greater one. With a
        // precision, both round to even.
        scientific = Buffer::default();
        let _ = write!(scientific, "{number:.*e}", digits - 1);
    }
    write_gcvt(scientific.bytes(), 17, exponent, out);
}

/// Appends a double as PHP's `(string)` cast does: 14 significant digits (`precision = 14`), `NAN`,
/// `INF`.
pub(crate) fn write_cast(number: f64, out: &mut Vec<u8>) {
    if number.is_nan() {
        out.extend_from_slice(b"NAN");
    } else if number.is_infinite() {
        out.extend_from_slice(if number > 0.0 { b"INF" } else { b"-INF" });
    } else {
        let mut scientific = Buffer::default();
        let _ = write!(scientific, "{number:.13e}");
        write_gcvt(scientific.bytes(), 14, b'E', out);
    }
}

/// Formats `d.ddde±x` as `php_gcvt` does: in fixed notation if the point is within `precision` digits and at most three
/// zeros follow it.
fn write_gcvt(scientific: &[u8], precision: i32, exponent: u8, out: &mut Vec<u8>) {
    let (negative, unsigned) = match scientific {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    if negative {
        out.push(b'-');
    }
    let split = unsigned.iter().position(|&byte| byte == b'e').unwrap_or(unsigned.len());
    let power = std::str::from_utf8(&unsigned[(split + 1).min(unsigned.len())..])
        .ok()
        .and_then(|text| text.parse::<i32>().ok())
        .unwrap_or(0);
    let mut digits = Buffer::default();
    for &byte in unsigned[..split].iter().filter(|byte| byte.is_ascii_digit()) {
        digits.push(byte);
    }
    let digits = trim_zeros(digits.bytes());
    let point = power + 1;
    if point < -3 || point > precision {
        write_exponential(digits, power, exponent, out);
    } else {
        write_fixed(digits, point, out);
    }
}

fn trim_zeros(digits: &[u8]) -> &[u8] {
    let len = digits.iter().rposition(|&digit| digit != b'0').map_or(1, |last| last + 1);
    &digits[..len]
}

fn write_exponential(digits: &[u8], power: i32, exponent: u8, out: &mut Vec<u8>) {
    out.push(digits[0]);
    out.push(b'.');
    out.extend_from_slice(if digits.len() > 1 { &digits[1..] } else { b"0" });
    out.push(exponent);
    out.push(if power < 0 { b'-' } else { b'+' });
    let mut buffer = Buffer::default();
    let _ = write!(buffer, "{}", power.unsigned_abs());
    out.extend_from_slice(buffer.bytes());
}

fn write_fixed(digits: &[u8], point: i32, out: &mut Vec<u8>) {
    let zeros = |count: usize| std::iter::repeat_n(b'0', count);
    let Ok(whole) = usize::try_from(point) else {
        out.extend_from_slice(b"0.");
        out.extend(zeros(usize::try_from(-point).unwrap_or(0)));
        return out.extend_from_slice(digits);
    };
    if whole == 0 {
        out.extend_from_slice(b"0.");
        out.extend_from_slice(digits);
    } else if digits.len() <= whole {
        out.extend_from_slice(digits);
        out.extend(zeros(whole - digits.len()));
    } else {
        out.extend_from_slice(&digits[..whole]);
        out.push(b'.');
        out.extend_from_slice(&digits[whole..]);
    }
}

/// A small buffer on the stack.
struct Buffer {
    bytes: [u8; MAX_LEN],
    len: usize,
}

impl Default for Buffer {
    fn default() -> Self {
        Self { bytes: [0; MAX_LEN], len: 0 }
    }
}

impl Buffer {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, byte: u8) {
        if let Some(free) = self.bytes.get_mut(self.len) {
            *free = byte;
            self.len += 1;
        }
    }
}

impl Write for Buffer {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        text.bytes().for_each(|byte| self.push(byte));
        Ok(())
    }
}
