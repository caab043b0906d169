//! The input of a request, as Laravel's `$request->input()` returns it: JSON or a form, and the query for other fields.
//!
//! As in Laravel, a malformed body is not an error: it has no fields, and validation reports the first required one. Unlike
//! in Laravel, strings are not trimmed and empty strings are not replaced with null, since that would change relayed
//! payloads; see [`Fields::text`] for a trimmed string.

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;

use bytes::Bytes;
use indexmap::IndexMap;
use multer::Multipart;
use poem::http::header;
use poem::{Request, RequestBody};
use serde_json::value::RawValue;

use crate::http::{ApiError, body};
use crate::laravel::trim::trim;
use crate::php::json::Slashes;
use crate::php::{Array, Value, json};

/// Maximum nesting depth of a form field's name: PHP's `max_input_nesting_level`.
const MAX_NESTING: usize = 64;

/// The fields of a request.
#[derive(Debug, Default)]
pub struct Fields(IndexMap<String, Field>);

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
        Self::form(url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()))
    }

    /// Reads the fields of the body, and those of the query that the body does not have.
    ///
    /// # Errors
    /// The body is too large or too slow, or overrides the method of the request (`_method`).
    pub async fn read(request: &Request, body: &mut RequestBody) -> Result<Self, ApiError> {
        let bytes = body::read(request, body).await?;
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // Laravel searches for JSON in the header case-sensitively, PHP for a form in any case.
        let mut fields = match kind.split([';', ',', ' ']).next().unwrap_or_default().to_ascii_lowercase().as_str() {
            _ if ["/json", "+json"].iter().any(|json| kind.contains(json)) => Self::json(&bytes).unwrap_or_default(),
            "application/x-www-form-urlencoded" => Self::form(url::form_urlencoded::parse(&bytes)),
            "multipart/form-data" => Self::form(read_multipart(kind, bytes).await.into_iter()),
            _ => Self::default(),
        };
        let query = Self::from_query(request);
        check_method(request, [&fields, &query])?;
        for (name, field) in query.0 {
            fields.0.entry(name).or_insert(field);
        }
        Ok(fields)
    }

    fn json(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let Value::Array(values) = json::decode(text).ok()? else { return None };
        let raw: HashMap<String, &RawValue> = serde_json::from_str(text).unwrap_or_default();
        let fields = values.iter().map(|(key, value)| {
            let name = match key {
                crate::php::ArrayKey::Int(number) => number.to_string(),
                crate::php::ArrayKey::String(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            };
            let json = raw.get(&name).map_or_else(|| encode(value), |raw| raw.get().to_owned());
            (name, Field { value: value.clone(), json })
        });
        Some(Self(fields.collect()))
    }

    /// Parses a form as PHP's `parse_str` does, with `a[b][]=1`; names that are nested too deeply are ignored, as in PHP.
    fn form<'a>(pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Self {
        let mut tree = IndexMap::new();
        for (name, value) in pairs {
            let (first, rest) = name.split_at(name.find('[').filter(|index| *index > 0).unwrap_or(name.len()));
            let inner = rest.split_inclusive(']').filter_map(|part| part.strip_prefix('[')?.strip_suffix(']'));
            let path: Vec<&str> = std::iter::once(first).chain(inner).take(MAX_NESTING + 2).collect();
            if path.len() <= MAX_NESTING + 1 {
                insert(&mut tree, &path, &value);
            }
        }
        let field = |node: Node| {
            let value = Value::from(node);
            Field { json: encode(&value), value }
        };
        Self(tree.into_iter().map(|(name, node)| (name, field(node))).collect())
    }

    /// The field with this name, unless it is null.
    pub fn get(&self, name: &str) -> Option<&Field> {
        self.0.get(name).filter(|field| field.value != Value::Null)
    }

    /// Whether there is a field with this name, also if it is null.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The string of a field, trimmed; an integer in decimal digits.
    pub fn text(&self, name: &str) -> Option<String> {
        match &self.get(name)?.value {
            Value::Int(number) => Some(number.to_string()),
            value => value.as_str().map(|text| trim(text).to_owned()),
        }
    }
}

/// Refuses a POST that overrides its method, as Symfony allows by a header, or else in the body, or else in the query: no
/// route here has another method.
fn check_method(request: &Request, sources: [&Fields; 2]) -> Result<(), ApiError> {
    let header = request.headers().get("x-http-method-override").and_then(|method| method.to_str().ok());
    let field = || sources.iter().find(|fields| fields.has("_method"))?.get("_method")?.value.as_str();
    let method = header.filter(|method| !matches!(*method, "" | "0")).or_else(field).unwrap_or_default();
    let method = method.to_ascii_uppercase();
    if method.is_empty() || method == "POST" || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(());
    }
    let route = request.original_uri().path().trim_matches('/').to_owned();
    Err(ApiError::MethodNotAllowed { method, route, allowed: "POST".to_owned() })
}

/// Returns the strings of a multipart form. Ignores files, and everything after a malformed part.
async fn read_multipart(kind: &str, bytes: Bytes) -> Vec<(Cow<'static, str>, Cow<'static, str>)> {
    let mut texts = Vec::new();
    let Ok(boundary) = multer::parse_boundary(kind) else { return texts };
    let whole = futures_util::stream::iter([Ok::<_, Infallible>(bytes)]);
    let mut parts = Multipart::new(whole, boundary);
    while let Ok(Some(part)) = parts.next_field().await {
        let name = part.name().filter(|_| part.file_name().is_none()).map(str::to_owned);
        if let (Some(name), Ok(text)) = (name, part.text().await) {
            texts.push((name.into(), text.into()));
        }
    }
    texts
}

/// The parse tree of a form.
enum Node {
    Leaf(String),
    Branch(IndexMap<String, Node>),
}

fn insert(tree: &mut IndexMap<String, Node>, path: &[&str], value: &str) {
    let [first, rest @ ..] = path else { return };
    let key = if first.is_empty() { tree.len().to_string() } else { (*first).to_owned() };
    if rest.is_empty() {
        tree.insert(key, Node::Leaf(value.to_owned()));
        return;
    }
    let node = tree.entry(key).or_insert_with(|| Node::Branch(IndexMap::new()));
    if let Node::Leaf(_) = node {
        *node = Node::Branch(IndexMap::new());
    }
    if let Node::Branch(branch) = node {
        insert(branch, rest, value);
    }
}

impl From<Node> for Value {
    fn from(node: Node) -> Self {
        match node {
            Node::Leaf(text) => Self::from(text),
            Node::Branch(nodes) => {
                Self::Array(nodes.into_iter().map(|(key, node)| (key, Self::from(node))).collect::<Array>())
            }
        }
    }
}

fn encode(value: &Value) -> String {
    json::encode_lossy(value, Slashes::Unescaped)
}
