//! The time of a message.

use chrono_tz::Tz;

use crate::php::date;

/// A point in time in the three forms that messages need.
#[derive(Clone, Debug)]
pub struct MessageTime {
    /// Microseconds since 1970.
    pub micros: i64,
    /// The text in Laravel's tables: in the application's time zone, without an offset.
    pub stored: String,
    /// The text in messages, ISO 8601: exactly what a reader gets from the stored text, also in the hour that clocks
    /// show twice at the end of summer time.
    pub iso8601: String,
}

impl MessageTime {
    /// The time `micros` microseconds after 1970, for an application in time zone `zone`.
    pub fn at(micros: i64, zone: Tz) -> Self {
        let stored = date::database(micros, zone);
        let read = date::from_database(&stored, zone).unwrap_or(micros);
        Self { micros, iso8601: date::iso8601(read, zone), stored }
    }

    /// The time with this text in Laravel's tables; `None` if it is none.
    pub fn from_stored(stored: &str, zone: Tz) -> Option<Self> {
        date::from_database(stored, zone).map(|micros| Self::at(micros, zone))
    }
}
