//! `/client.html`: a messaging client in the browser, without a build step and without third-party code.
//!
//! The page encrypts and decrypts with the Web Crypto API; the sidecar serves the files, and receives only what any client
//! sends. The entry point of the scripts is `main.js`.

use poem::endpoint::make_sync;
use poem::http::header;
use poem::{Endpoint, Response};

use crate::http::response_bytes::shared;

/// Content security policy: only the page's own files, and no HTML created from text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A file of the page.
struct File {
    path: &'static str,
    content_type: &'static str,
    text: &'static str,
}

macro_rules! script {
    ($name:literal) => {
        File { path: concat!("/client/", $name), content_type: SCRIPT, text: include_str!($name) }
    };
}

const FILES: [File; 13] = [
    File { path: "/client.html", content_type: "text/html; charset=utf-8", text: include_str!("client.html") },
    File { path: "/client/client.css", content_type: "text/css; charset=utf-8", text: include_str!("client.css") },
    File { path: "/client/icon.svg", content_type: "image/svg+xml", text: include_str!("icon.svg") },
    script!("main.js"),
    script!("seal.js"),
    script!("protocol.js"),
    script!("poller.js"),
    script!("keyring.js"),
    script!("setup.js"),
    script!("form.js"),
    script!("conversation.js"),
    script!("compose.js"),
    script!("status.js"),
];

/// Returns the files of the page with their paths.
pub fn files() -> impl Iterator<Item = (&'static str, impl Endpoint<Output = Response>)> {
    FILES.iter().map(|file| (file.path, make_sync(|_| file.response())))
}

impl File {
    fn response(&self) -> Response {
        let response = Response::builder()
            .content_type(self.content_type)
            .header(header::CONTENT_SECURITY_POLICY, POLICY)
            .header(header::X_FRAME_OPTIONS, "DENY")
            .header(header::REFERRER_POLICY, "no-referrer")
            .header("cross-origin-opener-policy", "same-origin");
        shared(response.body(self.text))
    }
}
