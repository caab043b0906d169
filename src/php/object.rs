//! The JSON form of an object: its public properties, or the result of its `jsonSerialize`.
//!
//! Only the classes that Laravel applications usually cache are known; any other class is an incomplete class, as in PHP.

use chrono::NaiveDateTime;

use super::date;
use super::value::{Array, ArrayKey, Object, Value};

/// The JSON form of an object.
pub(super) enum JsonObject<'a> {
    /// A string, as returned by `Carbon::jsonSerialize`.
    Text(String),
    /// An array, as returned by `Collection::jsonSerialize`: `[]` or `{…}`.
    Array(&'a Array),
    /// Properties, always encoded as `{…}`; with `incomplete`, PHP adds the name of the missing class.
    Properties { properties: &'a Array, incomplete: bool },
}

impl<'a> JsonObject<'a> {
    pub(super) fn of(object: &'a Object) -> Self {
        // Class names are case-insensitive.
        let known = match object.short_name().to_ascii_lowercase().as_slice() {
            b"carbon" | b"carbonimmutable" => carbon_json(&object.properties).map(JsonObject::Text),
            b"arrayobject" | b"arrayiterator" => array_object_storage(&object.properties).map(JsonObject::plain),
            b"collection" => array_property(&object.properties, "\0*\0items").map(JsonObject::Array),
            b"stdclass" | b"datetime" | b"datetimeimmutable" | b"datetimezone" => None,
            _ => return JsonObject::Properties { properties: &object.properties, incomplete: true },
        };
        known.unwrap_or_else(|| JsonObject::plain(&object.properties))
    }

    fn plain(properties: &'a Array) -> Self {
        JsonObject::Properties { properties, incomplete: false }
    }
}

impl Object {
    /// The class name without its namespace.
    fn short_name(&self) -> &[u8] {
        self.class.rsplit(|&byte| byte == b'\\').next().unwrap_or_default()
    }

    /// The time of a serialized `DateTimeInterface` (Carbon, `DateTimeImmutable`, …), in microseconds since the epoch.
    pub fn instant(&self) -> Option<i64> {
        instant(&self.properties)
    }

    /// Whether a property with this serialized name is public: other names begin with a NUL.
    pub(super) fn is_public(name: &ArrayKey) -> bool {
        !matches!(name, ArrayKey::String(bytes) if bytes.first() == Some(&0))
    }
}

/// The visible elements in the array that `ArrayObject::__serialize` returns: flags, storage, members, iterator class.
/// With flag 1 (`STD_PROP_LIST`) they are the members.
fn array_object_storage(properties: &Array) -> Option<&Array> {
    let visible = match properties.get_index(0)? {
        Value::Int(flags) if flags & 1 == 1 => properties.get_index(2)?,
        _ => properties.get_index(1)?,
    };
    match visible {
        Value::Array(array) => Some(array),
        Value::Object(object) => Some(&object.properties),
        _ => None,
    }
}

fn array_property<'a>(properties: &'a Array, name: &str) -> Option<&'a Array> {
    properties.get(name)?.as_array()
}

/// `Carbon::jsonSerialize`.
fn carbon_json(properties: &Array) -> Option<String> {
    instant(properties).map(date::to_json)
}

/// Microseconds since the epoch, from the three properties that every `DateTimeInterface` serializes to.
fn instant(properties: &Array) -> Option<i64> {
    let local = properties.get("date")?.as_str()?;
    let local = NaiveDateTime::parse_from_str(local, "%Y-%m-%d %H:%M:%S%.f").ok()?;
    let zone = properties.get("timezone")?.as_str()?;
    match properties.get("timezone_type")? {
        Value::Int(1 | 2) => {
            Some(local.and_utc().timestamp_micros() - i64::from(date::offset_from_text(zone)?) * 1_000_000)
        }
        Value::Int(3) => Some(date::from_local(&local, zone.parse().ok()?)),
        _ => None,
    }
}
