//! The formats of times of day in timelib.

use super::MICROS_PER_SECOND;
use super::scan::Scanner;

/// Reads a time of day in microseconds since midnight: `05:06`, `05:06:07`, `05.06.07`,
/// `05:06:07.25`, `050607`, `5:06 pm`, `5 pm`. Hour 24 and second 60 carry over.
pub(super) fn time(scanner: &mut Scanner<'_>) -> Option<i64> {
    let mut trial = scanner.clone();
    let read = with_colons(&mut trial).or_else(|| {
        trial = scanner.clone();
        compact(&mut trial)
    });
    let read = read.or_else(|| {
        trial = scanner.clone();
        twelve_hour_clock(&mut trial)
    })?;
    *scanner = trial;
    Some(read)
}

fn with_colons(scanner: &mut Scanner<'_>) -> Option<i64> {
    let hour = scanner.field(0..=24)?;
    let minute = scanner.eat_any(b":.").then(|| scanner.field(0..=59))??;
    let (second, micros) = if scanner.eat_any(b":.") { (scanner.field(0..=60)?, fraction(scanner)?) } else { (0, 0) };
    let hour = meridian(scanner, hour)?;
    in_micros(hour, minute, second).map(|time| time + micros)
}

fn compact(scanner: &mut Scanner<'_>) -> Option<i64> {
    let hour = scanner.number(2, 2).filter(|hour| *hour <= 24)?;
    let minute = scanner.number(2, 2).filter(|minute| *minute <= 59)?;
    let second = scanner.number(2, 2).unwrap_or(0);
    let ends = !scanner.peek().is_some_and(|byte| byte.is_ascii_digit());
    (ends && second <= 60).then(|| in_micros(hour, minute, second)).flatten()
}

/// `5pm`
fn twelve_hour_clock(scanner: &mut Scanner<'_>) -> Option<i64> {
    let hour = scanner.field(1..=12)?;
    let is_number_alone = scanner.is_done();
    let hour = meridian(scanner, hour)?;
    (!is_number_alone && scanner.is_done()).then(|| in_micros(hour, 0, 0)).flatten()
}

/// An hour alone, which may follow a `T`.
pub(super) fn hour(scanner: &mut Scanner<'_>) -> Option<i64> {
    let hour = scanner.field(0..=24)?;
    let ends = !scanner.peek().is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'));
    ends.then(|| in_micros(hour, 0, 0)).flatten()
}

fn in_micros(hour: i64, minute: i64, second: i64) -> Option<i64> {
    ((hour * 60 + minute) * 60 + second).checked_mul(MICROS_PER_SECOND)
}

/// `.123456789`, truncated to microseconds; zero if there is no point.
pub(super) fn fraction(scanner: &mut Scanner<'_>) -> Option<i64> {
    if !scanner.eat(b'.') {
        return Some(0);
    }
    let digits = scanner.take_while(u8::is_ascii_digit);
    if digits.is_empty() {
        return None;
    }
    let micros = digits.bytes().chain(std::iter::repeat(b'0')).take(6);
    Some(micros.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0')))
}

/// The hour with an optional `am` or `pm`, which must be the end of the text.
fn meridian(scanner: &mut Scanner<'_>, hour: i64) -> Option<i64> {
    let mut trial = scanner.clone();
    trial.skip_space();
    let word = trial.word();
    let afternoon = word.eq_ignore_ascii_case("pm");
    if !afternoon && !word.eq_ignore_ascii_case("am") {
        return Some(hour);
    }
    if !trial.is_done() {
        return None;
    }
    *scanner = trial;
    (1..=12).contains(&hour).then_some(hour % 12 + if afternoon { 12 } else { 0 })
}
