//! OpenAPI schemas of types that serde reads and writes.

/// Implements poem-openapi's traits for a type through its serde implementation, with an inline schema, which may refer
/// to `part`.
#[macro_export]
macro_rules! openapi_by_serde {
    ($type:ty, $name:literal, $schema:expr $(, of $part:ty)?) => {
        $crate::openapi_type!($type, $name, $schema $(, of $part)?);

        $crate::openapi_json!($type);
    };
}

/// Gives a type an inline schema, which may refer to `part`.
#[macro_export]
macro_rules! openapi_type {
    ($type:ty, $name:literal, $schema:expr $(, of $part:ty)?) => {
        impl poem_openapi::types::Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                poem_openapi::registry::MetaSchemaRef::Inline(Box::new($schema))
            }

            $(fn register(registry: &mut poem_openapi::registry::Registry) {
                <$part as poem_openapi::types::Type>::register(registry);
            })?

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(Some(self).into_iter())
            }
        }
    };
}

/// Implements serde's `Deserialize` from JSON objects only, for types that derive it with `#[serde(remote = "Self")]`:
/// the derived code would also accept an array, field by field.
#[macro_export]
macro_rules! objects_only {
    ($($type:ty),+) => {
        $(impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <$type>::deserialize($crate::http::json::ObjectsOnly(deserializer))
            }
        })+
    };
}

/// Implements poem-openapi's traits for a type through its serde implementation, with a schema that is a component of the
/// document and is referred to by name.
#[macro_export]
macro_rules! openapi_component {
    ($type:ty, $name:literal, $schema:expr) => {
        impl poem_openapi::types::Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                poem_openapi::registry::MetaSchemaRef::Reference($name.to_owned())
            }

            fn register(registry: &mut poem_openapi::registry::Registry) {
                registry.create_schema::<Self, _>($name.to_owned(), |_| $schema);
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(Some(self).into_iter())
            }
        }

        $crate::openapi_json!($type);
    };
}

/// Implements poem-openapi's conversions for a type through its serde implementation.
#[macro_export]
macro_rules! openapi_json {
    ($type:ty) => {
        impl poem_openapi::types::ToJSON for $type {
            fn to_json(&self) -> Option<serde_json::Value> {
                serde_json::to_value(self).ok()
            }
        }

        impl poem_openapi::types::ParseFromJSON for $type {
            fn parse_from_json(value: Option<serde_json::Value>) -> poem_openapi::types::ParseResult<Self> {
                serde_json::from_value(value.unwrap_or_default()).map_err(poem_openapi::types::ParseError::custom)
            }
        }
    };
}
