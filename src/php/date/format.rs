//! Writing moments: by hand, because a heartbeat writes one and format strings are slow.

use chrono_tz::Tz;

use super::calendar::Civil;
use super::{ParsedDate, zone};

impl ParsedDate {
    /// ISO 8601 under the moment's own offset, as `Carbon::toIso8601String`:
    /// `2026-03-04T06:06:07+01:00`.
    pub fn iso8601(&self) -> String {
        let mut out = Vec::with_capacity(32);
        write_iso8601(self.micros, self.offset_seconds, &mut out);
        into_string(out)
    }

    /// The wall clock under the moment's own offset, as `Carbon::toDateTimeString`: `2026-03-04
    /// 06:06:07`.
    pub fn database(&self) -> String {
        let mut out = Vec::with_capacity(32);
        write_civil(&Civil::at(self.micros, self.offset_seconds), b' ', &mut out);
        into_string(out)
    }
}

/// ISO 8601 in an application's zone, to the second: `2026-03-04T06:06:07+01:00`.
pub fn iso8601(micros: i64, tz: Tz) -> String {
    let mut out = Vec::with_capacity(32);
    iso8601_into(micros, tz, &mut out);
    into_string(out)
}

/// Appends what [`iso8601`] gives.
pub fn iso8601_into(micros: i64, tz: Tz, out: &mut Vec<u8>) {
    write_iso8601(micros, zone::offset_at(micros, tz), out);
}

/// The wall clock of an application's zone, as its database columns hold it: `2026-03-04 05:06:07`.
pub fn database(micros: i64, tz: Tz) -> String {
    ParsedDate { micros, offset_seconds: zone::offset_at(micros, tz) }.database()
}

/// Carbon's JSON, always UTC with microseconds: `2026-03-04T05:06:07.000000Z`.
pub fn to_json(micros: i64) -> String {
    let mut out = Vec::with_capacity(32);
    to_json_into(micros, &mut out);
    into_string(out)
}

/// Appends what [`to_json`] gives, without quotes.
pub fn to_json_into(micros: i64, out: &mut Vec<u8>) {
    let civil = Civil::at(micros, 0);
    if let Some(year) = four_digits(civil.year) {
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        fill(&mut text, year, &civil);
        for (place, pair) in [(20, civil.micro / 10_000), (22, civil.micro / 100), (24, civil.micro)] {
            text[place..place + 2].copy_from_slice(&two(pair));
        }
        return out.extend_from_slice(&text);
    }
    // Carbon's isoFormat('YYYYYY').
    out.push(if civil.year < 0 { b'-' } else { b'+' });
    write_padded(civil.year.unsigned_abs(), 6, out);
    write_after_year(&civil, b'T', out);
    out.push(b'.');
    write_padded(civil.micro.into(), 6, out);
    out.push(b'Z');
}

fn write_iso8601(micros: i64, offset: i32, out: &mut Vec<u8>) {
    let civil = Civil::at(micros, offset);
    let ([hour_tens, hour], [minute_tens, minute]) =
        (two(offset.unsigned_abs() / 3600), two(offset.unsigned_abs() / 60 % 60));
    let sign = if offset < 0 { b'-' } else { b'+' };
    let offset = [sign, hour_tens, hour, b':', minute_tens, minute];
    if let Some(year) = four_digits(civil.year) {
        let mut text = *b"0000-00-00T00:00:00+00:00";
        fill(&mut text, year, &civil);
        text[19..].copy_from_slice(&offset);
        return out.extend_from_slice(&text);
    }
    write_civil(&civil, b'T', out);
    out.extend_from_slice(&offset);
}

fn four_digits(year: i64) -> Option<u32> {
    u32::try_from(year).ok().filter(|year| *year <= 9_999)
}

/// Writes over the digits of `0000-00-00T00:00:00`, all at once: one of these is in every record and several in every
/// answer.
fn fill(text: &mut [u8], year: u32, civil: &Civil) {
    let fields = [civil.month, civil.day, civil.hour, civil.minute, civil.second].map(u32::from);
    text[..2].copy_from_slice(&two(year / 100));
    text[2..4].copy_from_slice(&two(year));
    for (place, field) in [5, 8, 11, 14, 17].into_iter().zip(fields) {
        text[place..place + 2].copy_from_slice(&two(field));
    }
}

fn write_civil(civil: &Civil, separator: u8, out: &mut Vec<u8>) {
    write_year(civil.year, out);
    write_after_year(civil, separator, out);
}

/// PHP's `Y`: at least four digits, a minus before Christ.
fn write_year(year: i64, out: &mut Vec<u8>) {
    if year < 0 {
        out.push(b'-');
    }
    write_padded(year.unsigned_abs(), 4, out);
}

fn write_after_year(civil: &Civil, separator: u8, out: &mut Vec<u8>) {
    let fields =
        [(b'-', civil.month), (b'-', civil.day), (separator, civil.hour), (b':', civil.minute), (b':', civil.second)];
    let mut text = [0; 15];
    for (place, (before, field)) in text.chunks_exact_mut(3).zip(fields) {
        let [tens, units] = two(field.into());
        place.copy_from_slice(&[before, tens, units]);
    }
    out.extend_from_slice(&text);
}

/// The last two digits.
fn two(number: u32) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

fn write_padded(number: u64, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    let mut rest = number;
    while rest > 0 {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits[start.min(digits.len() - width)..]);
}

fn into_string(ascii: Vec<u8>) -> String {
    String::from_utf8(ascii).unwrap_or_default()
}
