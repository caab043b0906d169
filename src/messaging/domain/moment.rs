//! When something happened to a message.

use chrono_tz::Tz;

use crate::php::date;

/// A moment in the three forms that it is needed in.
#[derive(Clone, Debug)]
pub struct MessageTime {
    /// Microseconds since 1970.
    pub micros: i64,
    /// As Laravel's tables hold it, in the application's zone and without saying so.
    pub stored: String,
    /// As messages say it: as it is told to who reads what is stored, in the hour that clocks show twice, too.
    pub told: String,
}

impl MessageTime {
    /// The moment so many microseconds after 1970, for an application in that zone.
    pub fn at(micros: i64, zone: Tz) -> Self {
        let stored = date::database(micros, zone);
        let read = date::from_database(&stored, zone).unwrap_or(micros);
        Self { micros, told: date::iso8601(read, zone), stored }
    }
}
