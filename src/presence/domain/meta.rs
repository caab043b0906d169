//! The meta: data that an application keeps with a user.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::php::{Array, Value, json, serialize, transcode};

/// A PHP array, though a foreign record may hold any PHP value, in the two notations that each heartbeat writes.
///
/// Cheap to clone: state, record, change and response share it.
#[derive(Clone, PartialEq, Eq)]
pub struct Meta(Arc<Notations>);

#[derive(PartialEq, Eq)]
struct Notations {
    /// JSON, followed by the serialized form of PHP.
    bytes: Vec<u8>,
    /// Where the JSON ends.
    json: usize,
}

impl Meta {
    /// Reads JSON, nested as deeply as PHP accepts it.
    ///
    /// # Errors
    /// The text is not JSON, or nested too deeply.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        match transcode::from_json(text) {
            Some((php, json)) => Ok(Self::new(json, &php)),
            None => json::decode(text).map(Self::from).map_err(<serde_json::Error as serde::de::Error>::custom),
        }
    }

    /// Reads the serialized array at the beginning of `bytes`, and returns its length, too; `None` for an array that only
    /// [`unserialize`](serialize::unserialize) can read.
    pub fn from_php(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut json = Vec::with_capacity(2 * bytes.len());
        let length = transcode::from_php(bytes, &mut json)?;
        Some((Self::new(json, &bytes[..length]), length))
    }

    fn new(json: Vec<u8>, php: &[u8]) -> Self {
        let (length, mut bytes) = (json.len(), json);
        bytes.extend_from_slice(php);
        Self(Arc::new(Notations { bytes, json: length }))
    }

    /// The JSON; of a foreign value its [view](Value#impl-Serialize-for-Value).
    pub fn json(&self) -> &[u8] {
        &self.0.bytes[..self.0.json]
    }

    /// The value, read from the JSON.
    pub fn value(&self) -> Value {
        let json = std::str::from_utf8(self.json()).ok();
        json.and_then(|json| json::decode(json).ok()).unwrap_or_else(|| Value::Array(Array::new()))
    }

    /// The serialized form of PHP.
    pub fn php(&self) -> &[u8] {
        &self.0.bytes[self.0.json..]
    }
}

impl Default for Meta {
    fn default() -> Self {
        Self::new(b"[]".to_vec(), b"a:0:{}")
    }
}

impl From<Array> for Meta {
    fn from(array: Array) -> Self {
        Value::Array(array).into()
    }
}

impl From<Value> for Meta {
    fn from(value: Value) -> Self {
        let json = serde_json::to_vec(&value);
        let json = json.unwrap_or_else(|error| unreachable!("a PHP value has string keys only: {error}"));
        Self::new(json, &serialize::serialize(&value))
    }
}

impl fmt::Debug for Meta {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(self.php()).fmt(formatter)
    }
}

impl Serialize for Meta {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json: &RawValue = serde_json::from_slice(self.json()).map_err(S::Error::custom)?;
        json.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Meta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Read as a text of its own, so that the outer JSON does not reduce the depth that is left.
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_json(text.get()).map_err(D::Error::custom)
    }
}
