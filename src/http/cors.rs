//! Cross-origin requests: only origins on the list may read answers.
//!
//! TokenCache travel in headers or bodies, never in cookies, so no credentials mode is offered.

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

    /// What `Access-Control-Allow-Origin` has to say to this request, if anything.
    pub fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        self.0.iter().any(|allowed| allowed == "*" || allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
    }

    /// The answer to a preflight request from an allowed origin.
    pub fn preflight(&self, request: &Request) -> Option<Response> {
        let asks = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !asks {
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

/// Lets `origin` read the answer.
pub fn expose(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("retry-after, x-ratelimit-limit, x-ratelimit-remaining, x-request-id"),
    );
}
