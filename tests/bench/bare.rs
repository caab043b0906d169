//! The yardstick: a poem endpoint that reads a JSON body and answers JSON, on the same accept loop, and the same
//! threads, and does nothing else.

use std::sync::Arc;
use std::time::Duration;

use poem::endpoint::EndpointExt;
use poem::web::Json;
use poem::{Request, Route, handler, post};
use presence_sidecar::http::address::TrustedProxies;
use presence_sidecar::http::budget::MemoryBudget;
use presence_sidecar::http::connection::body_was_read;
use presence_sidecar::http::listener::{
    ConnectionMetrics, MaxConnections, ServerLimits, StreamTimeouts, bind, runtime, serve,
};
use presence_sidecar::telemetry::Registry;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[handler]
fn bare(Json(body): Json<Value>) -> Json<Value> {
    Json(json!({"ok": true, "user_id": body["user_id"]}))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: bare HOST:PORT THREADS, where 0 threads are as many as the sidecar takes";
    let address = arguments.next().ok_or(usage)?;
    let threads = arguments.next().ok_or(usage)?.parse()?;
    runtime(threads)?.block_on(listen(&address))
}

async fn listen(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    let listener = bind(&address.parse()?).await?.remove(0);
    let limits = ServerLimits {
        connections: MaxConnections { total: 10_000, per_address: 10_000, anonymous: 10_000 },
        trusted_proxies: TrustedProxies::default(),
        timeouts: StreamTimeouts {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            write: Duration::from_secs(30),
        },
        shutdown_timeout: Duration::from_secs(1),
        budget: Arc::new(MemoryBudget::new(64 * 1024 * 1024, 8 * 1024 * 1024)),
        metrics: ConnectionMetrics::new(&Registry::new()),
        tls: None,
    };
    // The handler reads the body by itself, and to its end.
    let will_be_read = |request: Request| async {
        body_was_read(&request);
        Ok(request)
    };
    let routes = Route::new().at("/bare", post(bare)).before(will_be_read).map_to_response();
    serve(vec![listener], routes, limits, CancellationToken::new()).await;
    Ok(())
}
