//! `/presence.js`: live presence in pages, an ES module without dependencies. The folder is an npm package, too.
//!
//! The module is served under two paths: `/presence.js`, which caches revalidate by its `ETag`, and a path with the version,
//! which never changes.

use poem::endpoint::make_sync;
use poem::http::{StatusCode, header};
use poem::{Endpoint, Request, Response};
use sha2::{Digest, Sha256};

use crate::http::response_bytes::shared;

const SCRIPT: &str = include_str!("presence.js");
const TYPES: &str = include_str!("presence.d.ts");

/// The path that names the version.
const VERSIONED: &str = concat!("/presence-", env!("CARGO_PKG_VERSION"), ".js");

/// Returns the files of the client with their paths.
pub fn files() -> impl Iterator<Item = (&'static str, impl Endpoint<Output = Response>)> {
    let revalidated = "public, no-cache";
    let files = [
        ("/presence.js", SCRIPT, "text/javascript; charset=utf-8", revalidated),
        (VERSIONED, SCRIPT, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("/presence.d.ts", TYPES, "application/typescript; charset=utf-8", revalidated),
    ];
    files.into_iter().map(|(path, text, content_type, caching)| {
        let tag = format!("\"{}\"", hex::encode(&Sha256::digest(text)[..16]));
        (path, make_sync(move |request| serve(&request, text, content_type, (&tag, caching))))
    })
}

fn serve(request: &Request, text: &'static str, content_type: &str, (tag, caching): (&str, &str)) -> Response {
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known =
        known.is_some_and(|tags| tags.split(',').any(|known| matches!(known.trim(), "*") || known.trim() == tag));
    let response = Response::builder()
        .header(header::ETAG, tag)
        .header(header::CACHE_CONTROL, caching)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    match is_known {
        true => response.status(StatusCode::NOT_MODIFIED).finish(),
        false => shared(response.content_type(content_type).body(text)),
    }
}
