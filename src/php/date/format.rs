//! Formats times without format strings, which are too slow for heartbeats.

use chrono_tz::Tz;

use super::calendar::LocalTime;
use super::{ParsedDate, zone};

impl ParsedDate {
    /// ISO 8601 with the offset of the text, as `Carbon::toIso8601String`:
    /// `2026-03-04T06:06:07+01:00`.
    pub fn iso8601(&self) -> String {
        let mut out = Vec::with_capacity(32);
        write_iso8601(self.micros, self.offset_seconds, &mut out);
        into_string(out)
    }

    /// The local time with the offset of the text, as `Carbon::toDateTimeString`: `2026-03-04 06:06:07`.
    pub fn database(&self) -> String {
        let mut out = Vec::with_capacity(32);
        write_local(&LocalTime::at(self.micros, self.offset_seconds), b' ', &mut out);
        into_string(out)
    }
}

/// ISO 8601 in a time zone, in seconds: `2026-03-04T06:06:07+01:00`.
pub fn iso8601(micros: i64, tz: Tz) -> String {
    let mut out = Vec::with_capacity(32);
    iso8601_into(micros, tz, &mut out);
    into_string(out)
}

/// Appends the text of [`iso8601`].
pub fn iso8601_into(micros: i64, tz: Tz, out: &mut Vec<u8>) {
    write_iso8601(micros, zone::offset_at(micros, tz), out);
}

/// The local time in a time zone, as in database columns: `2026-03-04 05:06:07`.
pub fn database(micros: i64, tz: Tz) -> String {
    ParsedDate { micros, offset_seconds: zone::offset_at(micros, tz) }.database()
}

/// The JSON form of Carbon, always UTC with microseconds: `2026-03-04T05:06:07.000000Z`.
pub fn to_json(micros: i64) -> String {
    let mut out = Vec::with_capacity(32);
    to_json_into(micros, &mut out);
    into_string(out)
}

/// Appends the text of [`to_json`], without quotes.
pub fn to_json_into(micros: i64, out: &mut Vec<u8>) {
    let local = LocalTime::at(micros, 0);
    if let Some(year) = four_digits(local.year) {
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        fill(&mut text, year, &local);
        for (position, pair) in [(20, local.micro / 10_000), (22, local.micro / 100), (24, local.micro)] {
            text[position..position + 2].copy_from_slice(&two(pair));
        }
        return out.extend_from_slice(&text);
    }
    // Carbon's isoFormat('YYYYYY').
    out.push(if local.year < 0 { b'-' } else { b'+' });
    write_padded(local.year.unsigned_abs(), 6, out);
    write_after_year(&local, b'T', out);
    out.push(b'.');
    write_padded(local.micro.into(), 6, out);
    out.push(b'Z');
}

fn write_iso8601(micros: i64, offset: i32, out: &mut Vec<u8>) {
    let local = LocalTime::at(micros, offset);
    let ([hour_tens, hour], [minute_tens, minute]) =
        (two(offset.unsigned_abs() / 3600), two(offset.unsigned_abs() / 60 % 60));
    let sign = if offset < 0 { b'-' } else { b'+' };
    let offset = [sign, hour_tens, hour, b':', minute_tens, minute];
    if let Some(year) = four_digits(local.year) {
        let mut text = *b"0000-00-00T00:00:00+00:00";
        fill(&mut text, year, &local);
        text[19..].copy_from_slice(&offset);
        return out.extend_from_slice(&text);
    }
    write_local(&local, b'T', out);
    out.extend_from_slice(&offset);
}

fn four_digits(year: i64) -> Option<u32> {
    u32::try_from(year).ok().filter(|year| *year <= 9_999)
}

/// Repositions the digits of `0000-00-00T00:00:00`. Fast, as every record has one such text and every response several.
fn fill(text: &mut [u8], year: u32, local: &LocalTime) {
    let fields = [local.month, local.day, local.hour, local.minute, local.second].map(u32::from);
    text[..2].copy_from_slice(&two(year / 100));
    text[2..4].copy_from_slice(&two(year));
    for (position, field) in [5, 8, 11, 14, 17].into_iter().zip(fields) {
        text[position..position + 2].copy_from_slice(&two(field));
    }
}

fn write_local(local: &LocalTime, separator: u8, out: &mut Vec<u8>) {
    write_year(local.year, out);
    write_after_year(local, separator, out);
}

/// PHP's `Y`: at least four digits, with a minus for negative years.
fn write_year(year: i64, out: &mut Vec<u8>) {
    if year < 0 {
        out.push(b'-');
    }
    write_padded(year.unsigned_abs(), 4, out);
}

fn write_after_year(local: &LocalTime, separator: u8, out: &mut Vec<u8>) {
    let fields =
        [(b'-', local.month), (b'-', local.day), (separator, local.hour), (b':', local.minute), (b':', local.second)];
    let mut text = [0; 15];
    for (position, (before, field)) in text.chunks_exact_mut(3).zip(fields) {
        let [tens, units] = two(field.into());
        position.copy_from_slice(&[before, tens, units]);
    }
    out.extend_from_slice(&text);
}

/// The last two decimal digits.
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
