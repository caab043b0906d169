//! The HTTP server: TCP and Unix sockets, limits of connections, time limits, and a graceful shutdown.

mod bound;
mod inherited;
mod linger;
mod metrics;
mod multiplexed;
mod open_files;
pub mod places;
mod socket;
mod threads;
mod timed_stream;
mod tls;
mod tracked_body;
mod transport;

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulConnection;
use poem::http::uri::Scheme;
use poem::http::{HeaderValue, header};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, IntoResponse, Request, Response};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::bound::{BoundListener, bind};
pub use self::inherited::inherited;
use self::linger::LingerPace;
pub use self::metrics::ConnectionMetrics;
pub use self::open_files::raise_open_files;
pub use self::places::MaxConnections;
use self::places::{AddressPlace, AnonymousPlace, Place, Places, is_health_check};
use self::socket::Socket;
use self::threads::Threads;
pub use self::threads::runtime;
pub use self::timed_stream::StreamTimeouts;
use self::timed_stream::TimedStream;
pub use self::tls::ServerTls;
use self::tracked_body::TrackedBody;
use self::transport::{Transport, has_chosen_h2, secure};
use super::address::{TrustedProxies, ip_of};
use super::budget::{Account, MemoryBudget, Reservation};
use super::connection::{ConnectionState, OpenRequest};
use super::error::ApiError;

/// Size of a connection's buffers, and so the maximum size of a head: hyper answers a larger one with 431.
const BUFFER_BYTES: usize = 32 * 1024;

/// Time limit of a connection on a place for health checks.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

/// Pause after a connection could not be accepted, for example because too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Limits of the server.
#[derive(Clone, Debug)]
pub struct ServerLimits {
    /// Maximum numbers of open connections.
    pub connections: MaxConnections,
    /// Proxies that may have any number of connections.
    pub trusted_proxies: TrustedProxies,
    /// Time limits of each connection.
    pub timeouts: StreamTimeouts,
    /// Maximum time for open requests after the stop signal.
    pub shutdown_timeout: Duration,
    /// Counts the bytes of large heads.
    pub budget: Arc<MemoryBudget>,
    /// Counts connections.
    pub metrics: ConnectionMetrics,
    /// The certificate of TCP listeners; without one they speak plain HTTP.
    pub tls: Option<ServerTls>,
}

/// Serves `routes` on all `listeners` until `stop`; then waits for open requests, and aborts them after
/// `shutdown_timeout`. When it returns, `routes` is dropped.
pub async fn serve(
    listeners: Vec<BoundListener>,
    routes: impl Endpoint<Output = Response> + 'static,
    limits: ServerLimits,
    stop: CancellationToken,
) {
    let ServerLimits { connections, trusted_proxies, timeouts, shutdown_timeout, budget, metrics, tls } = limits;
    let server = Arc::new(Server {
        routes,
        timeouts,
        budget,
        places: Arc::new(Places::new(connections, trusted_proxies, metrics.clone())),
        metrics,
        tls,
        pace: Arc::new(LingerPace::new()),
        threads: Arc::new(Threads::start()),
        stop,
        abort: CancellationToken::new(),
    });
    let accept_loops = TaskTracker::new();
    for listener in listeners {
        accept_loops.spawn(server.clone().accept(listener));
    }
    accept_loops.close();
    accept_loops.wait().await;
    let connections = server.threads.connections();
    connections.close();
    if tokio::time::timeout(shutdown_timeout, connections.wait()).await.is_err() {
        tracing::warn!(open = connections.len(), "server.shutdown_timeout reached: aborting open requests");
        server.abort.cancel();
        connections.wait().await;
    }
}

struct Server<E> {
    routes: E,
    timeouts: StreamTimeouts,
    budget: Arc<MemoryBudget>,
    places: Arc<Places>,
    metrics: ConnectionMetrics,
    tls: Option<ServerTls>,
    pace: Arc<LingerPace>,
    threads: Arc<Threads>,
    stop: CancellationToken,
    abort: CancellationToken,
}

/// The other end of a request.
struct Caller {
    local: LocalAddr,
    remote: RemoteAddr,
    /// Whether its connection is for health checks alone.
    is_for_health: bool,
}

/// An accepted connection.
struct Accepted {
    socket: Socket,
    local: LocalAddr,
    remote: RemoteAddr,
    place: Place,
    address: AddressPlace,
    reservation: Reservation,
}

/// A connection on which HTTP is spoken.
struct Opened {
    transport: Transport,
    state: Arc<ConnectionState>,
    local: LocalAddr,
    remote: RemoteAddr,
    place: Place,
    _counted: (AddressPlace, AnonymousPlace),
}

