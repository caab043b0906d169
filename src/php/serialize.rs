//! PHP's `serialize()` (php-src `ext/standard/var.c`) and `unserialize()` (`var_unserializer.re`).

use super::float;
pub use super::unserialize::{MAX_BYTES, MAX_DEPTH, UnserializeError, unserialize};
use super::value::{Array, ArrayKey, Object, Value};

/// Returns the value in PHP's serialize format; an object that occurs twice is written twice.
pub fn serialize(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    serialize_into(value, &mut out);
    out
}

/// Appends the value in PHP's serialize format.
pub fn serialize_into(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"N;"),
        Value::Bool(flag) => out.extend_from_slice(if *flag { b"b:1;" } else { b"b:0;" }),
        Value::Int(number) => serialize_int_into(*number, out),
        Value::Float(number) => serialize_float_into(*number, out),
        Value::String(bytes) => serialize_str_into(bytes, out),
        Value::Array(array) => serialize_array_into(array, out),
        Value::Object(object) => serialize_object_into(object, out),
        Value::Opaque(serialized) => out.extend_from_slice(serialized),
    }
}

/// Appends an array: `a:1:{i:0;N;}`.
pub fn serialize_array_into(array: &Array, out: &mut Vec<u8>) {
    serialize_array_head_into(array.len(), out);
    serialize_elements_into(array, out);
    out.push(b'}');
}

/// Appends the start of an array, `a:2:{`, for callers that write the elements and the closing `}` themselves.
pub fn serialize_array_head_into(len: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"a:");
    write_len(len, out);
    out.extend_from_slice(b":{");
}

/// Appends a string: `s:1:"a";`.
pub fn serialize_str_into(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"s:");
    write_quoted(bytes, out);
    out.push(b';');
}

/// Appends an integer: `i:-5;`.
pub fn serialize_int_into(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"i:");
    write_int(number, out);
    out.push(b';');
}

/// Appends a double: `d:0.5;`.
pub(super) fn serialize_float_into(number: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"d:");
    if number.is_nan() {
        out.extend_from_slice(b"NAN");
    } else if number.is_infinite() {
        out.extend_from_slice(if number > 0.0 { b"INF" } else { b"-INF" });
    } else {
        float::write_shortest(number, b'E', out);
    }
    out.push(b';');
}

fn serialize_object_into(object: &Object, out: &mut Vec<u8>) {
    out.extend_from_slice(b"O:");
    write_quoted(&object.class, out);
    out.push(b':');
    write_len(object.properties.len(), out);
    out.extend_from_slice(b":{");
    serialize_elements_into(&object.properties, out);
    out.push(b'}');
}

fn serialize_elements_into(array: &Array, out: &mut Vec<u8>) {
    for (key, value) in array {
        match key {
            ArrayKey::Int(number) => serialize_int_into(*number, out),
            ArrayKey::String(bytes) => serialize_str_into(bytes, out),
        }
        serialize_into(value, out);
    }
}

fn write_quoted(bytes: &[u8], out: &mut Vec<u8>) {
    write_len(bytes.len(), out);
    out.extend_from_slice(b":\"");
    out.extend_from_slice(bytes);
    out.push(b'"');
}

fn write_len(len: usize, out: &mut Vec<u8>) {
    write_unsigned(len as u64, out);
}

/// Appends an integer in decimal.
pub(crate) fn write_int(number: i64, out: &mut Vec<u8>) {
    if number < 0 {
        out.push(b'-');
    }
    write_unsigned(number.unsigned_abs(), out);
}

fn write_unsigned(mut number: u64, out: &mut Vec<u8>) {
    match number {
        0..10 => return out.push(b'0' + (number % 10) as u8),
        10..100 => return out.extend_from_slice(&[b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]),
        _ => {}
    }
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}
