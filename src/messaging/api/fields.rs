//! What a request brings, as Laravel's `$request->input()` sees it: JSON or a form, and behind it the query.
//!
//! As there, a body that cannot be read is no error of its own: it has no fields, and the first one that is required says
//! so. Unlike there, strings are not trimmed and empty ones not made null on the way, since that would change what is
//! relayed; who wants that asks for it.

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

/// How deep the name of a form's field may reach: PHP's `max_input_nesting_level`.
const NESTED: usize = 64;

/// The fields of a request.
#[derive(Debug, Default)]
pub struct Fields(IndexMap<String, Field>);

/// One field.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its value as PHP sees it.
    pub value: Value,
    /// Its JSON as it was sent, or as PHP would write it if it was sent otherwise.
    pub json: String,
}

impl Fields {
    /// The fields of the query.
    pub fn of_query(request: &Request) -> Self {
        Self::form(url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()))
    }

    /// The fields of the body, and behind them those of the query.
    ///
    /// # Errors
    /// The body is too large or too slow, or says that the request is meant to be of another method (`_method`).
    pub async fn read(request: &Request, body: &mut RequestBody) -> Result<Self, ApiError> {
        let bytes = body::read(request, body).await?;
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // Laravel looks for JSON in it as it is written, PHP for a form in whatever case.
        let mut fields = match kind.split([';', ',', ' ']).next().unwrap_or_default().to_ascii_lowercase().as_str() {
            _ if ["/json", "+json"].iter().any(|json| kind.contains(json)) => Self::json(&bytes).unwrap_or_default(),
            "application/x-www-form-urlencoded" => Self::form(url::form_urlencoded::parse(&bytes)),
            "multipart/form-data" => Self::form(parts(kind, bytes).await.into_iter()),
            _ => Self::default(),
        };
        let query = Self::of_query(request);
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
            let json = raw.get(&name).map_or_else(|| encoded(value), |raw| raw.get().to_owned());
            (name, Field { value: value.clone(), json })
        });
        Some(Self(fields.collect()))
    }

    /// PHP's `parse_str`, with `a[b][]=1`; a name that reaches deeper than it allows is none there, either.
    fn form<'a>(pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Self {
        let mut tree = IndexMap::new();
        for (name, value) in pairs {
            let (first, rest) = name.split_at(name.find('[').filter(|place| *place > 0).unwrap_or(name.len()));
            let inner = rest.split_inclusive(']').filter_map(|part| part.strip_prefix('[')?.strip_suffix(']'));
            let path: Vec<&str> = std::iter::once(first).chain(inner).take(NESTED + 2).collect();
            if path.len() <= NESTED + 1 {
                insert(&mut tree, &path, &value);
            }
        }
        let field = |node: Node| {
            let value = Value::from(node);
            Field { json: encoded(&value), value }
        };
        Self(tree.into_iter().map(|(name, node)| (name, field(node))).collect())
    }

    /// The field of that name, unless it is null.
    pub fn get(&self, name: &str) -> Option<&Field> {
        self.0.get(name).filter(|field| field.value != Value::Null)
    }

    /// Whether there is a field of that name, and be it null.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The text of a field, trimmed; a number is its digits.
    pub fn text(&self, name: &str) -> Option<String> {
        match &self.get(name)?.value {
            Value::Int(number) => Some(number.to_string()),
            value => value.as_str().map(|text| trim(text).to_owned()),
        }
    }
}

/// Symfony lets a POST be meant as another method, which none of these routes has: by a header, or else by what the body
/// says, or else the query.
fn check_method(request: &Request, said: [&Fields; 2]) -> Result<(), ApiError> {
    let header = request.headers().get("x-http-method-override").and_then(|method| method.to_str().ok());
    let field = || said.iter().find(|fields| fields.has("_method"))?.get("_method")?.value.as_str();
    let method = header.filter(|method| !matches!(*method, "" | "0")).or_else(field).unwrap_or_default();
    let method = method.to_ascii_uppercase();
    if method.is_empty() || method == "POST" || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(());
    }
    let route = request.original_uri().path().trim_matches('/').to_owned();
    Err(ApiError::MethodNotAllowed { method, route, allowed: "POST".to_owned() })
}

/// The texts of a form in parts. Files are no fields, and what follows a part that cannot be read is passed over.
async fn parts(kind: &str, bytes: Bytes) -> Vec<(Cow<'static, str>, Cow<'static, str>)> {
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

/// What a form builds.
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

fn encoded(value: &Value) -> String {
    json::encode_lossy(value, Slashes::Unescaped)
}
