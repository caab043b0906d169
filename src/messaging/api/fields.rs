//! The input of a request, as Laravel's `$request->input()` returns it: JSON or a form, and the query for other fields.
//!
//! As in Laravel, a malformed body is not an error: it has no fields, and validation reports the first required one. Unlike
//! in Laravel, strings are not trimmed and empty strings are not replaced with null, since that would change relayed
//! payloads; see [`Fields::text`] for a trimmed string.

use std::borrow::Cow;
use std::collections::HashMap;

use indexmap::IndexMap;
use poem::http::header;
use poem::{Request, RequestBody};
use serde_json::value::RawValue;

use super::form;
use super::form::Form;
use crate::http::body::ReceivedBody;
use crate::http::budget::Reservation;
use crate::http::{ApiError, body};
use crate::laravel::trim::trim;
use crate::php::json::Slashes;
use crate::php::{ArrayKey, Value, json};

/// The fields of a request, with the memory that is reserved for them.
#[derive(Debug, Default)]
pub struct Fields {
    fields: IndexMap<String, Field>,
    _memory: Option<Reservation>,
}

/// One field.
#[derive(Clone, Debug)]
pub struct Field {
    /// The value as PHP parses it.
    pub value: Value,
    /// The JSON as it was sent; for a form, the JSON that PHP would write.
    pub json: String,
}

impl Fields {
    /// Parses the fields of the query.
    pub fn from_query(request: &Request) -> Self {
        let mut form = Form::default();
        let pairs = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
        pairs.take(form::MAX_PAIRS).for_each(|(name, value)| form.insert(&name, &value));
        Self { fields: fields_of(form), _memory: None }
    }

    /// Reads the fields of the body, and those of the query that the body does not have.
    ///
    /// # Errors
    /// The body is too large, too slow or has too many values, or overrides the method of the request (`_method`).
    pub async fn read(request: &Request, body: &mut RequestBody) -> Result<Self, ApiError> {
        let body = body::read(request, body).await?;
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // Laravel searches for JSON in the header case-sensitively, PHP for a form in any case.
        let mut fields = match kind.split([';', ',', ' ']).next().unwrap_or_default().to_ascii_lowercase().as_str() {
            _ if ["/json", "+json"].iter().any(|json| kind.contains(json)) => body.parse(Self::json).await?,
            "application/x-www-form-urlencoded" => body.parse(Self::urlencoded).await?,
            "multipart/form-data" => {
                let pairs = form::read_multipart(kind, body.bytes().clone()).await;
                body.parse(move |body| Self::form(body, pairs.into_iter())).await?
            }
            _ => Self::default(),
        };
        let query = Self::from_query(request);
        check_method_fields(request, [&fields, &query])?;
        for (name, field) in query.fields {
            fields.fields.entry(name).or_insert(field);
        }
        Ok(fields)
    }

    fn json(body: &mut ReceivedBody) -> Result<Self, ApiError> {
        let memory = body.reserve_values(json::count_values(body.bytes()))?;
        Ok(Self { fields: parse_json(body.bytes()).unwrap_or_default(), _memory: memory })
    }

    fn urlencoded(body: &mut ReceivedBody) -> Result<Self, ApiError> {
        let bytes = body.bytes().clone();
        Self::form(body, url::form_urlencoded::parse(&bytes))
    }

    fn form<'a>(
        body: &mut ReceivedBody,
        pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Self, ApiError> {
        let mut form = Form::default();
        for (name, value) in pairs.take(form::MAX_PAIRS) {
            form.insert(&name, &value);
            body.check_values(form.values())?;
        }
        let memory = body.reserve_values(form.values())?;
        Ok(Self { fields: fields_of(form), _memory: memory })
    }

    /// The field with this name, unless it is null.
    pub fn get(&self, name: &str) -> Option<&Field> {
        self.fields.get(name).filter(|field| field.value != Value::Null)
    }

    /// Whether there is a field with this name, also if it is null.
    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// The string of a field, trimmed; an integer in decimal digits.
    pub fn text(&self, name: &str) -> Option<String> {
        match &self.get(name)?.value {
            Value::Int(number) => Some(number.to_string()),
            value => value.as_str().map(|text| trim(text).to_owned()),
        }
    }
}

/// Refuses a POST whose header overrides its method, as Symfony allows: no route here has another method.
///
/// # Errors
/// [`ApiError::MethodNotAllowed`].
pub(super) fn check_method_header(request: &Request) -> Result<(), ApiError> {
    check_method(request, method_header(request))
}

fn method_header(request: &Request) -> Option<&str> {
    let header = request.headers().get("x-http-method-override").and_then(|method| method.to_str().ok());
    header.filter(|method| !matches!(*method, "" | "0"))
}

/// Refuses a POST that overrides its method: by a header, or else in the body, or else in the query.
fn check_method_fields(request: &Request, sources: [&Fields; 2]) -> Result<(), ApiError> {
    let field = || sources.iter().find(|fields| fields.has("_method"))?.get("_method")?.value.as_str();
    check_method(request, method_header(request).or_else(field))
}

fn check_method(request: &Request, method: Option<&str>) -> Result<(), ApiError> {
    let method = method.unwrap_or_default().to_ascii_uppercase();
    if method.is_empty() || method == "POST" || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(());
    }
    let route = request.original_uri().path().trim_matches('/').to_owned();
    Err(ApiError::MethodNotAllowed { method, route, allowed: "POST".to_owned() })
}

/// The fields of a JSON object or list; `None` for anything else.
fn parse_json(bytes: &[u8]) -> Option<IndexMap<String, Field>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let Value::Array(values) = json::decode(text).ok()? else { return None };
    let raw: HashMap<String, &RawValue> = serde_json::from_str(text).unwrap_or_default();
    let fields = values.into_iter().map(|(key, value)| {
        let name = match key {
            ArrayKey::Int(number) => number.to_string(),
            ArrayKey::String(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        };
        let json = raw.get(&name).map_or_else(|| encode(&value), |raw| raw.get().to_owned());
        (name, Field { value, json })
    });
    Some(fields.collect())
}

fn fields_of(form: Form) -> IndexMap<String, Field> {
    let field = |(name, value)| (name, Field { json: encode(&value), value });
    form.into_values().map(field).collect()
}

fn encode(value: &Value) -> String {
    json::encode_lossy(value, Slashes::Unescaped)
}
