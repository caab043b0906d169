//! Files of pages and scripts that are part of the program.

use bytes::Bytes;
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{Endpoint, Request, Response};
use sha2::{Digest, Sha256};

use super::response_bytes::shared;

/// How long caches may use a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// They ask each time whether it has changed.
    Revalidated,
    /// For ever: its path has the version.
    Immutable,
}

impl Caching {
    const fn header(self) -> &'static str {
        match self {
            Self::Revalidated => "public, no-cache",
            Self::Immutable => "public, max-age=31536000, immutable",
        }
    }
}

/// A file, served with a strong `ETag`: a request that names it in `If-None-Match` gets a 304 without the file.
#[derive(Clone, Debug)]
pub struct StaticFile {
    content: Bytes,
    headers: HeaderMap,
    tag: String,
}

impl StaticFile {
    /// A file with this content.
    pub fn new(content: impl Into<Bytes>, content_type: &'static str, caching: Caching) -> Self {
        let content = content.into();
        let tag = format!("\"{}\"", hex::encode(&Sha256::digest(&content)[..16]));
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (header::CACHE_CONTROL, HeaderValue::from_static(caching.header())),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        Self { content, headers: headers.into_iter().collect(), tag }
    }

    /// Adds a header to each response.
    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// Weakly compared (RFC 9110, 13.1.2): a proxy that compresses weakens the tag.
    fn is_known(&self, request: &Request) -> bool {
        let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        known.is_some_and(|tags| {
            tags.split(',')
                .any(|known| matches!(known.trim(), "*") || known.trim().trim_start_matches("W/") == self.tag)
        })
    }
}

impl Endpoint for StaticFile {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let response = Response::builder().header(header::ETAG, &self.tag);
        let mut response = match self.is_known(&request) {
            true => response.status(StatusCode::NOT_MODIFIED).finish(),
            false => shared(response.body(self.content.clone())),
        };
        response.headers_mut().extend(self.headers.clone());
        Ok(response)
    }
}
