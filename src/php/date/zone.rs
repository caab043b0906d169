//! Offsets from UTC: numeric, by abbreviation, or by a name of the tz database.

use chrono::{DateTime, Duration, LocalResult, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;

use super::scan::Scanner;
use super::{MICROS_PER_SECOND, abbreviation};

/// The zone in a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Zone {
    /// A number of seconds ahead of UTC.
    Fixed(i32),
    /// A zone whose offset depends on the date.
    Named(Tz),
}

/// The offset of a zone from UTC at a time, in seconds.
pub(super) fn offset_at(micros: i64, tz: Tz) -> i32 {
    if tz == Tz::UTC {
        return 0;
    }
    DateTime::from_timestamp(micros.div_euclid(MICROS_PER_SECOND), 0)
        .map_or(0, |moment| tz.offset_from_utc_datetime(&moment.naive_utc()).fix().local_minus_utc())
}

/// The time of a local time in a zone, in microseconds. An ambiguous local time gives the time that PHP uses: the later one
/// east of UTC, the earlier one west of it. A local time in a gap is converted with the offset before the gap.
pub(in crate::php) fn from_local(local: &NaiveDateTime, tz: Tz) -> i64 {
    let micros = local.and_utc().timestamp_micros();
    let minus = |offset: i32| micros - i64::from(offset) * MICROS_PER_SECOND;
    match tz.offset_from_local_datetime(local) {
        LocalResult::Single(offset) => minus(offset.fix().local_minus_utc()),
        // As timelib: with the offset at a first estimate.
        LocalResult::Ambiguous(..) => minus(offset_at(minus(offset_at(micros, tz)), tz)),
        LocalResult::None => {
            let before = tz.offset_from_utc_datetime(&local.checked_sub_signed(Duration::days(1)).unwrap_or(*local));
            minus(before.fix().local_minus_utc())
        }
    }
}

/// Parses the `timezone` of a serialized date: `+02:00`, `Z` or an abbreviation.
pub(in crate::php) fn offset_from_text(text: &str) -> Option<i32> {
    let mut scanner = Scanner::new(text);
    match zone(&mut scanner)? {
        Zone::Fixed(offset) if scanner.is_done() => Some(offset),
        _ => None,
    }
}

/// Reads a zone: `+01:00`, `+0100`, `+1`, `Z`, `GMT`, `GMT+01:00`, `CEST`, `(CET)`, `Europe/Paris`.
pub(super) fn zone(scanner: &mut Scanner<'_>) -> Option<Zone> {
    if matches!(scanner.peek(), Some(b'+' | b'-')) {
        return offset(scanner).map(Zone::Fixed);
    }
    scanner.eat(b'(');
    let mut trial = scanner.clone();
    let zone = named(&mut trial).or_else(|| {
        trial = scanner.clone();
        abbreviated(&mut trial)
    })?;
    *scanner = trial;
    scanner.eat(b')');
    Some(zone)
}

/// A name of the tz database, unless it is an abbreviation.
fn named(scanner: &mut Scanner<'_>) -> Option<Zone> {
    let name = scanner.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'+'));
    let known = abbreviation::offset(name).map(Zone::Fixed);
    known.or_else(|| name.parse().ok().filter(|_| !is_shifted_gmt(name)).map(Zone::Named))
}

/// An abbreviation, with an optional offset for GMT: in timelib `GMT+1` is ahead of GMT, in the tz database behind it.
fn abbreviated(scanner: &mut Scanner<'_>) -> Option<Zone> {
    let word = scanner.word();
    let known = abbreviation::offset(word)?;
    let signed = matches!(scanner.peek(), Some(b'+' | b'-'));
    match word.eq_ignore_ascii_case("gmt") && signed {
        true => offset(scanner).map(Zone::Fixed),
        false => Some(Zone::Fixed(known)),
    }
}

fn is_shifted_gmt(name: &str) -> bool {
    name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("gmt")) && name[3..].starts_with(['+', '-'])
}

/// `[+-]` with `h`, `hh`, `hhmm`, `h:mm`, `hh:mm`, `hhmmss` or `hh:mm:ss`, up to 24 hours.
fn offset(scanner: &mut Scanner<'_>) -> Option<i32> {
    let sign = if scanner.eat(b'-') { -1 } else { i32::from(scanner.eat(b'+')) };
    let digits = scanner.take_while(u8::is_ascii_digit);
    let number = digits.parse::<i32>().ok()?;
    let mut part = || if scanner.eat(b':') { scanner.number(1, 2) } else { Some(0) };
    let [hours, minutes, seconds] = match digits.len() {
        1 | 2 => [number, i32::try_from(part()?).ok()?, i32::try_from(part()?).ok()?],
        4 => [number / 100, number % 100, 0],
        6 => [number / 10_000, number / 100 % 100, number % 100],
        _ => return None,
    };
    (hours <= 24 && minutes < 60 && seconds < 60).then_some(sign * (hours * 3600 + minutes * 60 + seconds))
}
