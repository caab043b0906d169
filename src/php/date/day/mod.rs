//! The formats of days in timelib.

mod numeric;
mod textual;

use self::numeric::{american, before_time, compact, dashed, dotted, exif, ordinal, short_dashed, slashed, week};
use self::textual::{log_entry, month_and_day, month_of_year, name, textual, textual_american, textual_reverse};
use super::calendar::{date_of, days_of, weekday};
use super::scan::Scanner;

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/// The readers, in the order of attempts.
const FORMATS: [fn(&mut Scanner<'_>) -> Option<i64>; 14] = [
    week,
    dashed,
    short_dashed,
    slashed,
    american,
    month_of_year,
    textual,
    textual_american,
    textual_reverse,
    log_entry,
    exif,
    dotted,
    compact,
    ordinal,
];

/// A day as written in a text.
#[derive(Clone, Copy)]
pub(super) struct Day {
    date: Date,
    /// The weekday before the date; Sunday is 0.
    weekday: Option<i64>,
}

#[derive(Clone, Copy)]
enum Date {
    /// Days since 1970-01-01.
    Whole(i64),
    /// Month and day; the year follows later in the text, or is the current one.
    OfYear(i64, i64),
}

impl Day {
    /// A day by its number since 1970-01-01.
    pub(super) fn numbered(number: i64) -> Self {
        Self { date: Date::Whole(number), weekday: None }
    }

    /// The same day in `year`; `None` if it already has a year.
    pub(super) fn of_year(self, year: i64) -> Option<Self> {
        match self.date {
            Date::Whole(_) => None,
            Date::OfYear(month, day) => Some(Self { date: Date::Whole(days_of(year, month, day)), ..self }),
        }
    }

    /// The day `later` days after this one, counted from 1970-01-01; with a weekday, the next day of that name, as in timelib.
    /// A missing year is that of the day `today`.
    pub(super) fn after(self, later: i64, today: i64) -> i64 {
        let number = match self.date {
            Date::Whole(number) => number,
            Date::OfYear(month, day) => days_of(date_of(today).0, month, day),
        };
        let day = number + later;
        self.weekday.map_or(day, |wanted| day + (wanted - weekday(day)).rem_euclid(7))
    }
}

/// Reads a day, with an optional weekday before it.
pub(super) fn day(scanner: &mut Scanner<'_>) -> Option<Day> {
    let mut trial = scanner.clone();
    let weekday = leading_weekday(&mut trial);
    let whole = FORMATS.into_iter().find_map(|format| attempt(&mut trial, format)).or_else(|| before_time(&mut trial));
    let date = match whole {
        Some(number) => Date::Whole(number),
        None => month_and_day(&mut trial).map(|(month, day)| Date::OfYear(month, day))?,
    };
    *scanner = trial;
    Some(Day { date, weekday })
}

/// Runs a reader; restores the cursor if it fails. A day must end before a non-digit, or with a colon.
fn attempt(scanner: &mut Scanner<'_>, read: fn(&mut Scanner<'_>) -> Option<i64>) -> Option<i64> {
    let mut trial = scanner.clone();
    let read = read(&mut trial)?;
    let ends = trial.is_after(b':') || !trial.peek().is_some_and(|byte| byte.is_ascii_digit());
    ends.then_some(())?;
    *scanner = trial;
    Some(read)
}

/// `Wed, `
fn leading_weekday(scanner: &mut Scanner<'_>) -> Option<i64> {
    let mut trial = scanner.clone();
    let number = name(trial.word(), &WEEKDAYS)?;
    trial.eat(b',');
    trial.skip_space();
    *scanner = trial;
    Some(number)
}
