//! Parses dates and times as `Carbon::parse` (timelib) does, as far as presence records and messages contain them: dates,
//! times, zones and steps such as `+1 day`. Not supported are phrases such as `next monday`, `first day of march` or
//! `tomorrow noon`, the unit `weekday`, Roman months, and numbers with an exponent.

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;

use super::calendar::days_of;
use super::day::Day;
use super::number::timestamp;
use super::relative::Steps;
use super::scan::Scanner;
use super::zone::{Zone, from_local, offset_at, zone};
use super::{MICROS_PER_SECOND, ParsedDate, SECONDS_PER_DAY, clock, day};

const MICROS_PER_DAY: i64 = MICROS_PER_SECOND * SECONDS_PER_DAY;

/// A text that is not a date and time, or not a supported one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date and time")]
pub struct ParseError;

/// Parses a time as `Carbon::parse` does in an application with the zone UTC; `now_micros` is used for `now`, for the empty
/// text and for missing parts.
///
/// # Errors
///
/// [`ParseError`] for texts that PHP rejects, and for relative phrases other than `now`, `today`, `midnight`, `noon`,
/// `tomorrow`, `yesterday` and steps from there or from a date.
pub fn parse(text: &str, now_micros: i64) -> Result<ParsedDate, ParseError> {
    if let Some(moment) = canonical(text.as_bytes()) {
        return Ok(moment);
    }
    let trimmed = text.trim_matches([' ', '\t', '\n', '\r', '\0', '\u{b}']);
    word(trimmed, now_micros)
        .or_else(|| timestamp(trimmed))
        .map(utc)
        .or_else(|| date_and_time(trimmed, now_micros))
        .ok_or(ParseError)
}

/// A fast path for the form that Carbon and the sidecar write and every record has: `2026-03-04T06:06:07+01:00`.
fn canonical(text: &[u8]) -> Option<ParsedDate> {
    let text: &[u8; 25] = text.try_into().ok()?;
    let punctuation = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (22, b':')];
    if punctuation.iter().any(|&(position, mark)| text[position] != mark) {
        return None;
    }
    let number = |position: usize, below: i64| -> Option<i64> {
        let [tens, units] = [text[position], text[position + 1]].map(|digit| i64::from(digit.wrapping_sub(b'0')));
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
    Some(ParsedDate { micros: seconds * MICROS_PER_SECOND, offset_seconds: i32::try_from(offset).ok()? })
}

fn utc(micros: i64) -> ParsedDate {
    ParsedDate { micros, offset_seconds: 0 }
}

