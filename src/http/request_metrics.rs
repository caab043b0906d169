//! Requests by route, method and status, and how long they take.
//!
//! The route is a pattern of the API document, never the path of a request, so that callers cannot make up new ones. Each
//! sample is registered by its first request; from then on a request costs a look-up and a few atomic additions.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::{Counter, Histogram};
use poem::http::{Method, StatusCode};

use super::openapi::RouteTable;
use crate::telemetry::{Registry, catalog};

/// The route of all requests that no route takes.
const UNKNOWN: &str = "unknown";

/// Statuses with a place of their own, the most frequent first. Others are looked up.
const CODES: [u16; 20] =
    [200, 204, 202, 201, 401, 403, 404, 422, 429, 503, 400, 405, 408, 409, 413, 415, 304, 431, 500, 502];

/// The failures of the sidecar itself.
const FAILURES: [&str; 2] = ["500", "503"];

/// Methods with a label of their own.
const METHODS: [Method; 7] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];

/// The label of all other methods.
const OTHER_METHOD: &str = "other";

/// Counts and times requests.
pub struct RequestMetrics {
    registry: Arc<Registry>,
    /// In the order of the table of routes; the last one is that of all requests that no route takes.
    routes: Vec<RouteMetrics>,
    too_many: Counter,
    too_large: Counter,
}

struct RouteMetrics {
    pattern: String,
    methods: [MethodMetrics; METHODS.len() + 1],
}

#[derive(Default)]
struct MethodMetrics {
    seconds: OnceLock<Histogram>,
    codes: [OnceLock<Counter>; CODES.len()],
}

impl std::fmt::Debug for RequestMetrics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RequestMetrics").finish_non_exhaustive()
    }
}

impl RequestMetrics {
    /// Metrics of `routes`, in `registry`.
    pub fn new(registry: &Arc<Registry>, routes: &RouteTable) -> Self {
        let patterns = routes.patterns().chain([UNKNOWN.to_owned()]);
        Self {
            registry: registry.clone(),
            routes: patterns.map(|pattern| RouteMetrics { pattern, methods: Default::default() }).collect(),
            too_many: registry.counter(&catalog::REJECTED, &["rate"]),
            too_large: registry.counter(&catalog::REJECTED, &["body"]),
        }
    }

    /// The pattern of the route with this [position](RouteTable::index).
    pub fn pattern(&self, route: Option<usize>) -> &str {
        &self.metrics(route).pattern
    }

    fn metrics(&self, route: Option<usize>) -> &RouteMetrics {
        &self.routes[route.unwrap_or(self.routes.len() - 1)]
    }

    /// Records a response of the route with this [position](RouteTable::index), which began after `elapsed`.
    pub fn record(&self, route: Option<usize>, method: &Method, status: StatusCode, elapsed: Duration) {
        let route = self.metrics(route);
        let method = METHODS.iter().position(|known| known == method).unwrap_or(METHODS.len());
        let name = METHODS.get(method).map_or(OTHER_METHOD, Method::as_str);
        let metrics = &route.methods[method];
        let counter = |status: &str| self.registry.counter(&catalog::HTTP_REQUESTS, &[&route.pattern, name, status]);
        let seconds = || {
            // At 0 before the first failure, so that Prometheus sees it rise.
            FAILURES.iter().for_each(|status| _ = counter(status));
            self.registry.histogram(&catalog::HTTP_SECONDS, &[&route.pattern, name])
        };
        metrics.seconds.get_or_init(seconds).record(elapsed);
        match CODES.iter().position(|code| *code == status.as_u16()) {
            Some(code) => metrics.codes[code].get_or_init(|| counter(status.as_str())).increment(1),
            None => counter(status.as_str()).increment(1),
        }
        match status {
            StatusCode::TOO_MANY_REQUESTS => self.too_many.increment(1),
            StatusCode::PAYLOAD_TOO_LARGE => self.too_large.increment(1),
            _ => {}
        }
    }
}
