//! Moments as Carbon reads and writes them.
//!
//! Everything counts microseconds since 1970 in UTC; the calendar is the proleptic Gregorian one,
//! without leap seconds, as in timelib.

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

/// A moment, with the offset from UTC under which it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsedDate {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub micros: i64,
    /// How far the writer's clock was ahead of UTC.
    pub offset_seconds: i32,
}

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
