//! JSON bodies through serde, with schemas of poem-openapi and the sentences of Laravel's validator.

use std::marker::PhantomData;

use bytes::Bytes;
use poem::http::{HeaderValue, header};
use poem::{IntoResponse, Request, RequestBody, Response};
use poem_openapi::payload::{ParsePayload, Payload};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, impl_apirequest_for_payload};
use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserializer, Serialize, forward_to_deserialize_any};

use super::body;
use super::body::ReceivedBody;
use super::error::ApiError;

/// A JSON body that serde reads or writes; its [`Type`] is the schema.
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

impl<T: Type + DeserializeOwned + 'static> ParsePayload for Json<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        let body = body::read(request, body).await?;
        Ok(Self(parse_body(body).await?))
    }
}

impl_apirequest_for_payload!(Json<T>, T: Type + DeserializeOwned + 'static);

/// Parses a body as JSON.
///
/// # Errors
/// Those of [`parse`].
pub async fn parse_body<T: DeserializeOwned + Send + 'static>(body: ReceivedBody) -> Result<T, ApiError> {
    body.parse(|body| parse(body.bytes())).await
}

/// A deserializer that accepts only objects for structs; serde's derived code also accepts arrays.
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

/// Parses JSON.
///
/// # Errors
/// [`ApiError::MalformedJson`] for text that is not JSON, [`ApiError::Invalid`] with the field's path for a value that `T`
/// does not accept.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| match error.is_data() {
        true => explain::<T>(bytes),
        false => ApiError::MalformedJson(error.to_string()),
    })
}

/// Parses again, with the path of each value, to name the field of the first error.
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
        Some((_, expected)) => ApiError::invalid(field, &format!("must be {}.", plain_type_name(expected))),
        None if text.starts_with("must ") => ApiError::invalid(field, text),
        None => ApiError::invalid(field, &format!("is not valid: {text}.")),
    }
}

fn plain_type_name(expected: &str) -> &str {
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
            Ok(bytes) => response(bytes.into()),
            Err(error) => {
                tracing::error!(%error, "response could not be serialized");
                ApiError::Internal.into_response()
            }
        }
    }
}

/// A JSON response written without serde, for the most frequent operations; `T` is its schema.
#[derive(Debug)]
pub struct RawJson<T>(Bytes, PhantomData<T>);

impl<T> RawJson<T> {
    /// The response that `write` appends to an empty buffer.
    pub fn write_with(write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut out = Vec::with_capacity(512);
        write(&mut out);
        Self::shared(out.into())
    }

    /// The response with these bytes, which other responses may have too.
    pub fn shared(json: Bytes) -> Self {
        Self(json, PhantomData)
    }
}

impl<T: Send> IntoResponse for RawJson<T> {
    fn into_response(self) -> Response {
        response(self.0)
    }
}

/// Capacity of a response's headers, those of the middleware included.
const HEADER_CAPACITY: usize = 6;

fn response(json: Bytes) -> Response {
    let mut response = Response::default();
    let headers = response.headers_mut();
    headers.reserve(HEADER_CAPACITY);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    response.set_body(json);
    response
}

impl<T: Type> ApiResponse for RawJson<T> {
    fn meta() -> MetaResponses {
        ok_response::<T>()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

const JSON: &str = "application/json";

fn ok_response<T: Type>() -> MetaResponses {
    let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
    let response =
        MetaResponse { description: "OK", status: Some(200), status_range: None, content, headers: Vec::new() };
    MetaResponses { responses: vec![response] }
}

impl<T: Type + Serialize> ApiResponse for Json<T> {
    fn meta() -> MetaResponses {
        ok_response::<T>()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
