//! The routes: the operations of the OpenAPI document, the pages, and the fast path in front of them.

use std::sync::Arc;

use futures_util::FutureExt;
use poem::endpoint::{make, make_sync};
use poem::http::{Uri, header};
use poem::{Endpoint, IntoEndpoint, IntoResponse, Request, Response, Route, get};
use poem_openapi::{ContactObject, OpenApiService, ServerObject};
use serde_json::{Value, json};

use super::live::LiveSettings;
use super::operations::OperationsApi;
use super::presence::PresenceApis;
use super::supervisor::Supervisor;
use crate::admin_page;
use crate::config::Config;
use crate::http::accept::accepts;
use crate::http::auth::ServiceAuth;
use crate::http::body_policy::{BodyLimits, BodyPolicy};
use crate::http::budget::MemoryBudget;
use crate::http::middleware::{Middleware, MiddlewareConfig};
use crate::http::request_metrics::RequestMetrics;
use crate::http::{ApiError, openapi, query};
use crate::messaging::api::{Api as Clients, Operators};
use crate::messaging::{Messaging, web_client};
use crate::presence::api::{FastPath, UsersApi};
use crate::presence::{Presence, browser_client};
use crate::storage::StoreDown;
use crate::telemetry::spans::Spans;
use crate::telemetry::{Exposition, Registry};
use crate::webhooks::api::Api as Webhooks;

/// The description in the OpenAPI document.
const DESCRIPTION: &str = "Presence and encrypted messages for Laravel apps. Applications authorize as `service` with one \
    of `PRESENCE_TOKEN`, pages as `user` with a token that the application signs, clients of messages as `client` with \
    their `api_token`.";

/// The address in the OpenAPI document, relative to that of the document: also right behind a proxy that removes a prefix.
const SERVER: &str = ".";

/// The operations of all features.
pub(super) struct Apis {
    pub(super) presence: PresenceApis,
    pub(super) webhooks: Webhooks,
    pub(super) clients: Clients,
    pub(super) operators: Operators,
    pub(super) operations: OperationsApi,
}

/// The services that must be available for `/ready`, and the workers that must run.
#[derive(Clone)]
pub(super) struct Readiness {
    supervisor: Supervisor,
    presence: Arc<Presence>,
    messaging: Option<Arc<Messaging>>,
}

/// What the routes share with other parts of the sidecar.
pub(super) struct Shared<'a> {
    pub(super) live: &'a LiveSettings,
    pub(super) budget: &'a Arc<MemoryBudget>,
    pub(super) registry: &'a Arc<Registry>,
    pub(super) spans: &'a Spans,
}

/// Builds the routes, and the document that describes them.
pub(super) fn build(
    config: &Config,
    shared: &Shared<'_>,
    apis: Apis,
    readiness: Readiness,
) -> (Middleware<Router>, Value) {
    let Apis { presence, webhooks, clients, operators, operations } = apis;
    let users = presence.users.clone();
    let all = (
        presence.users,
        presence.roster,
        presence.feed,
        presence.explain,
        presence.watched,
        presence.browser,
        webhooks,
        clients,
        operators,
        operations,
    );
    let service = OpenApiService::new(all, "presence-sidecar", env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .contact(ContactObject::new().name("presence-sidecar"))
        .server(ServerObject::new(SERVER).description("The sidecar that serves this document"))
        .license("MIT");
    let browser = config.routing.register_heartbeat_route.then(|| browser_route(&config.routing.prefix));
    let document = complete_document(&service.spec(), browser.as_deref());
    let (mut routes, paths) = pages(config, &document, readiness, shared.registry);
    let operations = Arc::new(service.into_endpoint());
    routes = routes.nest_no_strip("/api", operations.clone());
    if let Some(path) = browser {
        routes = routes.at(path, BrowserRoute(operations));
    }
    let middleware = middleware_config(config, shared, openapi::RouteTable::of(&document, &paths));
    (Middleware::new(Router { users, routes }, middleware), document)
}

/// The pages beside the document's operations, and their paths.
fn pages(
    config: &Config,
    document: &Value,
    readiness: Readiness,
    registry: &Arc<Registry>,
) -> (Route, Vec<&'static str>) {
    let mut paths = vec!["/", "/up", "/ready", "/docs", "/openapi.json", "/openapi.yaml"];
    let mut routes = Route::new()
        .at("/", get(make_sync(|_| status_response("ok"))))
        .at("/up", get(make_sync(|_| status_response("up"))))
        .at("/ready", get(ready(readiness)))
        .at("/docs", get(openapi::swagger_ui(document)))
        .at("/openapi.json", get(openapi::serve_text("application/json", openapi::to_json(document))))
        .at("/openapi.yaml", get(openapi::serve_text("application/yaml", openapi::to_yaml(document))));
    if config.metrics.listen.is_empty() {
        routes = routes.at("/metrics", get(scrape(registry.clone())));
        paths.push("/metrics");
    }
    for (path, file) in browser_client::files() {
        routes = routes.at(path, get(file));
        paths.push(path);
    }
    if config.admin.enabled {
        routes = routes.at(admin_page::PATH, get(admin_page::page()));
        paths.push(admin_page::PATH);
        for (path, file) in admin_page::assets() {
            routes = routes.at(path, get(file));
            paths.push(path);
        }
    }
    if config.messaging.enabled {
        for (path, file) in web_client::files() {
            routes = routes.at(path, get(file));
            paths.push(path);
        }
    }
    (routes, paths)
}

fn middleware_config(config: &Config, shared: &Shared<'_>, routes: openapi::RouteTable) -> MiddlewareConfig {
    let limits = BodyLimits {
        bytes: config.server.body_limit,
        anonymous_bytes: config.server.anonymous_body_limit,
        timeout: config.server.body_timeout,
    };
    let bodies = Arc::new(BodyPolicy::new(limits, shared.budget.clone()));
    let metrics = RequestMetrics::new(shared.registry, &routes);
    MiddlewareConfig { access: shared.live.access.clone(), bodies, routes, metrics, spans: shared.spans.clone() }
}

/// The router: all routes, with the [fast path](FastPath) in front of them.
///
/// The fast path serves the three most frequent operations (heartbeat, status, many) without the framework's routing and
/// parameter extraction. It takes only requests that it can route exactly; all others go to the routes, which contain
/// these operations, too.
pub struct Router {
    users: UsersApi,
    routes: Route,
}

impl Endpoint for Router {
    type Output = Response;

    #[expect(clippy::manual_async_fn, reason = "an async fn would keep the request twice, half a KiB each")]
    fn call(&self, mut request: Request) -> impl Future<Output = poem::Result<Response>> + Send {
        async move {
            strip_trailing_slash(&mut request);
            match FastPath::of(&request) {
                Some(operation) => operation.call(&self.users, &mut request).await,
                // On the heap: otherwise every request would reserve room for this future, which few need.
                None => self.routes.call(request).boxed().await,
            }
        }
    }
}

/// As in Laravel, a slash at the end of a path makes no difference.
fn strip_trailing_slash(request: &mut Request) {
    let Some(path) = request.uri().path().strip_suffix('/').filter(|path| !path.is_empty()) else { return };
    let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
    if let Ok(uri) = format!("{path}{query}").parse() {
        *request.uri_mut() = uri;
    }
}

/// The path of the browsers' heartbeat among the operations.
const BROWSER_OPERATION: &str = "/presence/heartbeat";

/// The configured path of the browsers' heartbeat.
fn browser_route(prefix: &str) -> String {
    if prefix.is_empty() { "/heartbeat".to_owned() } else { format!("/{prefix}/heartbeat") }
}

/// Serves the browsers' heartbeat at its configured path.
struct BrowserRoute<E>(Arc<E>);

impl<E: Endpoint<Output = Response>> Endpoint for BrowserRoute<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        *request.uri_mut() = match request.uri().query() {
            Some(query) => format!("{BROWSER_OPERATION}?{query}").parse().unwrap_or_default(),
            None => Uri::from_static(BROWSER_OPERATION),
        };
        self.0.call(request).await
    }
}

