//! Times that are a number of seconds.

use super::scan::Scanner;
use super::{MICROS_PER_SECOND, clock};

/// `@1772600767`; or, without the `@`, a number that cannot be a date: signed, with a fraction, or with 15 or more digits.
pub(super) fn timestamp(text: &str) -> Option<i64> {
    match text.strip_prefix('@') {
        Some(number) if number.starts_with('+') => None,
        Some(number) => seconds(number).filter(|_| number.split('.').nth(1).is_none_or(|fraction| fraction.len() <= 6)),
        None if text.len() <= 14 && text.bytes().all(|byte| byte.is_ascii_digit()) => None,
        None => rounded(text).or_else(|| seconds(text)),
    }
}

/// Seconds with a fraction finer than microseconds, which Carbon rounds in numbers, or without digits before the point.
fn rounded(number: &str) -> Option<i64> {
    let (whole, fraction) = number.split_once('.')?;
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit()) && !fraction.is_empty();
    let (sign, whole) = match whole.strip_prefix('-') {
        Some(whole) => (-1, whole),
        None => (1, whole.strip_prefix('+').unwrap_or(whole)),
    };
    let seconds = match whole {
        "" => 0,
        whole => whole.bytes().all(|byte| byte.is_ascii_digit()).then(|| whole.parse::<i64>().ok())??,
    };
    let micros = from_float(digits.then(|| format!("0.{fraction}").parse::<f64>().ok())??)?;
    seconds.checked_mul(MICROS_PER_SECOND)?.checked_add(micros).map(|magnitude| sign * magnitude)
}

/// Seconds with an optional sign and fraction, in microseconds.
fn seconds(number: &str) -> Option<i64> {
    let mut scanner = Scanner::new(number);
    let negative = scanner.eat(b'-');
    let _explicit = !negative && scanner.eat(b'+');
    let whole = scanner.take_while(u8::is_ascii_digit);
    let micros = clock::fraction(&mut scanner).filter(|_| scanner.is_done())?;
    let magnitude = whole.parse::<i64>().ok()?.checked_mul(MICROS_PER_SECOND)?.checked_add(micros)?;
    Some(if negative { -magnitude } else { magnitude })
}

/// The time of a float, as in Carbon: seconds since 1970, rounded to microseconds. `None` for NaN and values out of range.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
pub fn from_float(seconds: f64) -> Option<i64> {
    let micros = (seconds * 1e6).round();
    (micros.abs() < 9e18).then_some(micros as i64)
}
