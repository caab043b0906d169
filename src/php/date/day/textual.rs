//! Days with the name of their month.

use super::numeric::year;
use crate::php::date::calendar::days_of;
use crate::php::date::scan::Scanner;

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

/// `04 Mar 2026`, `4-March-2026`, `04-Mar-26`, `4th March 2026`
pub(super) fn textual(scanner: &mut Scanner<'_>) -> Option<i64> {
    let day = scanner.field(0..=31)?;
    ordinal_suffix(scanner);
    gap(scanner);
    let month = name(scanner.word(), &MONTHS)? + 1;
    gap(scanner);
    Some(days_of(year(scanner)?, month, day))
}

/// `March 4, 2026`, `March 4th, 26`
pub(super) fn textual_american(scanner: &mut Scanner<'_>) -> Option<i64> {
    let (month, day) = month_and_day(scanner)?;
    let apart = scanner.take_while(|byte| matches!(byte, b' ' | b'\t' | b',' | b'.' | b'-'));
    (!apart.is_empty()).then_some(())?;
    Some(days_of(year(scanner)?, month, day))
}

/// `March 2026`: its first day
pub(super) fn month_of_year(scanner: &mut Scanner<'_>) -> Option<i64> {
    let month = name(scanner.word(), &MONTHS)? + 1;
    gap(scanner);
    Some(days_of(scanner.number(4, 4)?, month, 1))
}

/// `2026-Mar-04`, `2026 March`
pub(super) fn textual_reverse(scanner: &mut Scanner<'_>) -> Option<i64> {
    let year = scanner.number(4, 4)?;
    gap(scanner);
    let month = name(scanner.word(), &MONTHS)? + 1;
    let day = if scanner.eat(b'-') { scanner.number(2, 2).filter(|day| *day <= 31)? } else { 1 };
    Some(days_of(year, month, day))
}

/// `04/Mar/2026:`, the web server log form before a time
pub(super) fn log_entry(scanner: &mut Scanner<'_>) -> Option<i64> {
    let day = scanner.field(0..=31)?;
    let month = scanner.eat(b'/').then(|| name(scanner.word(), &MONTHS))?? + 1;
    let year = scanner.eat(b'/').then(|| scanner.number(4, 4))??;
    scanner.eat(b':').then(|| days_of(year, month, day))
}

/// `March 4`, `Mar 4th`
pub(super) fn month_and_day(scanner: &mut Scanner<'_>) -> Option<(i64, i64)> {
    let month = name(scanner.word(), &MONTHS)? + 1;
    gap(scanner);
    let day = scanner.field(0..=31)?;
    ordinal_suffix(scanner);
    Some((month, day))
}

/// Skips the separators between the parts of a textual date.
fn gap(scanner: &mut Scanner<'_>) {
    scanner.take_while(|byte| matches!(byte, b' ' | b'\t' | b'.' | b'-'));
}

/// Skips the `th` of `4th`.
fn ordinal_suffix(scanner: &mut Scanner<'_>) {
    let mut trial = scanner.clone();
    let word = trial.word();
    if ["st", "nd", "rd", "th"].iter().any(|suffix| suffix.eq_ignore_ascii_case(word)) {
        *scanner = trial;
    }
}

/// The position of a name in a list; the name may be abbreviated to three letters.
pub(super) fn name(word: &str, names: &[&str]) -> Option<i64> {
    let word = if word.eq_ignore_ascii_case("sept") { "sep" } else { word };
    let matches = |known: &&str| {
        known.eq_ignore_ascii_case(word) || known.get(..3).is_some_and(|short| short.eq_ignore_ascii_case(word))
    };
    let position = names.iter().position(matches)?;
    i64::try_from(position).ok()
}
