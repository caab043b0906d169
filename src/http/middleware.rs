//! What happens to every request, whatever its route: request id, client address, limits, errors, log line.

use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use ipnet::IpNet;
use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use poem::web::RemoteAddr;
use poem::{Addr, Endpoint, IntoResponse, Request, Response};
use uuid::Uuid;

use super::auth::TokenVerifier;
use super::body::BodyLimits;
use super::cors;
use super::cors::Origins;
use super::error::ApiError;
use super::openapi::RouteTable;

/// The address a request came from, trusted proxies looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientIp(pub IpAddr);

/// Where a request comes from, as the text that it is counted by.
pub fn address(request: &Request) -> String {
    request.extensions().get::<ClientIp>().map_or_else(String::new, |address| address.0.to_string())
}

/// What every request needs.
#[derive(Debug)]
pub struct MiddlewareConfig {
    /// The tokens that are accepted.
    pub gate: Arc<TokenVerifier>,
    /// What a body may be.
    pub limits: BodyLimits,
    /// Who may call from a browser.
    pub origins: Origins,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The routes there are, for 405.
    pub routes: RouteTable,
}

/// The edge around all routes.
pub struct Middleware<E> {
    routes: E,
    settings: MiddlewareConfig,
}

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

impl<E> Middleware<E> {
    /// Puts the edge around `routes`.
    pub fn new(routes: E, settings: MiddlewareConfig) -> Self {
        Self { routes, settings }
    }

    fn client_ip(&self, remote: &RemoteAddr, headers: &HeaderMap) -> IpAddr {
        let peer = match &remote.0 {
            Addr::SocketAddr(address) => address.ip().to_canonical(),
            Addr::Unix(_) | Addr::Custom(..) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let trusted = |ip: &IpAddr| self.settings.trusted_proxies.iter().any(|network| network.contains(ip));
        if !trusted(&peer) {
            return peer;
        }
        let mut client = peer;
        let hops = headers.get_all("x-forwarded-for").iter().rev();
        for hop in hops.filter_map(|value| value.to_str().ok()).flat_map(|value| value.rsplit(',')) {
            let Ok(ip) = hop.trim().parse::<IpAddr>() else { break };
            client = ip.to_canonical();
            if !trusted(&client) {
                break;
            }
        }
        client
    }
}

impl<E: Endpoint> Endpoint for Middleware<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let started = Instant::now();
        let id = request_id(request.headers());
        let client = self.client_ip(request.remote_addr(), request.headers());
        let origin = self.settings.origins.allowed(request.headers());
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let mut response = match self.settings.origins.preflight(&request) {
            Some(answer) => answer,
            None => {
                let extensions = request.extensions_mut();
                extensions.insert(ClientIp(client));
                extensions.insert(self.settings.limits);
                extensions.insert(self.settings.gate.clone());
                self.answer(request, &method, uri.path()).await
            }
        };
        let headers = response.headers_mut();
        if let Some(origin) = origin {
            cors::expose(headers, origin);
        }
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache, private"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let status = response.status().as_u16();
        tracing::debug!(
            request_id = id.to_str().unwrap_or_default(),
            %client,
            %method,
            path = uri.path(),
            status,
            micros = started.elapsed().as_micros(),
            "answered"
        );
        response.headers_mut().insert(REQUEST_ID.clone(), id);
        Ok(response)
    }
}

impl<E: Endpoint> Middleware<E> {
    async fn answer(&self, request: Request, method: &Method, path: &str) -> Response {
        if *method == Method::OPTIONS
            && let Some(allowed) = self.settings.routes.allowed(path)
        {
            return Response::builder().header(header::ALLOW, allowed).finish();
        }
        match AssertUnwindSafe(self.routes.call(request)).catch_unwind().await {
            Ok(Ok(response)) => response.into_response(),
            Ok(Err(error)) => {
                ApiError::from_framework(&error, method.as_str(), path, &self.settings.routes).into_response()
            }
            Err(_) => {
                tracing::error!(%method, path, "a handler panicked");
                ApiError::Internal.into_response()
            }
        }
    }
}

/// The caller's own request id if it is a plausible one, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let plausible = |id: &&HeaderValue| {
        let bytes = id.as_bytes();
        (1..=128).contains(&bytes.len())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
    };
    if let Some(id) = headers.get(&REQUEST_ID).filter(plausible) {
        return id.clone();
    }
    let mut text = Uuid::encode_buffer();
    let id = Uuid::new_v4().hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("-"))
}
