//! The middleware of every route: request id, client address, CORS, limits of bodies, error conversion, log line.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response};
use uuid::Uuid;

use super::address::{ClientIp, TrustedProxies};
use super::body;
use super::body::account;
use super::body_policy::BodyPolicy;
use super::budget::Account;
use super::connection::{CallerKind, ConnectionState};
use super::context::LastContext;
use super::cors;
use super::cors::Origins;
use super::error::ApiError;
use super::listener::places::is_health_check;
use super::openapi::RouteTable;
use super::request_metrics::RequestMetrics;
use super::response_bytes::{Counted, count_bytes};
use super::token_verifier::TokenVerifier;
use crate::telemetry::spans::{Attribute, OpenSpan, SpanKind, Spans};
use crate::trace::TraceParent;

/// The settings that a reload of the configuration replaces, all at once.
#[derive(Debug)]
pub struct AccessSettings {
    /// Verifies tokens.
    pub verifier: Arc<TokenVerifier>,
    /// The origins that may call from a browser.
    pub origins: Origins,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: TrustedProxies,
}

/// Configuration of the middleware.
#[derive(Debug)]
pub struct MiddlewareConfig {
    /// The current settings of access; each request uses those of its beginning.
    pub access: Arc<ArcSwap<AccessSettings>>,
    /// Limits of request bodies, and the memory budget.
    pub bodies: Arc<BodyPolicy>,
    /// All routes, for the `Allow` header of 405 and OPTIONS responses.
    pub routes: RouteTable,
    /// Counts requests.
    pub metrics: RequestMetrics,
    /// Takes the spans of requests.
    pub spans: Spans,
}

/// The middleware around all routes.
pub struct Middleware<E> {
    routes: E,
    config: MiddlewareConfig,
}

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

impl<E> Middleware<E> {
    /// Wraps `routes`.
    pub fn new(routes: E, config: MiddlewareConfig) -> Self {
        Self { routes, config }
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for Middleware<E> {
    type Output = Response;

    #[expect(clippy::manual_async_fn, reason = "an async fn would keep the request twice, half a KiB each")]
    fn call(&self, mut request: Request) -> impl Future<Output = poem::Result<Response>> + Send {
        async move {
            let started = Instant::now();
            let span = self.open_span(&mut request);
            let id = request_id(request.headers());
            let access = self.config.access.load();
            let client = ClientIp(access.trusted_proxies.client(request.remote_addr(), request.headers()));
            let connection = request.extensions().get::<Arc<ConnectionState>>().cloned();
            let origin = access.origins.allowed(request.headers());
            let (method, uri) = (request.method().clone(), request.uri().clone());
            // The log alone needs it here.
            let trace = if tracing::enabled!(tracing::Level::DEBUG) { trace_of(&request) } else { None };
            let call = Call { id: &id, client, method: &method, path: uri.path(), trace, span, started };
            let preflight = access.origins.preflight(&request);
            let new = LastContext::default();
            let last = connection.as_ref().map_or(&new, |connection| connection.last_context());
            let context = last.with(&access.verifier, &self.config.bodies);
            drop(access);
            let Counted { mut response, bytes } = match preflight.or_else(|| self.options(&method, uri.path())) {
                Some(response) => Counted { response, bytes: Some(0) },
                None => {
                    let extensions = request.extensions_mut();
                    extensions.insert(client);
                    extensions.insert(context);
                    let outcome = AssertUnwindSafe(self.routes.call(request)).catch_unwind().await;
                    let caller = connection.map_or(CallerKind::Unknown, |connection| connection.caller());
                    self.count(self.response_of(outcome, &method, uri.path()), &client, caller, uri.path())
                }
            };
            if let Some(origin) = origin {
                cors::allow_origin(response.headers_mut(), origin);
            }
            self.record(call, response.status(), bytes);
            add_headers(response.headers_mut(), id);
            Ok(response)
        }
    }
}

/// What the log says of a request.
struct Call<'a> {
    id: &'a HeaderValue,
    client: ClientIp,
    method: &'a Method,
    path: &'a str,
    trace: Option<Box<TraceParent>>,
    span: Option<OpenSpan>,
    started: Instant,
}

/// The trace that a request belongs to.
pub fn trace_of(request: &Request) -> Option<Box<TraceParent>> {
    TraceParent::parse(request.headers().get(TraceParent::HEADER)?.as_bytes()).map(Box::new)
}

/// Adds the headers of every response.
fn add_headers(headers: &mut HeaderMap, id: HeaderValue) {
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache, private"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REQUEST_ID.clone(), id);
}

impl<E> Middleware<E> {
    /// Opens the span of a request; what the request causes belongs to it.
    fn open_span(&self, request: &mut Request) -> Option<OpenSpan> {
        let spans = self.config.spans.are_exported().then_some(&self.config.spans)?;
        let span = spans.open(trace_of(request).as_deref(), SpanKind::Server)?;
        let context = HeaderValue::from_str(span.context().as_str()).ok()?;
        request.headers_mut().insert(TraceParent::HEADER, context);
        Some(span)
    }

