//! Days in digits only.

use crate::php::date::calendar::{days_of, weekday};
use crate::php::date::scan::Scanner;

/// `2026-03-04`, `-0001-01-01`
pub(super) fn dashed(scanner: &mut Scanner<'_>) -> Option<i64> {
    let sign = if scanner.eat(b'-') { -1 } else { 1 };
    scanner.eat(b'+');
    let year = scanner.number(4, 4)? * sign;
    let month = scanner.eat(b'-').then(|| scanner.number(2, 2)).flatten().filter(|month| *month <= 12)?;
    let day = scanner.eat(b'-').then(|| scanner.number(2, 2)).flatten().filter(|day| *day <= 31)?;
    Some(days_of(year, month, day))
}

/// `2026-3-4`, `26-3-4`, `2026-03`; after a year of four digits, no `T` may follow the day
pub(super) fn short_dashed(scanner: &mut Scanner<'_>) -> Option<i64> {
    let (year, whole) = any_year(scanner)?;
    let month = scanner.eat(b'-').then(|| scanner.field(0..=12))??;
    let day = match scanner.eat(b'-') {
        true => scanner.field(0..=31)?,
        false if whole => 1,
        false => return None,
    };
    let marked = whole && scanner.peek().is_some_and(|byte| byte.eq_ignore_ascii_case(&b'T'));
    (!marked).then(|| days_of(year, month, day))
}

/// `2026/03/04`
pub(super) fn slashed(scanner: &mut Scanner<'_>) -> Option<i64> {
    let year = scanner.number(4, 4)?;
    let month = scanner.eat(b'/').then(|| scanner.field(0..=12))??;
    let day = scanner.eat(b'/').then(|| scanner.field(0..=31))??;
    Some(days_of(year, month, day))
}

/// `03/04/2026`, `3/4/26`, the month first
pub(super) fn american(scanner: &mut Scanner<'_>) -> Option<i64> {
    let month = scanner.field(0..=12)?;
    let day = scanner.eat(b'/').then(|| scanner.field(0..=31))??;
    let year = scanner.eat(b'/').then(|| year(scanner))??;
    Some(days_of(year, month, day))
}

/// `04.03.2026` and `04-03-2026`, the day first
pub(super) fn dotted(scanner: &mut Scanner<'_>) -> Option<i64> {
    let day = scanner.field(0..=31)?;
    let month = scanner.eat_any(b".-").then(|| scanner.field(0..=12))??;
    let year = scanner.eat_any(b".-").then(|| scanner.number(4, 4))??;
    Some(days_of(year, month, day))
}

/// `20260304`
pub(super) fn compact(scanner: &mut Scanner<'_>) -> Option<i64> {
    let year = scanner.number(4, 4)?;
    let month = scanner.number(2, 2).filter(|month| *month <= 12)?;
    let day = scanner.number(2, 2).filter(|day| *day <= 31)?;
    Some(days_of(year, month, day))
}

/// `20260304` in `20260304050607` and `202603040506`, which contain a time as well
pub(super) fn before_time(scanner: &mut Scanner<'_>) -> Option<i64> {
    let mut trial = scanner.clone();
    let digits = scanner.clone().take_while(u8::is_ascii_digit);
    let day = matches!(digits.len(), 12 | 14).then(|| compact(&mut trial))??;
    *scanner = trial;
    Some(day)
}

/// `2026-W10-3`, `2026W103`, `2026-W10`
pub(super) fn week(scanner: &mut Scanner<'_>) -> Option<i64> {
    let year = scanner.number(4, 4)?;
    scanner.eat(b'-');
    let week = scanner.eat(b'W').then(|| scanner.number(2, 2)).flatten().filter(|week| *week <= 53)?;
    let dash = scanner.eat(b'-');
    let day = match scanner.number(1, 1) {
        Some(day) if day <= 7 => day,
        None if !dash => 1,
        _ => return None,
    };
    // Week 1 contains 4 January.
    let fourth = days_of(year, 1, 4);
    let monday = fourth - (weekday(fourth) + 6) % 7;
    Some(monday + (week - 1) * 7 + day - 1)
}

/// `2026-063`, `2026.063`, `2026063`: the day of the year
pub(super) fn ordinal(scanner: &mut Scanner<'_>) -> Option<i64> {
    let year = scanner.number(4, 4)?;
    scanner.eat_any(b".-");
    let day = scanner.number(3, 3).filter(|day| *day <= 366)?;
    Some(days_of(year, 1, day))
}

/// `2026:03:04 `, the EXIF form before a time
pub(super) fn exif(scanner: &mut Scanner<'_>) -> Option<i64> {
    let year = scanner.number(4, 4)?;
    let month = scanner.eat(b':').then(|| scanner.number(2, 2)).flatten().filter(|month| *month <= 12)?;
    let day = scanner.eat(b':').then(|| scanner.number(2, 2)).flatten().filter(|day| *day <= 31)?;
    (scanner.peek() == Some(b' ')).then(|| days_of(year, month, day))
}

/// A year, and whether it had four digits: 69 is 2069, and 70 is 1970.
fn any_year(scanner: &mut Scanner<'_>) -> Option<(i64, bool)> {
    let whole = scanner.clone().number(4, 4).is_some();
    let year = match scanner.number(1, 4)? {
        year if whole => year,
        year @ 0..70 => year + 2000,
        year @ 70..100 => year + 1900,
        year => year,
    };
    Some((year, whole))
}

/// A year with any number of digits, unless it is the hour of a time.
pub(super) fn year(scanner: &mut Scanner<'_>) -> Option<i64> {
    let (year, _) = any_year(scanner)?;
    (scanner.peek() != Some(b':')).then_some(year)
}
