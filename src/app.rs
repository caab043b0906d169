//! The composition root: configuration -> store -> services -> routes and workers; and the program itself, [`run`].

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use poem::endpoint::{BoxEndpoint, make, make_sync};
use poem::http::{StatusCode, Uri};
use poem::{Endpoint, IntoEndpoint, Request, Response, Route, get};
use poem_openapi::OpenApiService;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::backend::Unavailable;
use crate::config::{self, Config, RedisEndpoint};
use crate::database::{Database, Names};
use crate::http::auth::Gate;
use crate::http::cors::Origins;
use crate::http::docs;
use crate::http::edge::{Edge, Settings};
use crate::http::server::{self, Bound};
use crate::http::throttle::Throttle;
use crate::http::{Problem, body};
use crate::messaging::{self, Messaging};
use crate::presence::api::{Api, Browser, Direct};
use crate::presence::clock::Clock;
use crate::presence::feed::Feed;
use crate::presence::model::{Event, Span, Windows};
use crate::presence::store::{ArrayStore, Outlet, Outlets, RedisOptions, RedisStore, Store, own_prefix};
use crate::presence::sweep::Sweep;
use crate::presence::{Bell, Ground, Metrics, Presence};
use crate::queue::{MemoryQueue, Queue, RedisQueue};
use crate::telemetry::Registry;
use crate::webhooks::delivery::{Delivery, Terms};
use crate::webhooks::guard::Guard;
use crate::webhooks::sender::Sender;
use crate::webhooks::{self, Webhooks, message};

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
    committing: Vec<BoxFuture<'static, ()>>,
    feed: BoxFuture<'static, ()>,
    deliveries: Vec<Delivery>,
    messaging: Option<Arc<Messaging>>,
    migrate: bool,
    ending: CancellationToken,
}

/// Where presence and what is to be delivered is kept.
struct Stores {
    store: Arc<dyn Store>,
    /// The same, over a connection of its own.
    busy: Arc<dyn Store>,
    queue: Arc<dyn Queue>,
    redis: Option<Arc<RedisStore>>,
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
    let outlets = outlets(config);
    let installation = outlets.installation;
    let announce_beats = outlets.want_beats();
    let Stores { store, busy, queue, redis } = stores(config, outlets)?;
    let (clock, windows, bell) = (Arc::new(Clock::new()), windows(config), Arc::new(Bell::new()));
    let ground = Ground {
        store: busy,
        clock: clock.clone(),
        windows,
        announce_beats,
        metrics: metrics.clone(),
        bell: bell.clone(),
    };
    let (presence, committing) = Presence::new(store.clone(), ground);
    let presence = Arc::new(presence);
    let ending = CancellationToken::new();
    let (feed, following) = Feed::new(store.clone(), &bell, ending.clone());
    let keep_changes = Span::from_duration(config.changes.keep);
    let sweep = Sweep { store, clock: clock.clone(), windows, keep_changes, metrics, bell };
    let terms = Terms {
        queue: queue.clone(),
        clock,
        zone: config.laravel.timezone,
        installation,
        schedule: config.webhook.schedule.clone(),
        tries: config.webhook.retries.max(1),
        concurrency: config.webhook.concurrency,
        keep_dead: config.webhook.keep_dead,
    };
    let deliveries = deliveries(config, &terms, &registry)?;
    let names = endpoints(config).map(|endpoint| endpoint.name.clone()).collect();
    let webhooks = Arc::new(Webhooks::new(queue, names));
    let api = Api::new(presence.clone(), feed, installation, config.scope.clone());
    let messaging = messaging(config);
    let clients = messaging::api::Api::new(messaging.clone(), &config.messaging);
    let operators = messaging::api::Operators::new(messaging.clone());
    let apis = (api, webhooks::api::Api::new(webhooks), (clients, operators));
    let (routes, document) = routes(config, presence, apis, &registry);
    let workers = Workers {
        sweep,
        interval: config.presence.sweep_interval,
        registry: registry.clone(),
        redis,
        committing,
        feed: Box::pin(following),
        deliveries,
        messaging,
        migrate: config.database.auto_migrate,
        ending,
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
    let Workers { sweep, interval, registry, redis, committing, feed, deliveries, messaging, migrate, ending } =
        workers;
    let tasks = TaskTracker::new();
    let committing = tokio::task::spawn_blocking(|| beside(committing));
    if let Err(error) = sweep.clock.synchronize(sweep.store.as_ref()).await {
        tracing::warn!(error = error.reason(), "the presence store does not answer yet; serving 503 until it does");
    }
    if let Some(redis) = redis {
        let stop = stop.clone();
        tasks.spawn(async move { stop.run_until_cancelled(redis.report_settings()).await });
    }
    tasks.spawn(feed);
    for delivery in deliveries {
        tasks.spawn(stop.clone().run_until_cancelled_owned(delivery.upkeep()).map(drop));
        let (bell, stop) = (sweep.bell.listen(), stop.clone());
        tasks.spawn(async move {
            let under_way = stop.clone().cancelled_owned().then(|()| tokio::time::sleep(limits.shutdown_timeout));
            tokio::select! {
                () = delivery.run(bell, stop) => {}
                () = under_way => tracing::warn!("deliveries under way are made again by the next sidecar"),
            }
        });
    }
    tasks.spawn(sweep.clone().upkeep(stop.clone()));
    tasks.spawn(sweep.run(interval, stop.clone()));
    tasks.spawn(fold_metrics(registry, stop.clone()));
    tasks.spawn(stop.clone().cancelled_owned().map(move |()| ending.cancel()));
    if let Some(messaging) = &messaging {
        if migrate {
            migrated(messaging.clone(), stop.clone()).await;
        }
        tasks.spawn(messaging.clone().run(stop.clone()));
        tasks.spawn(messaging.clone().keep_clean(stop.clone()));
    }
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
    if let Some(messaging) = messaging {
        messaging.end().await;
    }
    if committing.await.is_err() {
        tracing::error!("the committing thread ended in a panic");
    }
}

/// Makes the tables that are missing; a database that does not answer gets them when it does.
async fn migrated(messaging: Arc<Messaging>, stop: CancellationToken) {
    if let Err(error) = messaging.migrate().await {
        tracing::warn!(error = error.chain(), "the tables of messages are not ready yet; trying again until they are");
        tokio::spawn(stop.run_until_cancelled_owned(messaging.migrate_later()));
    }
}

/// Runs `workers` to their end on this thread: who talks to the store for everybody is not to compete with requests for
/// their threads, nor to be passed from one to the other.
fn beside(workers: Vec<BoxFuture<'static, ()>>) {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(async {
            let tasks = TaskTracker::new();
            workers.into_iter().for_each(|worker| drop(tasks.spawn(worker)));
            tasks.close();
            tasks.wait().await;
        }),
        Err(error) => tracing::error!(%error, "no thread for the store: nothing will be answered"),
    }
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

