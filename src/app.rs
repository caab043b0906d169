//! The composition root: configuration -> store -> services -> routes and workers; and the program itself, [`run`].

use std::sync::Arc;

use futures_util::future::BoxFuture;
use poem::endpoint::{BoxEndpoint, make, make_sync};
use poem::http::{StatusCode, Uri};
use poem::{Endpoint, IntoEndpoint, Request, Response, Route, get};
use poem_openapi::OpenApiService;
use redis::{ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{self, Config, RedisEndpoint};
use crate::http::auth::Gate;
use crate::http::cors::Origins;
use crate::http::docs;
use crate::http::edge::{Edge, Settings};
use crate::http::server::{self, Bound};
use crate::http::throttle::Throttle;
use crate::http::{Problem, body};
use crate::presence::api::{Api, Browser, Direct};
use crate::presence::clock::Clock;
use crate::presence::model::{Span, Windows};
use crate::presence::store::{ArrayStore, RedisOptions, RedisStore, Store};
use crate::presence::sweep::Sweep;
use crate::presence::{Metrics, Presence};
use crate::telemetry::Registry;

/// Everything that a running sidecar consists of, put together but not yet running.
pub struct App {
    /// All routes, with the edge around them.
    pub routes: Edge<Routes>,
    /// The routes of the metrics listener, if there is one.
    pub metrics: Option<Route>,
    /// The OpenAPI document.
    pub document: Value,
    /// What works beside the requests.
    pub workers: Workers,
    limits: server::Limits,
}

/// What works beside the requests.
pub struct Workers {
    sweep: Sweep,
    interval: std::time::Duration,
    registry: Arc<Registry>,
    redis: Option<Arc<RedisStore>>,
    presence: Vec<BoxFuture<'static, ()>>,
}

/// Why a configuration could not be put to work.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AssemblyError(String);

/// Puts a sidecar together. Nothing is connected to yet; a store that is down does not stop the start.
///
/// # Errors
/// A combination this version cannot serve.
pub fn assemble(config: &Config) -> Result<App, AssemblyError> {
    let registry = Arc::new(Registry::new());
    let metrics = Arc::new(Metrics::new(&registry));
    let (store, busy, redis): (Arc<dyn Store>, Arc<dyn Store>, _) = match config.cache.store {
        config::Store::Array => {
            let array = Arc::new(ArrayStore::new());
            (array.clone(), array, None)
        }
        config::Store::Redis => {
            let redis = Arc::new(redis_store(config)?);
            (redis.clone(), Arc::new(redis_store(config)?), Some(redis))
        }
        config::Store::Database => return Err(AssemblyError("cache.store: database is not available".to_owned())),
    };
    let clock = Arc::new(Clock::new());
    let windows = windows(config);
    let (presence, presence_workers) = Presence::new(store.clone(), &busy, clock.clone(), windows, metrics.clone());
    let presence = Arc::new(presence);
    let keep_changes = Span::from_duration(config.changes.keep);
    let sweep = Sweep { store, clock, windows, keep_changes, metrics };
    let (routes, document) = routes(config, presence, &registry);
    let workers = Workers {
        sweep,
        interval: config.presence.sweep_interval,
        registry: registry.clone(),
        redis,
        presence: presence_workers,
    };
    let metrics = (!config.metrics.listen.is_empty()).then(|| Route::new().at("/metrics", get(scrape(registry))));
    let limits = server::Limits {
        connections: config.server.max_connections,
        header_timeout: config.server.header_timeout,
        shutdown_timeout: config.server.shutdown_timeout,
    };
    Ok(App { routes, metrics, document, workers, limits })
}

/// The program: serves on `listeners` until `stop`, with the workers beside; returns once everything has ended.
///
/// Stopping flips nobody offline: open requests are answered, sessions end when their heartbeats grow old.
pub async fn run(listeners: Vec<Bound>, metrics: Vec<Bound>, app: App, stop: CancellationToken) {
    let App { routes, metrics: metrics_routes, workers, limits, .. } = app;
    let Workers { sweep, interval, registry, redis, presence } = workers;
    let tasks = TaskTracker::new();
    // Where one thread has all requests, a second one would do little but wake it and be woken by it.
    let committing = match Handle::current().metrics().num_workers() {
        1 => tokio::spawn(all(presence)),
        _ => tokio::task::spawn_blocking(|| beside(presence)),
    };
    if let Err(error) = sweep.clock.synchronize(sweep.store.as_ref()).await {
        tracing::warn!(error = error.reason(), "the presence store does not answer yet; serving 503 until it does");
    }
    if let Some(redis) = redis {
        let stop = stop.clone();
        tasks.spawn(async move { stop.run_until_cancelled(redis.report_settings()).await });
    }
    tasks.spawn(sweep.clone().upkeep(stop.clone()));
    tasks.spawn(sweep.run(interval, stop.clone()));
    tasks.spawn(fold_metrics(registry, stop.clone()));
    let serving = server::serve(listeners, routes, limits, stop.clone());
    match metrics_routes {
        Some(routes) => {
            let metrics = server::serve(metrics, routes, limits, stop);
            tokio::join!(serving, metrics);
        }
        None => serving.await,
    }
    tasks.close();
    tasks.wait().await;
    if committing.await.is_err() {
        tracing::error!("committing ended in a panic");
    }
}

/// Runs `workers` to their end on this thread: who talks to the store for everybody is not to be passed from one of the
/// requests' threads to the other.
fn beside(workers: Vec<BoxFuture<'static, ()>>) {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(all(workers)),
        Err(error) => tracing::error!(%error, "no thread for the store: nothing will be answered"),
    }
}

