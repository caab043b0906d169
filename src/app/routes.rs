//! All routes: the operations of the OpenAPI document, and the pages beside them.

use std::sync::Arc;

use poem::endpoint::{BoxEndpoint, make, make_sync};
use poem::http::{StatusCode, Uri};
use poem::{Endpoint, IntoEndpoint, Request, Response, Route, get};
use poem_openapi::OpenApiService;
use serde_json::{Value, json};

use crate::config::Config;
use crate::http::auth::TokenVerifier;
use crate::http::cors::Origins;
use crate::http::middleware::{Middleware, MiddlewareConfig};
use crate::http::{ApiError, body, openapi};
use crate::messaging::api::{Api as Clients, Operators};
use crate::messaging::{Messaging, web_client};
use crate::presence::Presence;
use crate::presence::api::{Api, BrowserApi, FastPath};
use crate::telemetry::Registry;
use crate::webhooks::api::Api as Webhooks;

/// What the document says of itself.
const ABOUT: &str = "Presence and sealed messages for Laravel apps. Applications authorize as `service` with one of \
    `PRESENCE_TOKEN`, pages as `user` with a token that the application mints, clients of messages as `client` with their \
    `api_token`.";

/// The operations, wing by wing.
pub(super) struct Apis {
    pub(super) presence: Api,
    pub(super) browser: BrowserApi,
    pub(super) webhooks: Webhooks,
    pub(super) clients: Clients,
    pub(super) operators: Operators,
}

/// What has to be there for the sidecar to be ready.
#[derive(Clone)]
pub(super) struct Readiness {
    pub(super) presence: Arc<Presence>,
    pub(super) messaging: Option<Arc<Messaging>>,
}

/// The routes as `config` wants them, and the document that describes them.
pub(super) fn all(
    config: &Config,
    apis: Apis,
    ground: Readiness,
    registry: &Arc<Registry>,
) -> (Middleware<Router>, Value) {
    let api = apis.presence.clone();
    let operations = (apis.presence, apis.browser, apis.webhooks, apis.clients, apis.operators);
    let service = OpenApiService::new(operations, "presence-sidecar", env!("CARGO_PKG_VERSION"))
        .description(ABOUT)
        .license("MIT");
    let browser = config.routing.register_heartbeat_route.then(|| browser_route(&config.routing.prefix));
    let document = described(&service.spec(), browser.as_deref());
    let mut open = vec!["/", "/up", "/ready", "/docs", "/openapi.json", "/openapi.yaml"];
    let mut pages = Route::new()
        .at("/", get(make_sync(|_| answer(StatusCode::OK, "ok"))))
        .at("/up", get(make_sync(|_| answer(StatusCode::OK, "up"))))
        .at("/ready", get(ready(ground)))
        .at("/docs", get(openapi::swagger_ui(&document)))
        .at("/openapi.json", get(openapi::fixed("application/json", openapi::to_json(&document))))
        .at("/openapi.yaml", get(openapi::fixed("application/yaml", openapi::to_yaml(&document))));
    if config.metrics.listen.is_empty() {
        pages = pages.at("/metrics", get(scrape(registry.clone())));
        open.push("/metrics");
    }
    if config.messaging.enabled {
        for (path, file) in web_client::files() {
            pages = pages.at(path, get(file));
            open.push(path);
        }
    }
    let settings = settings(config, openapi::RouteTable::of(&document, &open));
    let routes = Router { api, operations: service.into_endpoint(), browser, pages };
    (Middleware::new(routes, settings), document)
}

/// What the edge goes by.
fn settings(config: &Config, routes: openapi::RouteTable) -> MiddlewareConfig {
    let messaging = &config.messaging;
    let gate = TokenVerifier::new(&config.auth.tokens, &config.auth.user_token_secrets)
        .with_messaging(messaging.admin_token.iter().cloned().collect(), messaging.operator_tokens.clone());
    MiddlewareConfig {
        gate: Arc::new(gate),
        limits: body::BodyLimits { bytes: config.server.body_limit, timeout: config.server.body_timeout },
        origins: Origins::new(config.server.allowed_origins.clone()),
        trusted_proxies: config.server.trusted_proxies.clone(),
        routes,
    }
}

/// The operations of the document, and the pages beside them.
pub struct Router {
    api: Api,
    operations: BoxEndpoint<'static, Response>,
    browser: Option<String>,
    pages: Route,
}

impl Endpoint for Router {
    type Output = Response;

    /// Leads a request on; as in Laravel, a slash at the end makes no difference.
    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let path = request.uri().path();
        if let Some(shorter) = path.strip_suffix('/').filter(|shorter| !shorter.is_empty()) {
            let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
            if let Ok(uri) = format!("{shorter}{query}").parse() {
                *request.uri_mut() = uri;
            }
        }
        if let Some(direct) = FastPath::find(&request) {
            return direct.answer(&self.api, request).await;
        }
        let path = request.uri().path();
        if self.browser.as_deref() == Some(path) {
            if path != BROWSER_ROUTE {
                *request.uri_mut() = Uri::from_static(BROWSER_ROUTE);
            }
            return self.operations.call(request).await;
        }
        if path.starts_with("/api/") { self.operations.call(request).await } else { self.pages.call(request).await }
    }
}

/// Where the document, and the operation itself, have the browsers' heartbeat.
const BROWSER_ROUTE: &str = "/presence/heartbeat";

/// Where the configuration has it.
fn browser_route(prefix: &str) -> String {
    if prefix.is_empty() { "/heartbeat".to_owned() } else { format!("/{prefix}/heartbeat") }
}

/// The document as this configuration serves it.
fn described(spec: &str, browser: Option<&str>) -> Value {
    let mut document: Value = serde_json::from_str(spec).unwrap_or_default();
    if let Some(paths) = document["paths"].as_object_mut() {
        let operation = paths.remove(BROWSER_ROUTE);
        if let (Some(operation), Some(route)) = (operation, browser) {
            paths.insert(route.to_owned(), operation);
        }
    }
    openapi::complete(&mut document);
    document
}

fn answer(status: StatusCode, word: &'static str) -> Response {
    Response::builder().status(status).content_type("application/json").body(json!({"status": word}).to_string())
}

fn ready(ground: Readiness) -> impl Endpoint<Output = Response> {
    make(move |_| {
        let ground = ground.clone();
        async move {
            let ready = ground.ready().await.map(|()| answer(StatusCode::OK, "ready"));
            ready.map_err(poem::Error::from)
        }
    })
}

impl Readiness {
    async fn ready(&self) -> Result<(), ApiError> {
        self.presence.ready().await?;
        match &self.messaging {
            Some(messaging) => Ok(messaging.ready().await?),
            None => Ok(()),
        }
    }
}

pub(super) fn scrape(registry: Arc<Registry>) -> impl Endpoint<Output = Response> {
    make_sync(move |_| Response::builder().content_type("text/plain; version=0.0.4").body(registry.render()))
}