fn word(text: &str, now: i64) -> Option<i64> {
    let day = MICROS_PER_DAY;
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

/// The parts of a text that were read.
#[derive(Default)]
struct DateParts {
    day: Option<Day>,
    /// Microseconds since midnight.
    time: Option<i64>,
    zone: Option<Zone>,
    /// The number of zones: timelib uses the first one, and accepts a second one.
    zones: usize,
    /// Whether a zone began with a sign.
    signed: bool,
    steps: Steps,
    stepped: bool,
}

fn date_and_time(text: &str, now: i64) -> Option<ParsedDate> {
    let mut scanner = Scanner::new(text);
    let mut parts = DateParts::default();
    if !parts.word(&mut scanner, now) {
        parts.day_and_time(&mut scanner)?;
    }
    scanner.skip_space();
    while !scanner.is_done() {
        parts.more(&mut scanner)?;
        scanner.skip_space();
    }
    parts.resolve(now)
}

impl DateParts {
    /// Reads `tomorrow` and the like.
    fn word(&mut self, scanner: &mut Scanner<'_>, now: i64) -> bool {
        let mut trial = scanner.clone();
        let Some(base) = Some(trial.word()).filter(|text| !text.is_empty()).and_then(|text| word(text, now)) else {
            return false;
        };
        *scanner = trial;
        self.day = Some(Day::numbered(base.div_euclid(MICROS_PER_DAY)));
        self.time = Some(base.rem_euclid(MICROS_PER_DAY));
        // The word is relative to the day in UTC, so no zone may follow.
        self.zones = 2;
        true
    }

    /// Reads a day, a time, or both; `None` if a `T` has no time after it.
    fn day_and_time(&mut self, scanner: &mut Scanner<'_>) -> Option<()> {
        self.day = day::day(scanner);
        let apart = scanner.skip_space() || scanner.is_after(b':');
        let marked = scanner.eat(b'T');
        let adjacent = scanner.peek().is_some_and(|byte| byte.is_ascii_digit());
        if self.day.is_none() || apart || marked || adjacent {
            self.time = clock::time(scanner);
        }
        if marked && self.time.is_none() {
            self.time = Some(clock::hour(scanner)?);
        }
        Some(())
    }

    /// Reads a step, the missing year of a day, or a zone.
    fn more(&mut self, scanner: &mut Scanner<'_>) -> Option<()> {
        if self.steps.read(scanner) {
            self.stepped = true;
            return Some(());
        }
        let mut trial = scanner.clone();
        let year = trial.number(4, 4).filter(|_| !trial.peek().is_some_and(|byte| byte.is_ascii_digit()));
        if let Some(dated) = year.and_then(|year| self.day?.of_year(year)) {
            self.day = Some(dated);
            *scanner = trial;
            return Some(());
        }
        let signed = matches!(scanner.peek(), Some(b'+' | b'-'));
        let zone = zone(scanner)?;
        // Of two zones at most one has a sign, as in `+01:00 (CET)`.
        let fits = self.zones == 0 || (self.zones == 1 && !(signed && self.signed));
        self.zone = self.zone.or(Some(zone));
        self.zones += 1;
        self.signed |= signed;
        fits.then_some(())
    }

    /// The time of all parts, relative to `now`.
    fn resolve(self, now: i64) -> Option<ParsedDate> {
        let today = now.div_euclid(MICROS_PER_DAY);
        // Steps alone are relative to now; a day without a time starts at midnight.
        let alone = self.day.is_none() && self.time.is_none();
        if alone && (self.zones > 0 || !self.stepped) {
            return None;
        }
        let time = self.time.unwrap_or(if alone { now.rem_euclid(MICROS_PER_DAY) } else { 0 });
        let later = time / MICROS_PER_DAY;
        let day = self.day.map_or(today + later, |day| day.after(later, today));
        let day = self.steps.add_to_day(day);
        let local = day.checked_mul(MICROS_PER_DAY)?.checked_add(time % MICROS_PER_DAY)?;
        let moment = in_zone(local, self.zone.unwrap_or(Zone::Fixed(0)))?;
        moment.after(self.steps.micros(), self.zone)
    }
}

fn in_zone(local: i64, zone: Zone) -> Option<ParsedDate> {
    match zone {
        Zone::Fixed(offset_seconds) => {
            let micros = local.checked_sub(i64::from(offset_seconds) * MICROS_PER_SECOND)?;
            Some(ParsedDate { micros, offset_seconds })
        }
        Zone::Named(tz) => {
            let local = DateTime::from_timestamp_micros(local)?.naive_utc();
            // With a zone in the text, an ambiguous time is always the earlier one.
            let micros = match tz.offset_from_local_datetime(&local) {
                LocalResult::Ambiguous(earlier, _) => {
                    let offset = i64::from(earlier.fix().local_minus_utc());
                    local.and_utc().timestamp_micros() - offset * MICROS_PER_SECOND
                }
                LocalResult::Single(_) | LocalResult::None => from_local(&local, tz),
            };
            // Looked up again, because a time in a gap has the offset after the gap.
            Some(ParsedDate { micros, offset_seconds: offset_at(micros, tz) })
        }
    }
}

impl ParsedDate {
    /// The time `micros` later, with the offset at that time.
    fn after(self, micros: i64, zone: Option<Zone>) -> Option<Self> {
        let micros = self.micros.checked_add(micros)?;
        let offset_seconds = match zone {
            Some(Zone::Named(tz)) => offset_at(micros, tz),
            Some(Zone::Fixed(_)) | None => self.offset_seconds,
        };
        Some(Self { micros, offset_seconds })
    }
}

/// Parses a local time from a database column, `2026-03-04 05:06:07` with an optional fraction; returns microseconds since
/// 1970, or `None` for anything else.
pub fn from_database(text: &str, tz: Tz) -> Option<i64> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok().map(|local| from_local(&local, tz))
}
