//! Points in time as the APIs return them.

use poem_openapi::registry::MetaSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::openapi_by_serde;
use crate::php::date;
use crate::presence::domain::Timestamp;

/// A point in time as Carbon writes it into JSON: UTC with microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonTime(Timestamp);

impl From<Timestamp> for JsonTime {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl<'de> Deserialize<'de> for JsonTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment = date::parse(&text, 0).map_err(serde::de::Error::custom)?;
        Ok(Self(Timestamp::from_micros(moment.micros)))
    }
}

impl Serialize for JsonTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&date::to_json(self.0.micros()))
    }
}

openapi_by_serde!(
    JsonTime,
    "Moment",
    MetaSchema {
        format: Some("date-time"),
        example: Some("2026-03-04T05:06:07.000000Z".into()),
        ..MetaSchema::new("string")
    }
);
