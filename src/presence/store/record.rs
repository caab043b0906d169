//! The codec of the Laravel record: the value that the PHP package keeps under the user's cache key.
//!
//! The value is `serialize(["last_seen_at" => ISO 8601 with offset, "meta" => array])` and lives for the TTL. While a
//! user is present but inactive, the sidecar adds a third entry, `"idle" => true`, which PHP's reader ignores.

use chrono_tz::Tz;

use super::packed;
use crate::php::{Array, Value, date, serialize};
use crate::presence::domain::identity::Meta;
use crate::presence::domain::{Record, RecordLookup, Timestamp, ValueForm};

/// The bytes in front of the date, the meta and so on.
const LAST_SEEN: &[u8] = b"s:12:\"last_seen_at\";s:25:\"";
const META: &[u8] = b"\";s:4:\"meta\";";
const IDLE: &[u8] = b"s:4:\"idle\";b:1;";

/// The bytes that PHP would store, with the date in the application's time zone.
pub fn encode(record: &Record, zone: Tz) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    out.extend_from_slice(if record.idle { b"a:3:{" } else { b"a:2:{" });
    out.extend_from_slice(LAST_SEEN);
    date::iso8601_into(record.last_seen.micros(), zone, &mut out);
    out.extend_from_slice(META);
    out.extend_from_slice(record.meta.php());
    if record.idle {
        out.extend_from_slice(IDLE);
    }
    out.push(b'}');
    out
}

/// Reads any value found under a presence key: other offsets, dates as Carbon reads them, without meta, foreign values.
///
/// As in PHP, `null` and an empty array mean that there is no presence, and a date of `null` or `""` means now.
pub fn decode(bytes: &[u8], now: Timestamp) -> RecordLookup {
    if let Some(record) = decode_common_form(bytes, now) {
        return RecordLookup::Found(record);
    }
    match serialize::unserialize(bytes) {
        Ok(value) => from_value(value, now),
        Err(_) => match packed::unpack(bytes) {
            (form, Some(unpacked)) => match serialize::unserialize(&unpacked) {
                Ok(value) => from_value(value, now),
                // Also packed by a serializer: that is what stands in the way.
                Err(_) => RecordLookup::Unreadable(
                    Some(packed::unpack(&unpacked).0).filter(|inner| *inner != ValueForm::Other).unwrap_or(form),
                ),
            },
            (form, None) => RecordLookup::Unreadable(form),
        },
    }
}

fn from_value(value: Value, now: Timestamp) -> RecordLookup {
    match value {
        Value::Null => RecordLookup::Missing,
        Value::Array(array) if array.is_empty() => RecordLookup::Missing,
        Value::Array(array) => {
            from_array(array, now).map_or(RecordLookup::Unreadable(ValueForm::Other), RecordLookup::Found)
        }
        _ => RecordLookup::Unreadable(ValueForm::Other),
    }
}

/// Reads the form that [`encode`] and the PHP package write; `None` for any other form, and for a meta that needs the full
/// parser.
fn decode_common_form(bytes: &[u8], now: Timestamp) -> Option<Record> {
    let (entries, rest) = bytes.split_at_checked(5)?;
    let (date, rest) = rest.strip_prefix(LAST_SEEN)?.split_at_checked(25)?;
    let rest = rest.strip_prefix(META)?;
    let (meta, length) = Meta::from_php(rest)?;
    let rest = &rest[length..];
    let idle = match entries {
        b"a:2:{" => false,
        b"a:3:{" => true,
        _ => return None,
    };
    let rest = if idle { rest.strip_prefix(IDLE)? } else { rest };
    (rest.first() == Some(&b'}')).then_some(())?;
    let moment = date::parse(std::str::from_utf8(date).ok()?, now.micros()).ok()?;
    Some(Record { last_seen: Timestamp::from_micros(moment.micros), idle, meta })
}

fn from_array(mut array: Array, now: Timestamp) -> Option<Record> {
    let last_seen = match array.get("last_seen_at")? {
        Value::Null => now,
        Value::Int(seconds) => Timestamp::from_secs(*seconds),
        Value::String(text) => {
            let text = std::str::from_utf8(text).ok()?;
            Timestamp::from_micros(date::parse(text, now.micros()).ok()?.micros)
        }
        Value::Float(seconds) => Timestamp::from_micros(date::from_float(*seconds)?),
        Value::Object(object) => Timestamp::from_micros(object.instant()?),
        Value::Bool(_) | Value::Array(_) | Value::Opaque(_) => return None,
    };
    let idle = array.get("idle") == Some(&Value::Bool(true));
    let meta = match array.take("meta") {
        Some(Value::Null) | None => Meta::default(),
        Some(meta) => meta.into(),
    };
    Some(Record { last_seen, idle, meta })
}