/// The messaging service, if it is wanted and there is a key.
fn messaging(config: &Config) -> Option<Arc<Messaging>> {
    let crypt = config.laravel.crypt.clone().filter(|_| config.messaging.enabled)?;
    let ground = messaging::Ground {
        database: Database::open(&config.database),
        names: Names::new(&config.messaging.tables, &config.database),
        crypt,
        zone: config.laravel.timezone,
        bcrypt_cost: config.messaging.bcrypt_cost,
        keep_acked: config.messaging.keep_acked,
        keep: config.messaging.keep,
    };
    Some(Arc::new(Messaging::new(ground)))
}

fn windows(config: &Config) -> Windows {
    Windows {
        ttl: Span::from_secs(config.cache.ttl_seconds),
        away_after: Span::from_secs(config.cache.away_after_seconds),
        remember: Span::from_duration(config.presence.remember),
    }
}

fn stores(config: &Config, outlets: Outlets) -> Result<Stores, AssemblyError> {
    match config.cache.store {
        config::Store::Array => {
            let queue = Arc::new(MemoryQueue::new());
            let store = Arc::new(ArrayStore::new(queue.clone(), outlets));
            Ok(Stores { store: store.clone(), busy: store, queue, redis: None })
        }
        config::Store::Redis => {
            let redis = || RedisStore::new(redis_options(config, outlets.clone())?).map_err(unusable);
            let (store, busy) = (Arc::new(redis()?), Arc::new(redis()?));
            let own = own_prefix(&prefix(config));
            let queue = RedisQueue::new(redis_server(config)?, config.redis.timeout, own).map_err(unusable)?;
            Ok(Stores { store: store.clone(), busy, queue: Arc::new(queue), redis: Some(store) })
        }
        config::Store::Database => Err(AssemblyError("cache.store: database is not available".to_owned())),
    }
}

/// The presence store in Redis, not connected yet; its changes go out nowhere.
///
/// # Errors
/// The address cannot be understood.
pub fn redis_store(config: &Config) -> Result<RedisStore, AssemblyError> {
    RedisStore::new(redis_options(config, Outlets::default())?).map_err(unusable)
}

