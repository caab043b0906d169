//! The Laravel record: what the PHP package keeps under the user's cache key.
//!
//! Its value is `serialize(["last_seen_at" => ISO 8601 with offset, "meta" => array])`, living for the TTL. While a
//! user is present but inactive, a third entry `"idle" => true` tells sidecars so; PHP's reader does not look at it.

use chrono_tz::Tz;

use super::identity::Meta;
use super::model::{Observed, Timestamp};
use crate::laravel::{Array, Value, date, serialize};

/// A presence record, as written by PHP or by a sidecar.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The newest heartbeat.
    pub last_seen: Timestamp,
    /// Present, but inactive in every session.
    pub idle: bool,
    /// What that heartbeat brought along.
    pub meta: Meta,
}

/// What stands between `a:2:{` and the date, and so on.
const SEEN: &[u8] = b"s:12:\"last_seen_at\";s:25:\"";
const META: &[u8] = b"\";s:4:\"meta\";";
const IDLE: &[u8] = b"s:4:\"idle\";b:1;";

impl Record {
    /// The bytes PHP would store, with the date in the application's time zone.
    pub fn to_php(&self, zone: Tz) -> Vec<u8> {
        let mut out = Vec::with_capacity(160);
        out.extend_from_slice(if self.idle { b"a:3:{" } else { b"a:2:{" });
        out.extend_from_slice(SEEN);
        date::iso8601_into(self.last_seen.micros(), zone, &mut out);
        out.extend_from_slice(META);
        out.extend_from_slice(self.meta.php());
        if self.idle {
            out.extend_from_slice(IDLE);
        }
        out.push(b'}');
        out
    }

    /// Reads whatever may lie under a presence key: other offsets, dates as Carbon reads them, no meta, foreign values.
    ///
    /// As in PHP `null` and an empty array are no presence, and a date of `null` or `""` means now.
    pub fn read(bytes: &[u8], now: Timestamp) -> Observed {
        if let Some(record) = Self::usual(bytes, now) {
            return Observed::Found(record);
        }
        match serialize::unserialize(bytes) {
            Ok(Value::Null) => Observed::Missing,
            Ok(Value::Array(array)) if array.is_empty() => Observed::Missing,
            Ok(Value::Array(array)) => Self::from_array(array, now).map_or(Observed::Unreadable, Observed::Found),
            Ok(_) | Err(_) => Observed::Unreadable,
        }
    }

    /// Reads what [`Record::to_php`] and the PHP package write, unless the meta takes the long way.
    fn usual(bytes: &[u8], now: Timestamp) -> Option<Self> {
        let (entries, rest) = bytes.split_at_checked(5)?;
        let (date, rest) = rest.strip_prefix(SEEN)?.split_at_checked(25)?;
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
        Some(Self { last_seen: Timestamp::from_micros(moment.micros), idle, meta })
    }

    fn from_array(mut array: Array, now: Timestamp) -> Option<Self> {
        let last_seen = match array.get("last_seen_at")? {
            Value::Null => now,
            Value::Int(seconds) => Timestamp::from_secs(*seconds),
            Value::String(text) => {
                let text = std::str::from_utf8(text).ok()?;
                Timestamp::from_micros(date::parse(text, now.micros()).ok()?.micros)
            }
            Value::Float(seconds) => Timestamp::from_micros(date::from_float(*seconds)?),
            Value::Object(object) => Timestamp::from_micros(object.instant()?),
            Value::Bool(_) | Value::Array(_) => return None,
        };
        let idle = array.get("idle") == Some(&Value::Bool(true));
        let meta = match array.take("meta") {
            Some(Value::Null) | None => Meta::default(),
            Some(meta) => meta.into(),
        };
        Some(Self { last_seen, idle, meta })
    }
}
