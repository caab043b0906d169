//! `/client.html`: a messaging client in the browser, without a build step and without third-party code.
//!
//! The page encrypts and decrypts with the Web Crypto API; the sidecar serves the files, and receives only what any client
//! sends. The entry point of the scripts is `main.js`.

use poem::http::header;

use crate::http::static_file::{Caching, StaticFile};

/// Content security policy: only the page's own files, and no HTML created from text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

macro_rules! asset {
    ($name:literal, $content_type:literal) => {
        (
            concat!("/client/", $name),
            StaticFile::new(include_str!($name), concat!($content_type, "; charset=utf-8"), Caching::Revalidated),
        )
    };
}

/// Returns the files of the page with their paths.
pub fn files() -> impl Iterator<Item = (&'static str, StaticFile)> {
    let page = StaticFile::new(include_str!("client.html"), "text/html; charset=utf-8", Caching::Revalidated);
    [
        ("/client.html", page),
        asset!("client.css", "text/css"),
        asset!("icon.svg", "image/svg+xml"),
        asset!("main.js", "text/javascript"),
        asset!("seal.js", "text/javascript"),
        asset!("protocol.js", "text/javascript"),
        asset!("poller.js", "text/javascript"),
        asset!("keyring.js", "text/javascript"),
        asset!("setup.js", "text/javascript"),
        asset!("form.js", "text/javascript"),
        asset!("conversation.js", "text/javascript"),
        asset!("compose.js", "text/javascript"),
        asset!("status.js", "text/javascript"),
    ]
    .into_iter()
    .map(|(path, file)| (path, protected(file)))
}

fn protected(file: StaticFile) -> StaticFile {
    file.with_header(header::CONTENT_SECURITY_POLICY, POLICY)
        .with_header(header::X_FRAME_OPTIONS, "DENY")
        .with_header(header::REFERRER_POLICY, "no-referrer")
        .with_header(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin")
}
