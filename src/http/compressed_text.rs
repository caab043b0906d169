//! Texts that never change, sent compressed to clients that accept it.

use std::io::Write as _;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use poem::http::{HeaderValue, header};
use poem::{Request, Response};

use super::accept::accepts;
use super::response_bytes::shared;

/// A text, as it is and compressed with gzip. Clones share it.
#[derive(Clone, Debug)]
pub struct CompressedText {
    plain: Bytes,
    gzip: Arc<OnceLock<Bytes>>,
}

impl CompressedText {
    /// A text that is compressed when a client first asks for it compressed.
    pub fn new(text: String) -> Self {
        Self { plain: text.into(), gzip: Arc::default() }
    }

    /// The compressed text. The first call takes some time: about 50 ms for a megabyte.
    pub fn gzip(&self) -> &Bytes {
        self.gzip.get_or_init(|| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            let gzip = encoder.write_all(&self.plain).and_then(|()| encoder.finish());
            // Writing into a Vec cannot fail.
            gzip.unwrap_or_default().into()
        })
    }

    /// The response to a request, in the form that it accepts.
    pub fn respond(&self, request: &Request, content_type: &'static str) -> Response {
        let is_compressed = accepts(request.headers(), &header::ACCEPT_ENCODING, "gzip");
        let body = if is_compressed { self.gzip() } else { &self.plain };
        let mut response = shared(Response::builder().content_type(content_type).body(body.clone()));
        let headers = response.headers_mut();
        headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        if is_compressed {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}
