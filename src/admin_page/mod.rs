//! `/admin`: the operators' page, without a build step and without third-party code.
//!
//! The page is a client of the API like any other: it has no route but those of its files, and shows and does only what the
//! token that the operator enters may. The token stays in the tab (`sessionStorage`) and is sent in the `Authorization` header.
//! The entry point of the scripts is `main.js`. The page names its other files by a path with the version.

use poem::Endpoint;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};

use crate::http::static_file::{Caching, StaticFile};

/// Content security policy: only the page's own files and API, and no HTML created from text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

const PAGE: &str = include_str!("index.html");

/// The placeholder of the version in [`PAGE`].
const VERSION: &str = "{version}";

macro_rules! asset {
    ($name:literal, $content_type:literal) => {
        (
            concat!("/admin/", env!("CARGO_PKG_VERSION"), "/", $name),
            StaticFile::new(include_str!($name), concat!($content_type, "; charset=utf-8"), Caching::Immutable),
        )
    };
}

/// Returns the files that the page loads, with their paths.
pub fn assets() -> impl Iterator<Item = (&'static str, StaticFile)> {
    [
        asset!("admin.css", "text/css"),
        asset!("icon.svg", "image/svg+xml"),
        asset!("main.js", "text/javascript"),
        asset!("api.js", "text/javascript"),
        asset!("stream.js", "text/javascript"),
        asset!("dom.js", "text/javascript"),
        asset!("pager.js", "text/javascript"),
        asset!("scope.js", "text/javascript"),
        asset!("metrics.js", "text/javascript"),
        asset!("sign_in.js", "text/javascript"),
        asset!("overview.js", "text/javascript"),
        asset!("users.js", "text/javascript"),
        asset!("user.js", "text/javascript"),
        asset!("deliveries.js", "text/javascript"),
        asset!("messages.js", "text/javascript"),
        asset!("settings.js", "text/javascript"),
    ]
    .into_iter()
}

/// The path of the page.
pub const PATH: &str = "/admin";

/// Returns the page.
pub fn page() -> impl Endpoint<Output = Response> {
    let text = PAGE.replace(VERSION, env!("CARGO_PKG_VERSION"));
    let file = StaticFile::new(text, "text/html; charset=utf-8", Caching::Revalidated)
        .with_header(header::CONTENT_SECURITY_POLICY, POLICY)
        .with_header(header::X_FRAME_OPTIONS, "DENY")
        .with_header(header::REFERRER_POLICY, "no-referrer")
        .with_header(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    AdminPage(file)
}

/// The page; the paths in it are relative to `/admin`.
struct AdminPage(StaticFile);

impl Endpoint for AdminPage {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if request.original_uri().path().ends_with('/') {
            let location = HeaderValue::from_static("../admin");
            return Ok(Response::builder()
                .status(StatusCode::PERMANENT_REDIRECT)
                .header(header::LOCATION, location)
                .finish());
        }
        self.0.call(request).await
    }
}