impl<E: Endpoint<Output = Response> + 'static> Server<E> {
    async fn accept(self: Arc<Self>, listener: BoundListener) {
        loop {
            let accepted = tokio::select! {
                accepted = self.accept_one(&listener) => accepted,
                () = self.stop.cancelled() => return,
            };
            match accepted {
                Ok(Some(accepted)) => {
                    let state = Arc::new(ConnectionState::default());
                    let connection = self.clone().serve_accepted(accepted, state.clone());
                    self.threads.spawn(state, connection);
                    // One at a time: a flood of connections must not queue up before the requests of open ones.
                    tokio::task::yield_now().await;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Accepts a connection, and waits for its place; `None` if its address has too many.
    async fn accept_one(&self, listener: &BoundListener) -> io::Result<Option<Accepted>> {
        let (socket, local, remote) = listener.accept().await?;
        let key = self.places.limited(ip_of(&remote.0));
        let Some(address) = self.places.take(key) else { return Ok(None) };
        let Some(place) = self.places.next().await else { return Ok(None) };
        let reservation = self.budget.open(Account::Untrusted(key));
        Ok(Some(Accepted { socket, local, remote, place, address, reservation }))
    }

    async fn serve_accepted(self: Arc<Self>, accepted: Accepted, state: Arc<ConnectionState>) {
        let _open = self.metrics.open();
        let Some(opened) = self.open(accepted, state).await else { return };
        match opened.state.is_multiplexed() {
            // On the heap: the task of a connection is as large as the larger of the two.
            true => Box::pin(self.serve_multiplexed(opened)).await,
            false => self.serve_connection(opened).await,
        }
    }

    /// Finds out which version of HTTP the peer speaks, and makes the handshake of TLS if there is a certificate; `None` if
    /// that fails.
    async fn open(&self, accepted: Accepted, state: Arc<ConnectionState>) -> Option<Opened> {
        let tls = self.tls.as_ref().filter(|_| matches!(accepted.socket, Socket::Left(_)));
        let has_preface = tls.is_none() && self.has_preface(&accepted).await;
        let Accepted { socket, local, remote, place, address, reservation } = accepted;
        let anonymous = self.places.enter(&state);
        let stream = TimedStream::new(socket, state.clone(), self.timeouts(&place), reservation, self.pace.clone());
        let transport = match tls {
            // On the heap: the place of this future in the task would be kept until the connection ends.
            Some(tls) => match self.stop.run_until_cancelled(Box::pin(secure(stream, tls))).await? {
                Ok(transport) => transport,
                Err(error) => {
                    tracing::debug!(%error, "the handshake of TLS failed");
                    return None;
                }
            },
            None => Transport::Left(stream),
        };
        if has_preface || has_chosen_h2(&transport) {
            state.set_multiplexed();
        }
        Some(Opened { transport, state, local, remote, place, _counted: (address, anonymous) })
    }

    async fn serve_connection(&self, opened: Opened) {
        let Opened { transport, state, local, remote, place, _counted } = opened;
        let service = service_fn(|request: hyper::Request<Incoming>| {
            let (local, remote) = (local.clone(), remote.clone());
            self.respond(request, Caller { local, remote, is_for_health: place.is_for_health }, &state)
        });
        let mut builder = http1::Builder::new();
        builder.header_read_timeout(None).max_buf_size(BUFFER_BYTES);
        self.run_to_end(pin!(builder.serve_connection(TokioIo::new(transport), service)), &state).await;
    }

    /// Serves a connection until it is closed. Once the server stops, only the requests that have begun are completed.
    async fn run_to_end(
        &self,
        mut connection: Pin<&mut impl GracefulConnection<Error = hyper::Error>>,
        state: &ConnectionState,
    ) {
        // A token of its own: each poll of the connection locks it.
        let stop = self.stop.child_token();
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                state.stop();
                connection.as_mut().graceful_shutdown();
                self.abort.run_until_cancelled(connection).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error = describe(&error), "connection closed early");
        }
    }

    /// The time limits of a connection: on a place for health checks, they are short.
    fn timeouts(&self, place: &Place) -> StreamTimeouts {
        let limit = |timeout: Duration| if place.is_for_health { timeout.min(HEALTH_TIMEOUT) } else { timeout };
        let StreamTimeouts { head, idle, write } = self.timeouts;
        StreamTimeouts { head: limit(head), idle: limit(idle), write: limit(write) }
    }

    async fn respond(
        &self,
        mut request: hyper::Request<Incoming>,
        Caller { local, remote, is_for_health }: Caller,
        state: &Arc<ConnectionState>,
    ) -> Result<hyper::Response<TrackedBody>, Infallible> {
        let open = OpenRequest::begin(state.clone(), !request.body().is_end_stream());
        let is_http1 = request.version() < hyper::Version::HTTP_2;
        request.extensions_mut().insert(state.clone());
        let mut response = if is_for_health && !is_health_check(request.uri().path()) {
            self.metrics.all_in_use.increment(1);
            ApiError::Unavailable("All connections of the server are in use.").into_response()
        } else {
            // On the heap: hyper keeps the place of this future, 3.5 KiB, until the connection ends, and streams are many and long.
            let request = Request::from((request, local, remote, Scheme::HTTP));
            Box::pin(self.routes.call(request)).await.unwrap_or_else(poem::Error::into_response)
        };
        if is_http1 && (is_for_health || state.has_unread_body()) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let response: hyper::Response<_> = response.into();
        if response.body().size_hint().exact().is_none() {
            state.set_streaming();
        }
        Ok(response.map(|body| TrackedBody::new(body, open)))
    }
}

/// An error of hyper with its causes, such as the time limit that was reached.
fn describe(error: &hyper::Error) -> String {
    let cause = std::error::Error::source(error);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
