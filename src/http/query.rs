//! Groups of query parameters, extracted as one struct.
//!
//! poem-openapi knows one parameter per extractor. A group is documented as one parameter whose schema is an object, and
//! [`expand`] replaces it by its members, each a parameter of its own.

use poem::{Request, RequestBody};
use poem_openapi::param::Query;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseFromParameter, Type};
use poem_openapi::{ApiExtractor, ExtractParamOptions};
use serde_json::{Map, Value};

/// Defines a struct of optional query parameters that is an extractor. A field's doc comment describes its parameter.
#[macro_export]
macro_rules! query_parameters {
    ($(#[$attribute:meta])* $struct_visibility:vis struct $name:ident {
        $($(#[doc = $doc:literal])+ $visibility:vis $field:ident: Option<$type:ty>,)+
    }) => {
        $(#[$attribute])*
        #[derive(Debug, Default)]
        $struct_visibility struct $name {
            $($(#[doc = $doc])+ $visibility $field: Option<$type>,)+
        }

        impl<'a> poem_openapi::ApiExtractor<'a> for $name {
            const TYPES: &'static [poem_openapi::ApiExtractorType] = &[poem_openapi::ApiExtractorType::Parameter];
            const PARAM_IS_REQUIRED: bool = false;
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut poem_openapi::registry::Registry) {
                $(<$type as poem_openapi::types::Type>::register(registry);)+
            }

            fn param_in() -> Option<poem_openapi::registry::MetaParamIn> {
                Some(poem_openapi::registry::MetaParamIn::Query)
            }

            fn param_schema_ref() -> Option<poem_openapi::registry::MetaSchemaRef> {
                Some($crate::http::query::group(vec![
                    $($crate::http::query::member::<$type>(stringify!($field), concat!($($doc),+).trim()),)+
                ]))
            }

            async fn from_request(
                request: &'a poem::Request,
                body: &mut poem::RequestBody,
                _options: poem_openapi::ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok(Self { $($field: $crate::http::query::parse(request, body, stringify!($field)).await?,)+ })
            }
        }
    };
}

/// The schema of a group of parameters.
pub fn group(members: Vec<(&'static str, MetaSchemaRef)>) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(MetaSchema { properties: members, ..MetaSchema::new("object") }))
}

/// One parameter of a group: its name, and the schema of `T` below the parameter's own description.
pub fn member<T: Type>(name: &'static str, description: &'static str) -> (&'static str, MetaSchemaRef) {
    let schema = MetaSchema { description: Some(description), all_of: vec![T::schema_ref()], ..MetaSchema::ANY };
    (name, MetaSchemaRef::Inline(Box::new(schema)))
}

/// Parses the parameter called `name`.
///
/// # Errors
/// Its value is not valid for `T`.
pub async fn parse<T: ParseFromParameter>(
    request: &Request,
    body: &mut RequestBody,
    name: &'static str,
) -> poem::Result<Option<T>> {
    let options = ExtractParamOptions { name, ..ExtractParamOptions::default() };
    Query::from_request(request, body, options).await.map(|Query(value)| value)
}

/// Replaces each parameter of a document that is a group by the parameters in it.
pub fn expand(document: &mut Value) {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (_, operation) in paths.flat_map(|(_, operations)| operations.as_object_mut().into_iter().flatten()) {
        if let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) {
            *parameters = std::mem::take(parameters).into_iter().flat_map(members).collect();
        }
    }
}

fn members(parameter: Value) -> Vec<Value> {
    let Some(members) = parameter["schema"]["properties"].as_object() else { return vec![parameter] };
    let of_member = |(name, member): (&String, &Value)| {
        let mut own: Map<String, Value> = parameter.as_object().cloned().unwrap_or_default();
        own.insert("name".to_owned(), name.as_str().into());
        own.insert("schema".to_owned(), member["allOf"][0].clone());
        own.insert("description".to_owned(), member["description"].clone());
        Value::Object(own)
    };
    members.iter().map(of_member).collect()
}
