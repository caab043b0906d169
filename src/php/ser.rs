//! The JSON form of a PHP value, for responses and logs; never fails.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::key::{ArrayKey, are_positions};
use super::object::JsonObject;
use super::utf8;
use super::value::{Array, Object, Value};

/// The output of `json_encode`, with U+FFFD for invalid UTF-8, 0 for NaN and the infinities, and with objects as
/// associative arrays, so an empty object is `[]`.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null | Self::Opaque(_) => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Int(number) => serializer.serialize_i64(*number),
            Self::Float(number) if number.is_finite() => serializer.serialize_f64(*number),
            Self::Float(_) => serializer.serialize_i64(0),
            Self::String(bytes) => serializer.serialize_str(&utf8::lossy(bytes)),
            Self::Array(array) => array.serialize(serializer),
            Self::Object(object) => match JsonObject::of(object) {
                JsonObject::Text(text) => serializer.serialize_str(&text),
                JsonObject::Array(array) => array.serialize(serializer),
                JsonObject::Properties { properties, .. } => serialize_properties(properties, serializer),
            },
        }
    }
}

/// A list becomes a sequence, any other array a map.
impl Serialize for Array {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_list() {
            return serialize_list(self.iter().map(|(_, value)| value), serializer);
        }
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in self {
            serialize_entry(&mut map, key, value)?;
        }
        map.end()
    }
}

fn serialize_properties<S: Serializer>(properties: &Array, serializer: S) -> Result<S::Ok, S::Error> {
    let public = || properties.iter().filter(|(key, _)| Object::is_public(key));
    if are_positions(public().map(|(key, _)| key)) {
        return serialize_list(public().map(|(_, value)| value), serializer);
    }
    let mut map = serializer.serialize_map(None)?;
    for (key, value) in public() {
        serialize_entry(&mut map, key, value)?;
    }
    map.end()
}

fn serialize_list<'a, S: Serializer>(
    values: impl Iterator<Item = &'a Value>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut sequence = serializer.serialize_seq(None)?;
    for value in values {
        sequence.serialize_element(value)?;
    }
    sequence.end()
}

fn serialize_entry<M: SerializeMap>(map: &mut M, key: &ArrayKey, value: &Value) -> Result<(), M::Error> {
    match key {
        ArrayKey::Int(number) => map.serialize_entry(number, value),
        ArrayKey::String(bytes) => map.serialize_entry(&utf8::lossy(bytes), value),
    }
}
