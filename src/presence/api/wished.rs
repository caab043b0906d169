//! The scope in a request's body.

use std::fmt;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Error, MapAccess, SeqAccess};
use serde::{Deserialize, Deserializer, Serialize};

use super::types::ScopeBody;
use crate::openapi_by_serde;
use crate::presence::identity::Scope;

/// A scope that is asked for. PHP writes an array without entries as `[]`: that is an empty one, too.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct WishedScope(ScopeBody);

openapi_by_serde!(WishedScope, "WishedScope", {
    let items = Some(Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY))));
    let nothing = MetaSchema { items, max_items: Some(0), ..MetaSchema::new("array") };
    MetaSchema {
        any_of: vec![ScopeBody::schema_ref(), MetaSchemaRef::Inline(Box::new(nothing))],
        ..MetaSchema::ANY
    }
}, of ScopeBody);

impl From<WishedScope> for Scope {
    fn from(WishedScope(body): WishedScope) -> Self {
        body.into()
    }
}

impl<'de> Deserialize<'de> for WishedScope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = WishedScope;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WishedScope, A::Error> {
                ScopeBody::deserialize(MapAccessDeserializer::new(map)).map(WishedScope)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<WishedScope, A::Error> {
                match list.next_element::<de::IgnoredAny>()? {
                    None => Ok(WishedScope::default()),
                    Some(_) => Err(A::Error::invalid_type(de::Unexpected::Seq, &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
