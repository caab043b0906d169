//! What `json_encode` sees of an object: its public properties, or what its class makes of itself.
//!
//! Only classes that Laravel applications put into a cache are known; the rest is what PHP calls an
//! incomplete class.

use chrono::NaiveDateTime;

use super::date;
use super::value::{Array, ArrayKey, Object, Value};

/// An object as JSON shows it.
pub(super) enum JsonObject<'a> {
    /// A string, as `Carbon::jsonSerialize` gives.
    Text(String),
    /// An array, as `Collection::jsonSerialize` gives: `[]` or `{…}`.
    Array(&'a Array),
    /// Properties, always printed as `{…}`; `incomplete` when PHP would name the class it did not
    /// find.
    Properties { properties: &'a Array, incomplete: bool },
}

impl<'a> JsonObject<'a> {
    pub(super) fn of(object: &'a Object) -> Self {
        // Names of classes know no case.
        let known = match object.short_name().to_ascii_lowercase().as_slice() {
            b"carbon" | b"carbonimmutable" => carbon(&object.properties).map(JsonObject::Text),
            b"arrayobject" | b"arrayiterator" => storage(&object.properties).map(JsonObject::plain),
            b"collection" => wrapped(&object.properties, "\0*\0items").map(JsonObject::Array),
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

    /// The moment that a serialized `DateTimeInterface` (Carbon, `DateTimeImmutable`, …) holds, in microseconds.
    pub fn instant(&self) -> Option<i64> {
        instant(&self.properties)
    }

    /// Whether a property with this serialized name is public: others are mangled with a NUL in
    /// front.
    pub(super) fn is_public(name: &ArrayKey) -> bool {
        !matches!(name, ArrayKey::String(bytes) if bytes.first() == Some(&0))
    }
}

/// `ArrayObject::__serialize` gives flags, storage, members and an iterator class; flag 1
/// (`STD_PROP_LIST`) shows the members.
fn storage(properties: &Array) -> Option<&Array> {
    let shown = match properties.get_index(0)? {
        Value::Int(flags) if flags & 1 == 1 => properties.get_index(2)?,
        _ => properties.get_index(1)?,
    };
    match shown {
        Value::Array(array) => Some(array),
        Value::Object(object) => Some(&object.properties),
        _ => None,
    }
}

fn wrapped<'a>(properties: &'a Array, name: &str) -> Option<&'a Array> {
    properties.get(name)?.as_array()
}

/// `Carbon::jsonSerialize`.
fn carbon(properties: &Array) -> Option<String> {
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
