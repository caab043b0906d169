//! HTTP/2 without TLS, by prior knowledge, for trusted proxies: many requests share a connection.
//!
//! All other peers get HTTP/1 alone, whose limits count connections. Each request has a state of its own, which tells that of
//! the connection who its caller is.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use poem::http::{HeaderValue, header};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, Response};

use super::socket::Socket;
use super::timed_stream::TimedStream;
use super::tracked_body::TrackedBody;
use super::{Accepted, BUFFER_BYTES, Caller, Server};
use crate::http::address::ip_of;
use crate::http::connection::ConnectionState;

/// Most requests on one connection at a time, streams among them.
const MAX_REQUESTS: u32 = 1_000;

/// Most bytes of a request's body that are on their way.
const WINDOW_BYTES: u32 = 64 * 1024;

impl<E: Endpoint<Output = Response> + 'static> Server<E> {
    /// Whether a connection begins with the preface of HTTP/2 and comes from a trusted proxy.
    pub(super) async fn is_multiplexed(&self, accepted: &Accepted) -> bool {
        let Socket::Tcp(socket) = &accepted.socket else { return false };
        let is_proxy = ip_of(&accepted.remote.0).is_some_and(|peer| self.places.is_trusted_proxy(peer));
        if !is_proxy || accepted.place.is_for_health {
            return false;
        }
        // No method of HTTP/1 begins like the preface, and a client sends at least that much at once.
        let mut first = [0; 3];
        let peeked = tokio::time::timeout(self.timeouts.head, socket.peek(&mut first));
        matches!(self.stop.run_until_cancelled(peeked).await, Some(Ok(Ok(3)))) && first == *b"PRI"
    }

    /// Serves the requests of a trusted proxy until it closes the connection, or the server stops.
    pub(super) async fn serve_multiplexed(self: Arc<Self>, accepted: Accepted) {
        let Accepted { socket, local, remote, place, address, reservation } = accepted;
        let state = Arc::new(ConnectionState::multiplexed());
        let anonymous = self.places.enter(&state);
        let stream = TimedStream::new(socket, state.clone(), self.timeouts, reservation, self.pace.clone());
        let (server, connection_state) = (self.clone(), state.clone());
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            server.clone().respond_on((local.clone(), remote.clone()), connection_state.clone(), request)
        });
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).max_header_list_size(u32::try_from(BUFFER_BYTES).unwrap_or(u32::MAX));
        builder.max_concurrent_streams(MAX_REQUESTS).initial_stream_window_size(WINDOW_BYTES);
        self.run_to_end(pin!(builder.serve_connection(TokioIo::new(stream), service)), &state).await;
        drop((address, anonymous, place));
    }

    async fn respond_on(
        self: Arc<Self>,
        (local, remote): (LocalAddr, RemoteAddr),
        connection: Arc<ConnectionState>,
        mut request: hyper::Request<Incoming>,
    ) -> Result<hyper::Response<TrackedBody>, Infallible> {
        // HTTP/2 has the host in the address of the request.
        let host = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
        if let (Some(host), false) = (host, request.headers().contains_key(header::HOST)) {
            request.headers_mut().insert(header::HOST, host);
        }
        let state = Arc::new(ConnectionState::of_request_on(connection));
        self.respond(request, Caller { local, remote, is_for_health: false }, &state).await
    }
}
