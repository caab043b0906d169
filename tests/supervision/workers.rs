//! Workers that panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use poem::endpoint::make_sync;
use poem::{Endpoint, Request, Response};
use presence_sidecar::app::{App, Supervisor};
use presence_sidecar::config::{Flags, Sources, load};
use presence_sidecar::http::address::TrustedProxies;
use presence_sidecar::http::body_policy::{BodyLimits, BodyPolicy};
use presence_sidecar::http::budget::MemoryBudget;
use presence_sidecar::http::cors::Origins;
use presence_sidecar::http::listener::bind;
use presence_sidecar::http::middleware::{AccessSettings, Middleware, MiddlewareConfig};
use presence_sidecar::http::openapi::RouteTable;
use presence_sidecar::http::request_metrics::RequestMetrics;
use presence_sidecar::http::token_verifier::TokenVerifier;
use presence_sidecar::telemetry::Registry;
use presence_sidecar::telemetry::spans::Spans;
use tokio_util::sync::CancellationToken;

use super::{metric, wait_for};
use crate::support::{Client, TOKEN};

fn app() -> App {
    let environment =
        [("PRESENCE_TOKEN", TOKEN), ("PRESENCE_CACHE_STORE", "array"), ("PRESENCE__MESSAGING__ENABLED", "false")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let flags = Flags { listen: Some("127.0.0.1:0".to_owned()) };
    App::build(&load(&Sources { environment, flags, ..Sources::default() }).unwrap()).unwrap()
}

async fn start(app: App) -> (Client, tokio::task::JoinHandle<Result<(), presence_sidecar::app::WorkerFailure>>) {
    let listener = bind(&"127.0.0.1:0".parse().unwrap()).await.unwrap().remove(0);
    let client = Client::new(&listener.url("http"), TOKEN);
    (client, tokio::spawn(presence_sidecar::app::run(vec![listener], Vec::new(), app, CancellationToken::new())))
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_that_panics_is_back_within_two_seconds_and_not_ready_meanwhile() {
    let app = app();
    let (panics, starts) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (trigger, count) = (panics.clone(), starts.clone());
    app.supervisor().spawn_until_stop("fragile", move || {
        count.fetch_add(1, Ordering::SeqCst);
        let trigger = trigger.clone();
        async move {
            loop {
                assert!(!trigger.swap(false, Ordering::SeqCst), "a defect");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    let (client, _running) = start(app).await;
    assert_eq!(client.get("/ready").await.status, 200);
    panics.store(true, Ordering::SeqCst);
    let red = wait_for(
        async || Some(client.get("/ready").await).filter(|answer| answer.status == 503),
        || "/ready stays 200".to_owned(),
    );
    assert_eq!(red.await.json["reason"], "a background worker is being restarted");
    let since = Instant::now();
    wait_for(async || (client.get("/ready").await.status == 200).then_some(()), || "/ready stays 503".to_owned()).await;
    assert!(since.elapsed() < Duration::from_secs(2));
    assert_eq!(starts.load(Ordering::SeqCst), 2);
    assert_eq!(client.heartbeat(1).await.status, 200);
    let metrics = client.get("/metrics").await.text;
    assert_eq!(metric(&metrics, "presence_worker_restarts_total{worker=\"fragile\"}"), 1.0);
    assert!(metrics.contains("presence_worker_restarts_total{worker=\"sweep\"} 0"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_that_panics_again_and_again_ends_the_sidecar_with_an_error() {
    let app = app();
    let starts = Arc::new(AtomicUsize::new(0));
    let count = starts.clone();
    app.supervisor().spawn("broken", move || {
        count.fetch_add(1, Ordering::SeqCst);
        async { panic!("a defect") }
    });
    let (_, running) = start(app).await;
    let failure = tokio::time::timeout(Duration::from_secs(10), running).await.unwrap().unwrap().unwrap_err();
    assert_eq!(failure.to_string(), "the worker broken keeps failing: the log has the panics");
    assert_eq!(starts.load(Ordering::SeqCst), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_that_cannot_be_restarted_ends_the_sidecar_at_once() {
    let supervisor = Supervisor::new(Arc::new(Registry::new()));
    let tasks = tokio_util::task::TaskTracker::new();
    supervisor.spawn_once(&tasks, "batcher", async { panic!("a defect") });
    tokio::time::timeout(Duration::from_secs(5), supervisor.stop().cancelled()).await.unwrap();
    assert_eq!(supervisor.failure().unwrap().worker, "batcher");
    assert!(!supervisor.is_healthy());
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_that_ends_is_not_started_again() {
    let supervisor = Supervisor::new(Arc::new(Registry::new()));
    let starts = Arc::new(AtomicUsize::new(0));
    let count = starts.clone();
    supervisor.spawn("short", move || {
        count.fetch_add(1, Ordering::SeqCst);
        async {}
    });
    tokio::time::timeout(Duration::from_secs(5), supervisor.wait()).await.unwrap();
    assert_eq!(starts.load(Ordering::SeqCst), 1);
    assert!(supervisor.is_healthy() && supervisor.failure().is_none());
}

#[tokio::test]
async fn request_whose_handler_panics_gets_500() {
    let routes = make_sync(|_| -> Response { panic!("a defect") });
    let access = AccessSettings {
        verifier: Arc::new(TokenVerifier::new(&[], &[])),
        origins: Origins::new(Vec::new()),
        trusted_proxies: TrustedProxies::default(),
    };
    let limits = BodyLimits { bytes: 1024, anonymous_bytes: 1024, timeout: Duration::from_secs(1) };
    let bodies = Arc::new(BodyPolicy::new(limits, Arc::new(MemoryBudget::new(1 << 20, 1 << 20))));
    let routes_table = RouteTable::of(&serde_json::json!({}), &[]);
    let metrics = RequestMetrics::new(&Arc::new(Registry::new()), &routes_table);
    let access = Arc::new(ArcSwap::from_pointee(access));
    let config = MiddlewareConfig { access, bodies, routes: routes_table, metrics, spans: Spans::default() };
    let response = Middleware::new(routes, config).get_response(Request::default()).await;
    assert_eq!(response.status().as_u16(), 500);
}
