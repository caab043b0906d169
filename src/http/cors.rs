//! Cross-origin requests: only configured origins may read responses.
//!
//! Tokens travel in headers or bodies, never in cookies, so responses do not allow credentials.

use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

/// The origins that may call from a browser.
#[derive(Clone, Debug)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Exact origins (`https://app.test`), or `*` for any.
    pub fn new(allowed: Vec<String>) -> Self {
        Self(allowed)
    }

    /// The value of `Access-Control-Allow-Origin` for a request; `None` if its origin is not allowed.
    pub fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        self.0.iter().any(|allowed| allowed == "*" || allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
    }

    /// The response to a preflight request from an allowed origin; `None` for any other request.
    pub fn preflight(&self, request: &Request) -> Option<Response> {
        let is_preflight = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight {
            return None;
        }
        self.allowed(request.headers())?;
        let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static(
                "authorization, content-type, last-event-id, x-client-id, x-admin-token, x-operator-token, \
                 x-registration-token, idempotency-key",
            ),
        );
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
        Some(response)
    }
}

/// Allows `origin` to read the response.
pub fn allow_origin(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("retry-after, x-ratelimit-limit, x-ratelimit-remaining, x-request-id"),
    );
}
