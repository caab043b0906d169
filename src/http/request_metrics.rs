//! Requests by route, method and status, and how long they take.
//!
//! The route is a pattern of the API document, never the path of a request, so that callers cannot make up new ones. Each
//! sample is registered by its first request; from then on a request costs a look-up and a few atomic additions.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use foldhash::fast::RandomState;
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
    routes: Vec<RouteMetrics>,
    /// The routes without parameters.
    fixed: HashMap<String, usize, RandomState>,
    /// The routes with parameters: the text before the first one, and the segments from there on.
    patterns: Vec<(String, Vec<String>, usize)>,
    too_many: Counter,
    too_large: Counter,
}

/// A route among those of [`RequestMetrics`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteIndex(usize);

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
        let mut metrics = Self {
            registry: registry.clone(),
            routes: vec![RouteMetrics::new(UNKNOWN)],
            fixed: HashMap::default(),
            patterns: Vec::new(),
            too_many: registry.counter(&catalog::REJECTED, &["rate"]),
            too_large: registry.counter(&catalog::REJECTED, &["body"]),
        };
        for pattern in routes.patterns() {
            let index = metrics.routes.len();
            metrics.routes.push(RouteMetrics::new(&pattern));
            match pattern.split_once('{') {
                None => _ = metrics.fixed.insert(pattern, index),
                Some((prefix, _)) => {
                    let rest = pattern[prefix.len()..].split('/').map(str::to_owned).collect();
                    metrics.patterns.push((prefix.to_owned(), rest, index));
                }
            }
        }
        metrics
    }

    /// The route of a path.
    pub fn route(&self, path: &str) -> RouteIndex {
        let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
        if let Some(index) = self.fixed.get(path) {
            return RouteIndex(*index);
        }
        let takes = |(prefix, rest, _): &&(String, Vec<String>, usize)| {
            path.strip_prefix(prefix.as_str()).is_some_and(|path| is_match(rest, path))
        };
        RouteIndex(self.patterns.iter().find(takes).map_or(0, |(_, _, index)| *index))
    }

    /// The pattern of a route.
    pub fn pattern(&self, route: RouteIndex) -> &str {
        &self.routes[route.0].pattern
    }

    /// Records a response, which began after `elapsed`.
    pub fn record(&self, route: RouteIndex, method: &Method, status: StatusCode, elapsed: Duration) {
        let route = &self.routes[route.0];
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

impl RouteMetrics {
    fn new(pattern: &str) -> Self {
        Self { pattern: pattern.to_owned(), methods: Default::default() }
    }
}

/// Whether the segments of `path` are those of a pattern, whose parameters take any segment.
fn is_match(pattern: &[String], path: &str) -> bool {
    let mut segments = path.split('/');
    let all = pattern.iter().all(|known| {
        segments
            .next()
            .is_some_and(|segment| if known.starts_with('{') { !segment.is_empty() } else { known == segment })
    });
    all && segments.next().is_none()
}