/// The document of this configuration: the browsers' heartbeat at its path, and what poem-openapi leaves out.
fn complete_document(spec: &str, browser: Option<&str>) -> Value {
    let mut document: Value = serde_json::from_str(spec).unwrap_or_default();
    if let Some(paths) = document["paths"].as_object_mut() {
        let operation = paths.remove(BROWSER_OPERATION);
        if let (Some(operation), Some(route)) = (operation, browser) {
            paths.insert(route.to_owned(), operation);
        }
    }
    query::expand(&mut document);
    openapi::complete(&mut document);
    document
}

fn status_response(status: &'static str) -> Response {
    Response::builder().content_type("application/json").body(json!({"status": status}).to_string())
}

fn ready(readiness: Readiness) -> impl Endpoint<Output = Response> {
    make(move |request: Request| {
        let readiness = readiness.clone();
        async move {
            let checked = readiness.check().await;
            Ok::<_, poem::Error>(match checked {
                Ok(()) => status_response("ready"),
                Err(down) => down_response(&down, ServiceAuth::of(&request).is_ok()),
            })
        }
    })
}

/// The response while a store is down. Only an application is told which, and why.
fn down_response(down: &StoreDown, is_application: bool) -> Response {
    let response = ApiError::Unavailable("Service Unavailable").into_response();
    if !is_application {
        return response;
    }
    let StoreDown { store, address, reason } = down;
    let body = json!({"message": "Service Unavailable", "store": store, "address": address, "reason": reason});
    let (parts, _) = response.into_parts();
    Response::from_parts(parts, body.to_string().into())
}

impl Readiness {
    pub(super) fn new(supervisor: &Supervisor, presence: &Arc<Presence>, messaging: Option<&Arc<Messaging>>) -> Self {
        Self { supervisor: supervisor.clone(), presence: presence.clone(), messaging: messaging.cloned() }
    }

    async fn check(&self) -> Result<(), StoreDown> {
        if !self.supervisor.is_healthy() {
            let reason = "a background worker is being restarted".to_owned();
            return Err(StoreDown { store: "none", address: "this process".to_owned(), reason });
        }
        // On the heap: with the checks of all stores in it, this future is a type too deep for the compiler.
        self.presence.ready().boxed().await?;
        match &self.messaging {
            Some(messaging) => messaging.ready().boxed().await.map_err(|error| StoreDown {
                store: "messages",
                address: messaging.store_name().to_owned(),
                reason: error.chain(),
            }),
            None => Ok(()),
        }
    }
}

pub(super) fn scrape(registry: Arc<Registry>) -> impl Endpoint<Output = Response> {
    make_sync(move |request| {
        let format = match accepts(request.headers(), &header::ACCEPT, Exposition::OPEN_METRICS) {
            true => Exposition::OpenMetrics,
            false => Exposition::Prometheus,
        };
        Response::builder().content_type(format.content_type()).body(registry.render(format))
    })
}
