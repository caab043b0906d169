//! HTTP/2: many requests share a connection. Without TLS, by prior knowledge, it is for trusted proxies; with TLS for
//! every peer that chooses it.
//!
//! The limits of other peers count connections, so each of theirs has few requests at a time, with small heads. Each request
//! has a state of its own, which tells that of the connection who its caller is.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use poem::http::{HeaderValue, header};
use poem::web::RemoteAddr;
use poem::{Endpoint, Response};

use super::socket::Socket;
use super::tracked_body::TrackedBody;
use super::{Accepted, BUFFER_BYTES, Caller, Opened, Server};
use crate::http::address::ip_of;
use crate::http::budget::FREE_BYTES;
use crate::http::connection::ConnectionState;

/// Most requests on one connection at a time, streams among them, and the size of their heads: of a trusted proxy.
const PROXY: (u32, usize) = (1_000, BUFFER_BYTES);

/// Those of other peers. A head of this size is not counted by the memory budget.
const OTHERS: (u32, usize) = (16, FREE_BYTES);

/// Most bytes of a request's body that are on their way.
const WINDOW_BYTES: u32 = 64 * 1024;

impl<E: Endpoint<Output = Response> + 'static> Server<E> {
    fn is_proxy(&self, remote: &RemoteAddr) -> bool {
        ip_of(&remote.0).is_some_and(|peer| self.places.is_trusted_proxy(peer))
    }

    /// Whether a connection begins with the preface of HTTP/2 and comes from a trusted proxy.
    pub(super) async fn has_preface(&self, accepted: &Accepted) -> bool {
        let Socket::Left(socket) = &accepted.socket else { return false };
        if !self.is_proxy(&accepted.remote) || accepted.place.is_for_health {
            return false;
        }
        // No method of HTTP/1 begins like the preface, and a client sends at least that much at once.
        let mut first = [0; 3];
        let peeked = tokio::time::timeout(self.timeouts.head, socket.peek(&mut first));
        matches!(self.stop.run_until_cancelled(peeked).await, Some(Ok(Ok(3)))) && first == *b"PRI"
    }

    /// Serves the requests of a connection until the peer closes it, or the server stops.
    pub(super) async fn serve_multiplexed(self: Arc<Self>, opened: Opened) {
        let Opened { transport, state, local, remote, place, _counted } = opened;
        let (requests, head) = if self.is_proxy(&remote) { PROXY } else { OTHERS };
        let (server, connection_state, is_for_health) = (self.clone(), state.clone(), place.is_for_health);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let caller = Caller { local: local.clone(), remote: remote.clone(), is_for_health };
            server.clone().respond_on(caller, connection_state.clone(), request)
        });
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX));
        builder.max_concurrent_streams(requests).initial_stream_window_size(WINDOW_BYTES);
        self.run_to_end(pin!(builder.serve_connection(TokioIo::new(transport), service)), &state).await;
    }

    async fn respond_on(
        self: Arc<Self>,
        caller: Caller,
        connection: Arc<ConnectionState>,
        mut request: hyper::Request<Incoming>,
    ) -> Result<hyper::Response<TrackedBody>, Infallible> {
        // HTTP/2 has the host in the address of the request.
        let host = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
        if let (Some(host), false) = (host, request.headers().contains_key(header::HOST)) {
            request.headers_mut().insert(header::HOST, host);
        }
        let state = Arc::new(ConnectionState::of_request_on(connection));
        self.respond(request, caller, &state).await
    }
}
