//! Laravel's validation rule `integer`.

use crate::laravel::trim::trim;
use crate::php::Value;

/// Returns the integer that PHP's `filter_var($value, FILTER_VALIDATE_INT)` finds in a value, as Laravel's rule `integer`
/// applies it after its middleware has trimmed strings. `7`, `"+7"`, `" 7 "`, `7.0` and `true` are integers; `"7.0"`,
/// `"1e3"`, `"07"` and `false` are not.
pub fn parse_integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Bool(true) => Some(1),
        Value::Float(number) => from_float(*number),
        Value::String(_) => from_text(value.as_str()?),
        Value::Null | Value::Bool(false) | Value::Array(_) | Value::Object(_) | Value::Opaque(_) => None,
    }
}

/// PHP writes a float with 14 digits (`precision`), and without an exponent if all of them are before the point.
#[expect(clippy::cast_possible_truncation, reason = "below 10^14")]
fn from_float(number: f64) -> Option<i64> {
    let written: f64 = format!("{number:.13e}").parse().ok()?;
    (written.fract() == 0.0 && written.abs() < 1e14).then_some(written as i64)
}

fn from_text(text: &str) -> Option<i64> {
    let text = trim(text);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let canonical = digits == "0" || (digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0'));
    text.parse().ok().filter(|_| canonical)
}
