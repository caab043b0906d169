//! Relative times, as parsed by timelib: `+1 day`, `-30 minutes`, `2 weeks ago`.

use super::MICROS_PER_SECOND;
use super::calendar::{date_of, days_of};
use super::scan::Scanner;

/// The size of a unit.
#[derive(Clone, Copy)]
enum Span {
    Micros(i64),
    Days(i64),
    Months(i64),
}

/// The units; each may have a plural `s`.
const UNITS: [(&str, Span); 16] = [
    ("usec", Span::Micros(1)),
    ("microsecond", Span::Micros(1)),
    ("msec", Span::Micros(1_000)),
    ("ms", Span::Micros(1_000)),
    ("millisecond", Span::Micros(1_000)),
    ("sec", Span::Micros(MICROS_PER_SECOND)),
    ("second", Span::Micros(MICROS_PER_SECOND)),
    ("min", Span::Micros(60 * MICROS_PER_SECOND)),
    ("minute", Span::Micros(60 * MICROS_PER_SECOND)),
    ("hour", Span::Micros(3_600 * MICROS_PER_SECOND)),
    ("day", Span::Days(1)),
    ("week", Span::Days(7)),
    ("fortnight", Span::Days(14)),
    ("forthnight", Span::Days(14)),
    ("month", Span::Months(1)),
    ("year", Span::Months(12)),
];

/// The maximum number of digits of an amount; larger amounts are out of range.
const MAX_DIGITS: usize = 9;

/// The sum of all steps of a text.
#[derive(Clone, Copy, Default)]
pub(super) struct Steps {
    months: i64,
    days: i64,
    micros: i64,
}

impl Steps {
    /// Reads one more step, or `ago`, which negates all steps before it; returns whether there was one.
    pub(super) fn read(&mut self, scanner: &mut Scanner<'_>) -> bool {
        let mut trial = scanner.clone();
        let read = step(&mut trial).and_then(|step| self.with(step)).or_else(|| {
            trial = scanner.clone();
            trial.word().eq_ignore_ascii_case("ago").then_some(Self {
                months: -self.months,
                days: -self.days,
                micros: -self.micros,
            })
        });
        if let Some(read) = read {
            (*self, *scanner) = (read, trial);
        }
        read.is_some()
    }

    fn with(self, (count, span): (i64, Span)) -> Option<Self> {
        let mut sum = self;
        let (total, one) = match span {
            Span::Micros(one) => (&mut sum.micros, one),
            Span::Days(one) => (&mut sum.days, one),
            Span::Months(one) => (&mut sum.months, one),
        };
        *total = count.checked_mul(one).and_then(|more| total.checked_add(more))?;
        Some(sum)
    }

    /// Adds the months and days to `day`: 31 January and a month is 3 March.
    pub(super) fn add_to_day(self, day: i64) -> i64 {
        let (year, month, of_month) = date_of(day);
        let moved = if self.months == 0 { day } else { days_of(year, i64::from(month) + self.months, of_month.into()) };
        moved.saturating_add(self.days)
    }

    /// The part of the steps below a day, in microseconds.
    pub(super) fn micros(self) -> i64 {
        self.micros
    }
}

/// `+1 day`, `- 2 weeks`, `3hours`; two minus signs cancel each other.
fn step(scanner: &mut Scanner<'_>) -> Option<(i64, Span)> {
    let signs = scanner.take_while(|byte| matches!(byte, b'+' | b'-'));
    scanner.skip_blanks();
    let amount = scanner.number(1, MAX_DIGITS)?;
    scanner.skip_blanks();
    let word = scanner.word().to_ascii_lowercase();
    let plural = word.strip_suffix('s').unwrap_or(&word);
    let (_, span) = UNITS.into_iter().find(|(unit, _)| *unit == word || *unit == plural)?;
    let minus = signs.bytes().filter(|sign| *sign == b'-').count() % 2 == 1;
    Some((if minus { -amount } else { amount }, span))
}
