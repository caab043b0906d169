//! Refuses requests that a page of another site sends without the consent of this server.
//!
//! A browser asks before it sends JSON to another origin, but not before a form, text or an empty body.

use poem::Request;
use poem::http::header;
use url::Url;

use crate::http::ApiError;
use crate::http::json::is_json;

const CROSS_SITE: ApiError = ApiError::Forbidden("A page of another site may send only JSON.");

/// Refuses a request without JSON from a page of another origin.
///
/// # Errors
/// [`ApiError::Forbidden`].
pub(super) fn forbid_cross_site_form(request: &Request) -> Result<(), ApiError> {
    let text = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    if text(header::CONTENT_TYPE.as_str()).is_some_and(is_json) {
        return Ok(());
    }
    let is_foreign_fetch = text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let host = text(header::HOST.as_str()).unwrap_or_default();
    let is_foreign_origin = text(header::ORIGIN.as_str()).is_some_and(|origin| !is_origin_of(origin, host));
    if is_foreign_fetch || is_foreign_origin { Err(CROSS_SITE) } else { Ok(()) }
}

/// Whether `origin` is that of a page of `host`, a host name with the port unless it is the default one.
fn is_origin_of(origin: &str, host: &str) -> bool {
    let Ok(url) = Url::parse(origin) else { return false };
    let own = Url::parse(&format!("{}://{host}", url.scheme()));
    own.is_ok_and(|own| own.origin() == url.origin() && url.origin().is_tuple())
}
