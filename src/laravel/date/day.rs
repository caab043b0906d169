//! The date formats of timelib that name a day.

use super::civil::{days_of, weekday};
use super::scan::Scanner;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/// The readers, in the order in which they are tried.
const FORMATS: [fn(&mut Scanner<'_>) -> Option<i64>; 10] =
    [week, dashed, short_dashed, slashed, american, textual, textual_american, dotted, compact, ordinal];

/// A day as it is written.
#[derive(Clone, Copy)]
pub(super) struct Day {
    /// Days since 1970-01-01.
    pub number: i64,
    /// The weekday written in front, Sunday being 0.
    weekday: Option<i64>,
}

impl Day {
    /// The day `later` days after this; if a weekday was written, timelib goes on to the next one
    /// of that name.
    pub(super) fn after(self, later: i64) -> i64 {
        let day = self.number + later;
        self.weekday.map_or(day, |wanted| day + (wanted - weekday(day)).rem_euclid(7))
    }
}

/// Reads a day, with the name of its weekday in front or not.
pub(super) fn day(scanner: &mut Scanner<'_>) -> Option<Day> {
    let weekday = leading_weekday(scanner);
    let number = FORMATS.into_iter().find_map(|format| attempt(scanner, format))?;
    Some(Day { number, weekday })
}

/// Runs a reader that leaves the cursor where it was if it fails; a day ends where no digit
/// follows.
fn attempt(scanner: &mut Scanner<'_>, read: fn(&mut Scanner<'_>) -> Option<i64>) -> Option<i64> {
    let mut trial = scanner.clone();
    let read = read(&mut trial).filter(|_| !trial.peek().is_some_and(|byte| byte.is_ascii_digit()))?;
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

/// `2026-03-04`, `-0001-01-01`
fn dashed(scanner: &mut Scanner<'_>) -> Option<i64> {
    let sign = if scanner.eat(b'-') { -1 } else { 1 };
    scanner.eat(b'+');
    let year = scanner.number(4, 4)? * sign;
    let month = scanner.eat(b'-').then(|| scanner.number(2, 2)).flatten().filter(|month| *month <= 12)?;
    let day = scanner.eat(b'-').then(|| scanner.number(2, 2)).flatten().filter(|day| *day <= 31)?;
    Some(days_of(year, month, day))
}

/// `2026-3-4`, `2026-03`: no `T` may follow
fn short_dashed(scanner: &mut Scanner<'_>) -> Option<i64> {
    let year = scanner.number(4, 4)?;
    let month = scanner.eat(b'-').then(|| scanner.field(0..=12))??;
    let day = if scanner.eat(b'-') { scanner.field(0..=31)? } else { 1 };
    let marked = scanner.peek().is_some_and(|byte| byte.eq_ignore_ascii_case(&b'T'));
    (!marked).then(|| days_of(year, month, day))
}

/// `2026/03/04`
fn slashed(scanner: &mut Scanner<'_>) -> Option<i64> {
    let year = scanner.number(4, 4)?;
    let month = scanner.eat(b'/').then(|| scanner.field(0..=12))??;
    let day = scanner.eat(b'/').then(|| scanner.field(0..=31))??;
    Some(days_of(year, month, day))
}

/// `03/04/2026`, the month first
fn american(scanner: &mut Scanner<'_>) -> Option<i64> {
    let month = scanner.field(0..=12)?;
    let day = scanner.eat(b'/').then(|| scanner.field(0..=31))??;
    let year = scanner.eat(b'/').then(|| scanner.number(4, 4))??;
    Some(days_of(year, month, day))
}

/// `04.03.2026` and `04-03-2026`, the day first
fn dotted(scanner: &mut Scanner<'_>) -> Option<i64> {
    let day = scanner.field(0..=31)?;
    let month = scanner.eat_any(b".-").then(|| scanner.field(0..=12))??;
    let year = scanner.eat_any(b".-").then(|| scanner.number(4, 4))??;
    Some(days_of(year, month, day))
}

/// `04 Mar 2026`, `4-March-2026`
fn textual(scanner: &mut Scanner<'_>) -> Option<i64> {
    let day = scanner.field(0..=31)?;
    scanner.take_while(|byte| matches!(byte, b' ' | b'\t' | b'.' | b'-'));
    let month = name(scanner.word(), &MONTHS)? + 1;
    scanner.take_while(|byte| matches!(byte, b' ' | b'\t' | b'.' | b'-'));
    Some(days_of(scanner.number(4, 4)?, month, day))
}

/// `March 4, 2026`
fn textual_american(scanner: &mut Scanner<'_>) -> Option<i64> {
    let month = name(scanner.word(), &MONTHS)? + 1;
    scanner.take_while(|byte| matches!(byte, b' ' | b'\t' | b'.' | b'-'));
    let day = scanner.field(0..=31)?;
    scanner.take_while(|byte| matches!(byte, b' ' | b'\t' | b',' | b'.'));
    Some(days_of(scanner.number(4, 4)?, month, day))
}

/// `20260304`
fn compact(scanner: &mut Scanner<'_>) -> Option<i64> {
    let year = scanner.number(4, 4)?;
    let month = scanner.number(2, 2).filter(|month| *month <= 12)?;
    let day = scanner.number(2, 2).filter(|day| *day <= 31)?;
    Some(days_of(year, month, day))
}

/// `2026-W10-3`, `2026W103`, `2026-W10`
fn week(scanner: &mut Scanner<'_>) -> Option<i64> {
    let year = scanner.number(4, 4)?;
    scanner.eat(b'-');
    let week = scanner.eat(b'W').then(|| scanner.number(2, 2)).flatten().filter(|week| *week <= 53)?;
    let dash = scanner.eat(b'-');
    let day = match scanner.number(1, 1) {
        Some(day) if day <= 7 => day,
        None if !dash => 1,
        _ => return None,
    };
    // Week 1 holds 4 January.
    let fourth = days_of(year, 1, 4);
    let monday = fourth - (weekday(fourth) + 6) % 7;
    Some(monday + (week - 1) * 7 + day - 1)
}

/// `2026-063`, `2026.063`, `2026063`: the day of the year
fn ordinal(scanner: &mut Scanner<'_>) -> Option<i64> {
    let year = scanner.number(4, 4)?;
    scanner.eat_any(b".-");
    let day = scanner.number(3, 3).filter(|day| *day <= 366)?;
    Some(days_of(year, 1, day))
}

/// The position of a name in a list, which may be cut to three letters.
fn name(word: &str, names: &[&str]) -> Option<i64> {
    let matches = |known: &&str| {
        known.eq_ignore_ascii_case(word) || known.get(..3).is_some_and(|short| short.eq_ignore_ascii_case(word))
    };
    let position = names.iter().position(matches)?;
    i64::try_from(position).ok()
}
