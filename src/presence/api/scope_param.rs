//! The scope in request bodies, in query parameters and in responses.

use std::fmt;

use poem_openapi::Object;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::presence::domain::identity::{Id, Parts, Scope};
use crate::{objects_only, openapi_by_serde, query_parameters};

/// A scope. Omitted parts are not part of the key; the guard is `web` by default.
#[derive(Clone, Debug, Default, Object, Deserialize)]
#[oai(rename = "Scope")]
#[serde(remote = "Self", default, expecting = "an object")]
pub struct ScopeBody {
    /// The tenant.
    tenant: Option<Id>,
    /// The location.
    location: Option<Id>,
    /// The domain.
    domain: Option<Id>,
    /// The guard.
    guard: Option<Id>,
}

impl Serialize for ScopeBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { tenant, location, domain, guard } = self;
        Parts { tenant, location, domain, guard }.serialize(serializer)
    }
}

impl From<ScopeBody> for Scope {
    fn from(body: ScopeBody) -> Self {
        Self { tenant: body.tenant, location: body.location, domain: body.domain, guard: body.guard }
    }
}

impl From<Scope> for ScopeBody {
    fn from(scope: Scope) -> Self {
        Self { tenant: scope.tenant, location: scope.location, domain: scope.domain, guard: scope.guard }
    }
}

objects_only!(ScopeBody);

/// A scope in a request. PHP encodes an empty array as `[]`, which is an empty scope, too.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct ScopeParam(ScopeBody);

openapi_by_serde!(ScopeParam, "WishedScope", {
    let items = Some(Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY))));
    let empty_array = MetaSchema { items, max_items: Some(0), ..MetaSchema::new("array") };
    MetaSchema {
        any_of: vec![ScopeBody::schema_ref(), MetaSchemaRef::Inline(Box::new(empty_array))],
        ..MetaSchema::ANY
    }
}, of ScopeBody);

query_parameters! {
    /// A scope in query parameters; digits are a number.
    pub struct ScopeQuery {
        /// The scope's tenant.
        tenant: Option<Id>,
        /// The scope's location.
        location: Option<Id>,
        /// The scope's domain.
        domain: Option<Id>,
        /// The scope's guard; `web` by default.
        guard: Option<Id>,
    }
}

impl From<ScopeQuery> for Scope {
    fn from(query: ScopeQuery) -> Self {
        Self { tenant: query.tenant, location: query.location, domain: query.domain, guard: query.guard }
    }
}

impl From<ScopeParam> for Scope {
    fn from(ScopeParam(body): ScopeParam) -> Self {
        body.into()
    }
}

impl<'de> Deserialize<'de> for ScopeParam {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = ScopeParam;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ScopeParam, A::Error> {
                ScopeBody::deserialize(MapAccessDeserializer::new(map)).map(ScopeParam)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ScopeParam, A::Error> {
                match list.next_element::<de::IgnoredAny>()? {
                    None => Ok(ScopeParam::default()),
                    Some(_) => Err(A::Error::invalid_type(de::Unexpected::Seq, &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
