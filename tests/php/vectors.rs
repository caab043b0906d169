//! Reads `tests/vectors/`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use presence_sidecar::php::{Array, ArrayKey, Value};

/// A vector file as JSON.
pub fn file(name: &str) -> serde_json::Value {
    let path = format!("{}/tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// One list of cases of a file.
pub fn cases(name: &str, list: &str) -> Vec<serde_json::Value> {
    file(name)[list].as_array().unwrap_or_else(|| panic!("{name} has no list {list}")).clone()
}

/// The exact bytes of a `{text, base64}` pair.
pub fn bytes(pair: &serde_json::Value) -> Vec<u8> {
    STANDARD.decode(text(&pair["base64"])).expect("base64")
}

/// A JSON string.
pub fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no string"))
}

/// The value with whole floats as integers, to compare numbers by value: PHP encodes 1.0 as 1.
pub fn numbers_by_value(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(integer) => integer.into(),
            #[expect(clippy::cast_possible_truncation, reason = "whole and within 64 bits")]
            None => match number.as_f64() {
                Some(float) if float.fract() == 0.0 && float.abs() < 9e18 => (float as i64).into(),
                _ => value.clone(),
            },
        },
        serde_json::Value::Array(list) => list.iter().map(numbers_by_value).collect(),
        serde_json::Value::Object(map) => {
            map.iter().map(|(key, value)| (key.clone(), numbers_by_value(value))).collect()
        }
        _ => value.clone(),
    }
}

/// An array of these elements.
pub fn array<K: Into<ArrayKey>, V: Into<Value>, const N: usize>(elements: [(K, V); N]) -> Array {
    elements.into_iter().collect()
}
