//! Integers in JSON. `42.0` is one: some libraries write every number with a decimal point.

use std::fmt;

use serde::de;
use serde::de::Deserializer;

/// The integer that a floating-point number is; `None` if it has a fraction, or more than 64 bits. -2^63 is none: a smaller
/// integer is read as this number, too.
#[expect(clippy::cast_possible_truncation, reason = "a whole number between -2^63 and 2^63")]
pub(super) fn whole(number: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (number.fract() == 0.0 && number.abs() < LIMIT).then_some(number as i64)
}

/// Deserializes a 64-bit integer.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    struct Visitor;
    impl de::Visitor<'_> for Visitor {
        type Value = i64;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("i64")
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<i64, E> {
            Ok(number)
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<i64, E> {
            i64::try_from(number).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
        }

        fn visit_f64<E: de::Error>(self, number: f64) -> Result<i64, E> {
            whole(number).ok_or_else(|| E::invalid_type(de::Unexpected::Float(number), &self))
        }
    }
    deserializer.deserialize_i64(Visitor)
}
