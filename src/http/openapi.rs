//! The OpenAPI document, Swagger UI, and the table of routes that the document describes.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use poem::endpoint::{make, make_sync};
use poem::error::InternalServerError;
use poem::http::header;
use poem::{Endpoint, Response};
use poem_openapi::OpenApiService;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::response_bytes::shared;

/// All routes and their methods.
#[derive(Clone, Debug, Default)]
pub struct RouteTable(Vec<(Vec<String>, String)>);

impl RouteTable {
    /// The routes of an OpenAPI document, and `more` routes that support GET.
    pub fn of(document: &Value, more: &[&str]) -> Self {
        let segments = |path: &str| path.trim_matches('/').split('/').map(str::to_owned).collect::<Vec<_>>();
        let paths = document["paths"].as_object().into_iter().flatten().map(|(path, operations)| {
            let mut methods: Vec<String> =
                operations.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase()).collect();
            if methods.iter().any(|method| method == "GET") {
                methods.push("HEAD".to_owned());
            }
            (segments(path), methods.join(", "))
        });
        Self(paths.chain(more.iter().map(|path| (segments(path), "GET, HEAD".to_owned()))).collect())
    }

    /// The methods that the route of `path` supports, comma separated.
    pub fn allowed(&self, path: &str) -> Option<&str> {
        self.find(path).map(|(_, methods)| methods.as_str())
    }

    /// The name of the parameter at `index`, from 0, among those of the route of `path`.
    pub fn parameter(&self, path: &str, index: usize) -> Option<&str> {
        let (route, _) = self.find(path)?;
        let mut names = route.iter().filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        names.nth(index)
    }

    fn find(&self, path: &str) -> Option<&(Vec<String>, String)> {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        self.0.iter().find(|(route, _)| {
            route.len() == segments.len()
                && route.iter().zip(&segments).all(|(known, part)| known.starts_with('{') || known == part)
        })
    }
}

/// Serves a constant text.
pub fn serve_text(content_type: &'static str, text: String) -> impl Endpoint<Output = Response> {
    let bytes = Bytes::from(text);
    make_sync(move |_| shared(Response::builder().content_type(content_type).body(bytes.clone())))
}

/// Adds to a schema what poem-openapi leaves out: optional properties may be null, and the bounds of 64-bit integers are
/// exact.
pub fn complete(schema: &mut Value) {
    if let Some(items) = schema.as_array_mut() {
        items.iter_mut().for_each(complete);
    }
    let Some(object) = schema.as_object_mut() else { return };
    object.values_mut().for_each(complete);
    if object.get("format").is_some_and(|format| format == "int64") && object.contains_key("minimum") {
        object.insert("minimum".to_owned(), i64::MIN.into());
        object.insert("maximum".to_owned(), i64::MAX.into());
    }
    let required = object.get("required").cloned().unwrap_or_default();
    let required: Vec<&str> = required.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in object.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        if let (false, Some(property)) = (required.contains(&name.as_str()), property.as_object_mut()) {
            if let Some(reference) = property.remove("$ref") {
                property.insert("allOf".to_owned(), serde_json::json!([{"$ref": reference}]));
            }
            property.insert("nullable".to_owned(), true.into());
        }
    }
}

/// The document as JSON, indented, with a line break at the end.
pub fn to_json(document: &Value) -> String {
    format!("{document:#}\n")
}

/// The document as YAML.
pub fn to_yaml(document: &Value) -> String {
    serde_yaml::to_string(document).unwrap_or_default()
}

/// Serves Swagger UI's page, rendered on the first request, with a content security policy that permits only the scripts
/// and styles of this page.
pub fn swagger_ui(document: &Value) -> impl Endpoint<Output = Response> + use<> {
    let document: Arc<str> = document.to_string().into();
    let rendered = Arc::new(OnceCell::new());
    make(move |_| {
        let (document, rendered) = (document.clone(), rendered.clone());
        async move {
            // Hashing the page takes long enough to delay other requests of this thread.
            let render = || async { spawn_blocking(move || swagger_page(&document)).await };
            let (page, policy) = rendered.get_or_try_init(render).await.map_err(InternalServerError)?;
            let response = Response::builder().content_type("text/html; charset=utf-8");
            let response = response.header(header::CONTENT_SECURITY_POLICY, policy);
            let response =
                response.header(header::X_FRAME_OPTIONS, "DENY").header(header::REFERRER_POLICY, "no-referrer");
            Ok::<_, poem::Error>(shared(response.body(Bytes::clone(page))))
        }
    })
}

/// poem-openapi's page with our document, and the policy for it.
fn swagger_page(document: &str) -> (Bytes, String) {
    let template = OpenApiService::new((), "", "");
    let page = template.swagger_ui_html().replacen(&template.spec(), document, 1);
    let page = page.replacen("\n<html charset=\"UTF-8\">", "<!doctype html>\n<html lang=\"en\">", 1).replacen(
        "<title>Swagger UI</title>",
        "<title>presence-sidecar</title>\n    <meta name=\"viewport\" content=\"width=device-width\">",
        1,
    );
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {} 'unsafe-hashes'; img-src data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        csp_hashes(&page, "script"),
        csp_hashes(&page, "style"),
    );
    (page.into(), policy)
}

/// The CSP sources of each `<tag …>…</tag>` of the page.
fn csp_hashes(page: &str, tag: &str) -> String {
    let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
    let blocks = page.split(&close).filter_map(|before| {
        let (_, block) = before.split_once(&open)?;
        block.split_once('>').map(|(_, content)| content)
    });
    let sources = blocks.map(|block| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(block.as_bytes()))));
    sources.collect::<Vec<_>>().join(" ")
}
