//! Laravel's validation rule `integer`.

use crate::laravel::Value;

/// The integer that PHP's `filter_var($value, FILTER_VALIDATE_INT)` sees in a value, as Laravel's rule `integer` asks it:
/// `7`, `"+7"`, `" 7 "`, `7.0` and `true` are, `"7.0"`, `"1e3"`, `"07"` and `false` are not.
pub fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Bool(true) => Some(1),
        Value::Float(number) => whole(*number),
        Value::String(_) => text(value.as_str()?),
        Value::Null | Value::Bool(false) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// PHP writes a float as digits alone up to 15 of them.
#[expect(clippy::cast_possible_truncation, reason = "below 10^15")]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
}

fn text(text: &str) -> Option<i64> {
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\u{b}']);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let canonical = digits == "0" || (digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0'));
    text.parse().ok().filter(|_| canonical)
}
