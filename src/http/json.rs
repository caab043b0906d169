//! JSON in and out through serde, with the schema of poem-openapi and the errors of Laravel's validator.

use std::marker::PhantomData;

use poem::http::{HeaderValue, header};
use poem::{IntoResponse, Request, RequestBody, Response};
use poem_openapi::payload::{ParsePayload, Payload};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, impl_apirequest_for_payload};
use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserializer, Serialize, forward_to_deserialize_any};

use super::body;
use super::error::ApiError;

/// A JSON body, read or written by serde and described by its [`Type`].
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: Type> Payload for Json<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(content_type: &str) -> bool {
        is_json(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// Whether a content type is `application/json` or `application/…+json`.
pub fn is_json(content_type: &str) -> bool {
    if content_type == JSON {
        return true;
    }
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let subtype = essence.get(..12).filter(|start| start.eq_ignore_ascii_case("application/")).map(|_| &essence[12..]);
    subtype
        .is_some_and(|subtype| subtype.eq_ignore_ascii_case("json") || subtype.to_ascii_lowercase().ends_with("+json"))
}

impl<T: Type + DeserializeOwned> ParsePayload for Json<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        let bytes = body::read(request, body).await?;
        Ok(Self(parse(&bytes)?))
    }
}

impl_apirequest_for_payload!(Json<T>, T: Type + DeserializeOwned);

/// A deserializer that takes objects alone for structs.
#[derive(Debug)]
pub struct ObjectsOnly<D>(pub D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ObjectsOnly<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Reads JSON.
///
/// # Errors
/// [`ApiError::MalformedJson`] for what is not JSON, [`ApiError::Invalid`] naming the field for what is not as `T` wants it.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| match error.is_data() {
        true => explain::<T>(bytes),
        false => ApiError::MalformedJson(error.to_string()),
    })
}

/// Reads again, more slowly, to find out where it goes wrong.
fn explain<T: DeserializeOwned>(bytes: &[u8]) -> ApiError {
    let deserializer = &mut serde_json::Deserializer::from_slice(bytes);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(deserializer) else { return ApiError::Internal };
    let path = error.path().to_string().replace('[', ".").replace(']', "");
    let path = path.trim_start_matches('.').trim_start_matches('?');
    let text = error.into_inner().to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    let below = |field: &str| if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") };
    if let Some(field) = text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return ApiError::invalid(&below(field), "is required.");
    }
    let field = if path.is_empty() { "body" } else { path };
    if let Some(field) = text.strip_prefix("duplicate field `").and_then(|rest| rest.strip_suffix('`')) {
        return ApiError::invalid(&below(field), "must not be given twice.");
    }
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => ApiError::invalid(field, &format!("must be {}.", friendly(expected))),
        None if text.starts_with("must ") => ApiError::invalid(field, text),
        None => ApiError::invalid(field, &format!("is not valid: {text}.")),
    }
}

fn friendly(expected: &str) -> &str {
    match expected {
        _ if expected.starts_with("struct ") => "an object",
        "a sequence" => "an array",
        "a borrowed string" | "string" => "a string",
        "i64" => "a 64-bit integer",
        other => other,
    }
}

impl<T: Serialize + Send> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => response(bytes),
            Err(error) => {
                tracing::error!(%error, "an answer could not be written");
                ApiError::Internal.into_response()
            }
        }
    }
}

/// An answer in JSON written by hand, for routes that are asked so often that it matters; `T` describes it.
#[derive(Debug)]
pub struct RawJson<T>(Vec<u8>, PhantomData<T>);

impl<T> RawJson<T> {
    /// The answer that `write` appends.
    pub fn by(write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut out = Vec::with_capacity(512);
        write(&mut out);
        Self(out, PhantomData)
    }
}

impl<T: Send> IntoResponse for RawJson<T> {
    fn into_response(self) -> Response {
        response(self.0)
    }
}

/// Room for the headers that the edge adds, too.
const HEADERS: usize = 6;

fn response(json: Vec<u8>) -> Response {
    let mut response = Response::default();
    let headers = response.headers_mut();
    headers.reserve(HEADERS);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    response.set_body(json);
    response
}

impl<T: Type> ApiResponse for RawJson<T> {
    fn meta() -> MetaResponses {
        described::<T>()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

const JSON: &str = "application/json";

fn described<T: Type>() -> MetaResponses {
    let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
    let response =
        MetaResponse { description: "Done", status: Some(200), status_range: None, content, headers: Vec::new() };
    MetaResponses { responses: vec![response] }
}

impl<T: Type + Serialize> ApiResponse for Json<T> {
    fn meta() -> MetaResponses {
        described::<T>()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
