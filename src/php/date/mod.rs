//! Dates and times as Carbon parses and formats them.
//!
//! Times are microseconds since 1970-01-01T00:00:00Z. The calendar is the proleptic Gregorian one without leap seconds, as
//! in timelib.

mod abbreviation;
mod calendar;
mod clock;
mod day;
mod format;
mod number;
mod parse;
mod relative;
mod scan;
mod zone;

pub use self::format::{database, iso8601, iso8601_into, to_json, to_json_into};
pub use self::number::from_float;
pub use self::parse::{ParseError, from_database, parse};
pub(super) use self::zone::{from_local, offset_from_text};

/// A time, with the offset from UTC of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsedDate {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub micros: i64,
    /// The offset from UTC of the text, in seconds.
    pub offset_seconds: i32,
}

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