    /// Counts a request, logs it, and ends its span.
    fn record(&self, call: Call<'_>, status: StatusCode, bytes: Option<u64>) {
        let (metrics, elapsed) = (&self.config.metrics, call.started.elapsed());
        let route = self.config.routes.index(call.path);
        metrics.record(route, call.method, status, elapsed);
        tracing::debug!(
            request_id = call.id.to_str().unwrap_or_default(),
            client = %call.client.0,
            method = %call.method,
            route = metrics.pattern(route),
            path = call.path,
            status = status.as_u16(),
            bytes,
            micros = elapsed.as_micros(),
            trace_id = call.trace.as_deref().map(TraceParent::trace_id),
            "request completed"
        );
        if let Some(span) = call.span {
            let (method, pattern) = (call.method.as_str(), metrics.pattern(route));
            let attributes = vec![
                ("http.request.method", Attribute::from(method)),
                ("http.route", Attribute::from(pattern)),
                ("http.response.status_code", Attribute::from(status.as_u16())),
            ];
            self.config.spans.close(span, format!("{method} {pattern}"), attributes, status.is_server_error());
        }
    }

    /// Counts the bytes of a response; one for which there is no room becomes a 503. Health checks have the room of monitoring,
    /// too.
    fn count(&self, response: Response, client: &ClientIp, caller: CallerKind, path: &str) -> Counted {
        let accounts = [account(caller, Some(client)), Account::Monitoring];
        let accounts = if is_health_check(path) { &accounts[..] } else { &accounts[..1] };
        let counted = count_bytes(response, self.config.bodies.budget(), accounts);
        counted.unwrap_or_else(|_| Counted { response: body::BUSY.into_response(), bytes: None })
    }

    /// The response to OPTIONS of a known route.
    fn options(&self, method: &Method, path: &str) -> Option<Response> {
        let allowed = (*method == Method::OPTIONS).then(|| self.config.routes.allowed(path))??;
        Some(Response::builder().header(header::ALLOW, allowed).finish())
    }

    /// The response to a request: what the routes have returned, or an error for a panic.
    fn response_of(&self, outcome: Outcome, method: &Method, path: &str) -> Response {
        match outcome {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                ApiError::from_framework(&error, method.as_str(), path, &self.config.routes).into_response()
            }
            Err(_) => {
                tracing::error!(%method, path, "handler panicked");
                ApiError::Internal.into_response()
            }
        }
    }
}

/// What the routes have returned, or their panic.
type Outcome = std::thread::Result<poem::Result<Response>>;

/// The caller's request id if it has 1 to 128 letters, digits, `-`, `_` or `.`; else a new UUID.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let is_valid = |id: &&HeaderValue| {
        let bytes = id.as_bytes();
        (1..=128).contains(&bytes.len())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
    };
    if let Some(id) = headers.get(&REQUEST_ID).filter(is_valid) {
        return id.clone();
    }
    let mut text = Uuid::encode_buffer();
    let id = Uuid::new_v4().hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("-"))
}
