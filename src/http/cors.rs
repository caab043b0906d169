//! Cross-origin requests: only configured origins may read responses.
//!
//! Tokens travel in headers or bodies, never in cookies, so responses do not allow credentials.

use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

/// The request headers of the API, and those that Laravel's axios, Echo and Livewire add to each request of a page.
const HEADERS: &str = "authorization, content-type, last-event-id, x-client-id, x-admin-token, x-operator-token, \
                       x-registration-token, idempotency-key, x-requested-with, x-csrf-token, x-xsrf-token, x-socket-id, \
                       x-livewire";

/// The origins that may call from a browser, and the request headers that their pages may set.
#[derive(Clone, Debug)]
pub struct Origins {
    allowed: Vec<String>,
    headers: HeaderValue,
}

impl Origins {
    /// Exact origins (`https://app.test`), or `*` for any.
    pub fn new(allowed: Vec<String>) -> Self {
        Self { allowed, headers: HeaderValue::from_static(HEADERS) }
    }

    /// Allows more request headers, whose names are valid in HTTP.
    #[must_use]
    pub fn with_headers(self, more: &[String]) -> Self {
        let names = std::iter::once(HEADERS).chain(more.iter().map(String::as_str));
        let joined = HeaderValue::from_str(&names.collect::<Vec<_>>().join(", "));
        Self { headers: joined.unwrap_or(HeaderValue::from_static(HEADERS)), ..self }
    }

    /// The value of `Access-Control-Allow-Origin` for a request; `None` if its origin is not allowed.
    pub fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        self.allowed
            .iter()
            .any(|allowed| allowed == "*" || allowed.as_bytes() == origin.as_bytes())
            .then(|| origin.clone())
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
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
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
