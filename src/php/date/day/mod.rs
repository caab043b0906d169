//! The date formats of timelib that name a day.

mod numeric;
mod textual;

use self::numeric::{american, before_time, compact, dashed, dotted, exif, ordinal, short_dashed, slashed, week};
use self::textual::{log_entry, month_and_day, month_of_year, name, textual, textual_american, textual_reverse};
use super::calendar::{date_of, days_of, weekday};
use super::scan::Scanner;

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/// The readers, in the order in which they are tried.
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

/// A day as it is written.
#[derive(Clone, Copy)]
pub(super) struct Day {
    date: Date,
    /// The weekday written in front, Sunday being 0.
    weekday: Option<i64>,
}

#[derive(Clone, Copy)]
enum Date {
    /// Days since 1970-01-01.
    Whole(i64),
    /// Month and day, of a year that comes later or is the present one.
    OfYear(i64, i64),
}

impl Day {
    /// The day that is no more than a number.
    pub(super) fn numbered(number: i64) -> Self {
        Self { date: Date::Whole(number), weekday: None }
    }

    /// The same day of `year`, if no year was written with it.
    pub(super) fn of_year(self, year: i64) -> Option<Self> {
        match self.date {
            Date::Whole(_) => None,
            Date::OfYear(month, day) => Some(Self { date: Date::Whole(days_of(year, month, day)), ..self }),
        }
    }

    /// The day `later` days after this, counted from 1970-01-01; if a weekday was written, timelib goes on to the next
    /// one of that name. Without a year it is that of day `today`.
    pub(super) fn after(self, later: i64, today: i64) -> i64 {
        let number = match self.date {
            Date::Whole(number) => number,
            Date::OfYear(month, day) => days_of(date_of(today).0, month, day),
        };
        let day = number + later;
        self.weekday.map_or(day, |wanted| day + (wanted - weekday(day)).rem_euclid(7))
    }
}

/// Reads a day, with the name of its weekday in front or not.
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

/// Runs a reader that leaves the cursor where it was if it fails; a day ends where no digit
/// follows, or with a colon.
fn attempt(scanner: &mut Scanner<'_>, read: fn(&mut Scanner<'_>) -> Option<i64>) -> Option<i64> {
    let mut trial = scanner.clone();
    let read = read(&mut trial)?;
    let ends = trial.is_behind(b':') || !trial.peek().is_some_and(|byte| byte.is_ascii_digit());
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