async fn all(workers: Vec<BoxFuture<'static, ()>>) {
    let tasks = TaskTracker::new();
    workers.into_iter().for_each(|worker| drop(tasks.spawn(worker)));
    tasks.close();
    tasks.wait().await;
}

async fn fold_metrics(registry: Arc<Registry>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        registry.fold();
        tokio::select! {
            () = tokio::time::sleep(std::time::Duration::from_secs(5)) => {}
            () = stop.cancelled() => {}
        }
    }
}

fn windows(config: &Config) -> Windows {
    Windows {
        ttl: Span::from_secs(config.cache.ttl_seconds),
        away_after: Span::from_secs(config.cache.away_after_seconds),
        remember: Span::from_duration(config.presence.remember),
    }
}

fn redis_store(config: &Config) -> Result<RedisStore, AssemblyError> {
    let redis = &config.redis;
    let address = match &redis.endpoint {
        RedisEndpoint::Tcp { host, port, tls: false } => ConnectionAddr::Tcp(host.clone(), *port),
        RedisEndpoint::Tcp { host, port, tls: true } => {
            ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None }
        }
        RedisEndpoint::Unix(path) => ConnectionAddr::Unix(path.clone()),
    };
    let mut settings = RedisConnectionInfo::default().set_db(redis.db);
    if let Some(username) = &redis.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = &redis.password {
        settings = settings.set_password(password.expose_secret());
    }
    let invalid = |error: redis::RedisError| AssemblyError(format!("redis: {error}"));
    let connection = address.into_connection_info().map_err(invalid)?.set_redis_settings(settings);
    let options = RedisOptions {
        connection,
        cache_db: redis.cache_db,
        prefix: format!("{}{}", redis.prefix, config.laravel.cache_prefix),
        zone: config.laravel.timezone,
        timeout: redis.timeout,
    };
    RedisStore::new(options).map_err(|error| AssemblyError(format!("redis: {}", error.reason())))
}

fn routes(config: &Config, presence: Arc<Presence>, registry: &Arc<Registry>) -> (Edge<Routes>, Value) {
    let throttle = config.routing.throttle.map(|throttle| Throttle::new(throttle.max, throttle.per));
    let api = Api::new(presence.clone(), config.scope.clone());
    let browser = Browser::new(presence.clone(), config.scope.clone(), throttle);
    let service = OpenApiService::new((api.clone(), browser), "presence-sidecar", env!("CARGO_PKG_VERSION"))
        .summary("Presence for Laravel apps")
        .license("MIT");
    let browser = config.routing.register_heartbeat_route.then(|| browser_route(&config.routing.prefix));
    let document = described(&service.spec(), browser.as_deref());
    let mut open = vec!["/up", "/ready", "/docs", "/openapi.json", "/openapi.yaml"];
    let mut pages = Route::new()
        .at("/up", get(make_sync(|_| answer(StatusCode::OK, "up"))))
        .at("/ready", get(ready(presence)))
        .at("/docs", get(docs::swagger_ui(&document)))
        .at("/openapi.json", get(docs::fixed("application/json", docs::to_json(&document))))
        .at("/openapi.yaml", get(docs::fixed("application/yaml", docs::to_yaml(&document))));
    if config.metrics.listen.is_empty() {
        pages = pages.at("/metrics", get(scrape(registry.clone())));
        open.push("/metrics");
    }
    let settings = Settings {
        gate: Arc::new(Gate::new(&config.auth.tokens, &config.auth.user_token_secrets)),
        limits: body::Limits { bytes: config.server.body_limit, timeout: config.server.body_timeout },
        origins: Origins::new(config.server.allowed_origins.clone()),
        trusted_proxies: config.server.trusted_proxies.clone(),
        routes: docs::Routes::of(&document, &open),
    };
    let routes = Routes { api, operations: service.into_endpoint(), browser, pages };
    (Edge::new(routes, settings), document)
}

/// The operations of the document, and the pages beside them.
pub struct Routes {
    api: Api,
    operations: BoxEndpoint<'static, Response>,
    browser: Option<String>,
    pages: Route,
}

impl Endpoint for Routes {
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
        if let Some(direct) = Direct::find(&request) {
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
    docs::complete(&mut document);
    document
}

fn answer(status: StatusCode, word: &'static str) -> Response {
    Response::builder().status(status).content_type("application/json").body(json!({"status": word}).to_string())
}

fn ready(presence: Arc<Presence>) -> impl Endpoint<Output = Response> {
    make(move |_| {
        let presence = presence.clone();
        async move {
            let ready = presence.ready().await.map(|()| answer(StatusCode::OK, "ready"));
            ready.map_err(|error| poem::Error::from(Problem::from(error)))
        }
    })
}

fn scrape(registry: Arc<Registry>) -> impl Endpoint<Output = Response> {
    make_sync(move |_| Response::builder().content_type("text/plain; version=0.0.4").body(registry.render()))
}
