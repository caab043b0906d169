//! The notation of doubles.

/// Whether this is `iv | nv | nvexp` of the scanner: at least one digit, an optional point, and an optional exponent.
pub(super) fn is_decimal(token: &[u8]) -> bool {
    let sign = |part: &[u8]| match part {
        [b'+' | b'-', ..] => 1,
        _ => 0,
    };
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    let token = &token[sign(token)..];
    let (number, exponent) = match token.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(split) => (&token[..split], Some(&token[split + 1..])),
        None => (token, None),
    };
    let exponent = exponent.is_none_or(|part| {
        let part = &part[sign(part)..];
        !part.is_empty() && digits(part)
    });
    let (whole, fraction) = match number.iter().position(|&byte| byte == b'.') {
        Some(split) => (&number[..split], &number[split + 1..]),
        None => (number, &[][..]),
    };
    exponent && digits(whole) && digits(fraction) && whole.len() + fraction.len() > 0
}
