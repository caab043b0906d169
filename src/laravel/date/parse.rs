//! Reading moments, as far as presence records and messages hold them: what `Carbon::parse`
//! (timelib) makes of dates, times and zones, but not of phrases such as `next monday`.

use chrono::{DateTime, NaiveDateTime};
use chrono_tz::Tz;

use super::civil::days_of;
use super::scan::Scanner;
use super::zone::{Zone, from_local, offset_at, zone};
use super::{MICROS_PER_SECOND, Moment, SECONDS_PER_DAY, clock, day};

/// A text that names no moment, or one that is not understood here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date and time")]
pub struct ParseError;

/// Reads a moment as `Carbon::parse` does in an application whose zone is UTC; `now_micros` is the
/// clock for `now`, for the empty text and for the parts a text leaves out.
///
/// # Errors
///
/// [`ParseError`] for what PHP refuses, and for relative phrases other than `now`, `today`,
/// `midnight`, `noon`, `tomorrow` and `yesterday`.
pub fn parse(text: &str, now_micros: i64) -> Result<Moment, ParseError> {
    if let Some(moment) = canonical(text.as_bytes()) {
        return Ok(moment);
    }
    let trimmed = text.trim_matches([' ', '\t', '\n', '\r', '\0', '\u{b}']);
    word(trimmed, now_micros)
        .map(utc)
        .or_else(|| timestamp(trimmed).map(utc))
        .or_else(|| date_and_time(trimmed, now_micros))
        .ok_or(ParseError)
}

/// The form that Carbon and the sidecar write, `2026-03-04T06:06:07+01:00`, read in one go: it is in every record.
fn canonical(text: &[u8]) -> Option<Moment> {
    let text: &[u8; 25] = text.try_into().ok()?;
    let punctuation = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (22, b':')];
    if punctuation.iter().any(|&(place, mark)| text[place] != mark) {
        return None;
    }
    let number = |place: usize, below: i64| -> Option<i64> {
        let [tens, units] = [text[place], text[place + 1]].map(|digit| i64::from(digit.wrapping_sub(b'0')));
        (tens < 10 && units < 10 && tens * 10 + units < below).then_some(tens * 10 + units)
    };
    let year = number(0, 100)? * 100 + number(2, 100)?;
    let (month, day) = (number(5, 13).filter(|&month| month > 0)?, number(8, 32).filter(|&day| day > 0)?);
    let clock = number(11, 24)? * 3600 + number(14, 60)? * 60 + number(17, 60)?;
    let offset = number(20, 15)? * 3600 + number(23, 60)? * 60;
    let offset = match text[19] {
        b'+' => offset,
        b'-' => -offset,
        _ => return None,
    };
    let seconds = days_of(year, month, day) * SECONDS_PER_DAY + clock - offset;
    Some(Moment { micros: seconds * MICROS_PER_SECOND, offset_seconds: i32::try_from(offset).ok()? })
}

fn utc(micros: i64) -> Moment {
    Moment { micros, offset_seconds: 0 }
}

fn word(text: &str, now: i64) -> Option<i64> {
    let day = MICROS_PER_SECOND * SECONDS_PER_DAY;
    let midnight = now.saturating_sub(now.rem_euclid(day));
    match text.to_ascii_lowercase().as_str() {
        // "0" is empty to PHP.
        "" | "0" | "now" => Some(now),
        "today" | "midnight" => Some(midnight),
        "noon" => Some(midnight.saturating_add(day / 2)),
        "tomorrow" => Some(midnight.saturating_add(day)),
        "yesterday" => Some(midnight.saturating_sub(day)),
        _ => None,
    }
}

/// `@1772600767`, or without the `@` a number that cannot be a date: signed, with a fraction, or of
/// 15 digits and more.
fn timestamp(text: &str) -> Option<i64> {
    match text.strip_prefix('@') {
        Some(number) if number.starts_with('+') => None,
        Some(number) => seconds(number).filter(|_| number.split('.').nth(1).is_none_or(|fraction| fraction.len() <= 6)),
        None if text.len() <= 14 && text.bytes().all(|byte| byte.is_ascii_digit()) => None,
        None => seconds(text),
    }
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

fn date_and_time(text: &str, now: i64) -> Option<Moment> {
    let mut scanner = Scanner::new(text);
    let day = day::day(&mut scanner);
    let spaced = scanner.skip_space();
    let marked = scanner.eat(b'T');
    let time = if day.is_none() || spaced || marked { clock::time(&mut scanner) } else { None };
    if marked && time.is_none() {
        return None;
    }
    if day.is_none() && time.is_none() {
        return None;
    }
    scanner.skip_space();
    let zone = if scanner.is_done() { Zone::Fixed(0) } else { zone(&mut scanner)? };
    if !scanner.is_done() {
        return None;
    }
    let (time, micros_per_day) = (time.unwrap_or(0), MICROS_PER_SECOND * SECONDS_PER_DAY);
    let later = time / micros_per_day;
    let day = day.map_or(now.div_euclid(micros_per_day) + later, |day| day.after(later));
    in_zone(day * micros_per_day + time % micros_per_day, zone)
}

fn in_zone(local: i64, zone: Zone) -> Option<Moment> {
    match zone {
        Zone::Fixed(offset_seconds) => {
            let micros = local.checked_sub(i64::from(offset_seconds) * MICROS_PER_SECOND)?;
            Some(Moment { micros, offset_seconds })
        }
        Zone::Named(tz) => {
            let micros = from_local(&DateTime::from_timestamp_micros(local)?.naive_utc(), tz);
            // Asked again, because a time that a zone skips belongs to the offset after the gap.
            Some(Moment { micros, offset_seconds: offset_at(micros, tz) })
        }
    }
}

/// Reads a database column of an application's zone, `2026-03-04 05:06:07` with or without a fraction, in microseconds
/// since 1970; `None` for anything else.
pub fn from_database(text: &str, tz: Tz) -> Option<i64> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok().map(|local| from_local(&local, tz))
}
