//! Swagger UI's page.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use poem::endpoint::make;
use poem::error::InternalServerError;
use poem::http::{HeaderValue, header};
use poem::{Endpoint, Request, Response};
use poem_openapi::OpenApiService;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::http::compressed_text::CompressedText;

/// Serves Swagger UI's page, rendered on the first request, with a content security policy that permits only the scripts
/// and styles of this page.
pub fn swagger_ui(document: &Value) -> impl Endpoint<Output = Response> + use<> {
    let document: Arc<Value> = document.clone().into();
    let rendered = Arc::new(OnceCell::new());
    make(move |request: Request| {
        let (document, rendered) = (document.clone(), rendered.clone());
        async move {
            // Hashing and compressing the page take long enough to delay other requests of this thread.
            let render = || async { spawn_blocking(move || swagger_page(&document)).await };
            let (page, policy) = rendered.get_or_try_init(render).await.map_err(InternalServerError)?;
            let mut response = CompressedText::respond(page, &request, "text/html; charset=utf-8");
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
            headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
            headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            Ok::<_, poem::Error>(response)
        }
    })
}

/// poem-openapi's page with our document, and the policy for it.
fn swagger_page(document: &Value) -> (CompressedText, HeaderValue) {
    let template = OpenApiService::new((), "", "");
    let page = template.swagger_ui_html().replacen(&template.spec(), &document.to_string(), 1);
    let page = page.replacen("\n<html charset=\"UTF-8\">", "<!doctype html>\n<html lang=\"en\">", 1).replacen(
        "<title>Swagger UI</title>",
        "<title>presence-sidecar</title>\n    <meta name=\"viewport\" content=\"width=device-width\">",
        1,
    );
    let page = page.replacen("dom_id: '#ui',", &format!("dom_id: '#ui',\n        {}", without_streams(document)), 1);
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {} 'unsafe-hashes'; img-src data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        csp_hashes(&page, "script"),
        csp_hashes(&page, "style"),
    );
    let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let page = CompressedText::new(page);
    page.gzip();
    (page, policy)
}

/// The option of Swagger UI that leaves out "Try it out" for event streams: it would wait for their end.
fn without_streams(document: &Value) -> String {
    let paths = document["paths"].as_object().into_iter().flatten();
    let is_stream = |operation: &Value| operation["responses"]["200"]["content"]["text/event-stream"].is_object();
    let streams = paths.filter(|(_, methods)| methods.as_object().into_iter().flatten().any(|(_, it)| is_stream(it)));
    let streams: Vec<&String> = streams.map(|(path, _)| path).collect();
    format!(
        "plugins: [{{statePlugins: {{spec: {{wrapSelectors: {{allowTryItOutFor: () => (state, path) => \
         !{}.includes(path)}}}}}}}}],",
        json!(streams)
    )
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