fn unusable(error: Unavailable) -> AssemblyError {
    AssemblyError(format!("redis: {}", error.reason()))
}

/// Redis prefix and cache prefix, as Laravel puts them before a logical key.
fn prefix(config: &Config) -> String {
    format!("{}{}", config.redis.prefix, config.laravel.cache_prefix)
}

fn redis_options(config: &Config, outlets: Outlets) -> Result<RedisOptions, AssemblyError> {
    Ok(RedisOptions {
        connection: redis_server(config)?,
        cache_db: config.redis.cache_db,
        prefix: prefix(config),
        zone: config.laravel.timezone,
        timeout: config.redis.timeout,
        outlets,
    })
}

/// Address, credentials and the database of the sidecar's own keys.
fn redis_server(config: &Config) -> Result<ConnectionInfo, AssemblyError> {
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
    let server = address.into_connection_info().map_err(|error| AssemblyError(format!("redis: {error}")))?;
    Ok(server.set_redis_settings(settings))
}

/// The endpoints that are posted to: all of them with `driver = "webhook"`, else none.
fn endpoints(config: &Config) -> impl Iterator<Item = &config::Endpoint> {
    config.webhook.endpoints.iter().filter(|_| config.driver == config::Driver::Webhook)
}

fn outlets(config: &Config) -> Outlets {
    const EVENTS: [Event; 4] = [Event::Online, Event::Away, Event::Offline, Event::Heartbeat];
    let outlet = |endpoint: &config::Endpoint| Outlet {
        queue: endpoint.name.clone(),
        events: EVENTS.into_iter().filter(|event| message::wants(endpoint, *event)).collect(),
        debounce: config.webhook.debounce,
    };
    let installation = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("presence-sidecar:{}", prefix(config)).as_bytes());
    Outlets { installation, queues: endpoints(config).map(outlet).collect() }
}

fn deliveries(config: &Config, terms: &Terms, registry: &Registry) -> Result<Vec<Delivery>, AssemblyError> {
    let guard = Guard::new(&config.webhook.allowed_networks);
    let delivery = |endpoint: &config::Endpoint| {
        let metrics = Arc::new(webhooks::Metrics::new(registry, &endpoint.name));
        let sender = Sender::new(endpoint.clone(), guard.clone());
        let sender = sender.map_err(|error| AssemblyError(format!("webhooks cannot be sent: {error}")))?;
        Ok(Delivery::new(terms.clone(), endpoint.clone(), sender, metrics))
    };
    endpoints(config).map(delivery).collect()
}

fn routes(
    config: &Config,
    presence: Arc<Presence>,
    (api, webhooks, messaging): (Api, webhooks::api::Api, (messaging::api::Api, messaging::api::Operators)),
    registry: &Arc<Registry>,
) -> (Edge<Routes>, Value) {
    let throttle = config.routing.throttle.map(|throttle| Throttle::new(throttle.max, throttle.per));
    let browser = Browser::new(presence.clone(), config.scope.clone(), throttle);
    let apis = (api.clone(), browser, webhooks, messaging);
    let service = OpenApiService::new(apis, "presence-sidecar", env!("CARGO_PKG_VERSION"))
        .summary("Presence and messages for Laravel apps")
        .license("MIT");
    let browser = config.routing.register_heartbeat_route.then(|| browser_route(&config.routing.prefix));
    let document = described(&service.spec(), browser.as_deref());
    let mut open = vec!["/", "/up", "/ready", "/docs", "/openapi.json", "/openapi.yaml"];
    let mut pages = Route::new()
        .at("/", get(make_sync(|_| answer(StatusCode::OK, "ok"))))
        .at("/up", get(make_sync(|_| answer(StatusCode::OK, "up"))))
        .at("/ready", get(ready(presence)))
        .at("/docs", get(docs::swagger_ui(&document)))
        .at("/openapi.json", get(docs::fixed("application/json", docs::to_json(&document))))
        .at("/openapi.yaml", get(docs::fixed("application/yaml", docs::to_yaml(&document))));
    if config.metrics.listen.is_empty() {
        pages = pages.at("/metrics", get(scrape(registry.clone())));
        open.push("/metrics");
    }
    let gate = Gate::new(&config.auth.tokens, &config.auth.user_token_secrets).with_messaging(
        config.messaging.admin_token.iter().cloned().collect(),
        config.messaging.operator_tokens.clone(),
    );
    let settings = Settings {
        gate: Arc::new(gate),
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
