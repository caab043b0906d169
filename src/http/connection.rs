//! The state of a connection that the listener and the request on it share.
//!
//! HTTP/1 has one request at a time on a connection, so the state of the connection is that of the request, too: who has
//! sent it, as far as its head has told, and whether its body was read. On a connection of HTTP/2, each request has a state of
//! its own beside that of the connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::task::Context;

use futures_util::task::AtomicWaker;
use poem::Request;

use super::context::LastContext;

/// What the head of a request has told about its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallerKind {
    /// Nothing yet.
    Unknown,
    /// A client of messages, which may have registered itself, with a valid token.
    Client,
    /// A user, with a valid token of the application.
    User,
    /// The application or an operator, with a valid token.
    Trusted,
}

/// The state of a connection. All methods may be called at any time; nothing blocks.
#[derive(Debug, Default)]
pub struct ConnectionState {
    requests: AtomicU32,
    open_requests: AtomicU32,
    unread_body: AtomicBool,
    stopping: AtomicBool,
    caller: AtomicU8,
    known: AtomicBool,
    eviction: Eviction,
    urgency: Urgency,
    context: LastContext,
    /// The state of the connection, for that of a request on a connection of HTTP/2.
    connection: Option<Arc<Self>>,
}

/// What decides which connections are served before others.
#[derive(Debug, Default)]
struct Urgency {
    /// Whether one of the requests had a valid token.
    has_token: AtomicBool,
    /// Whether the current response is a stream.
    streaming: AtomicBool,
    /// Whether it is a connection of HTTP/2.
    multiplexed: AtomicBool,
}

/// Whether a connection was closed to make room, and who waits for that.
#[derive(Debug, Default)]
struct Eviction {
    evicted: AtomicBool,
    waiting: AtomicWaker,
}

/// A request that is being answered, until dropped.
#[derive(Debug)]
pub struct OpenRequest(Arc<ConnectionState>);

impl OpenRequest {
    /// Begins a request: its head is complete.
    pub fn begin(state: Arc<ConnectionState>, has_body: bool) -> Self {
        state.begin_request(has_body);
        Self(state)
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.end_request();
    }
}

impl ConnectionState {
    /// The state of a request on a connection of HTTP/2.
    pub fn of_request_on(connection: Arc<Self>) -> Self {
        Self { connection: Some(connection), ..Self::default() }
    }

    fn begin_request(&self, has_body: bool) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.caller.store(CallerKind::Unknown as u8, Ordering::Relaxed);
        self.unread_body.store(has_body, Ordering::Relaxed);
        self.urgency.streaming.store(false, Ordering::Relaxed);
        self.open_requests.fetch_add(1, Ordering::Relaxed);
        if let Some(connection) = &self.connection {
            connection.begin_request(false);
        }
    }

    /// Ends a request: its response is in the connection's buffer.
    fn end_request(&self) {
        self.open_requests.fetch_sub(1, Ordering::Relaxed);
        if let Some(connection) = &self.connection {
            connection.end_request();
        }
    }

    /// Records that it is a connection of HTTP/2.
    pub fn set_multiplexed(&self) {
        self.urgency.multiplexed.store(true, Ordering::Relaxed);
    }

    /// Whether it is a connection of HTTP/2, which may have many requests at a time.
    pub fn is_multiplexed(&self) -> bool {
        self.urgency.multiplexed.load(Ordering::Relaxed)
    }

    /// The number of requests so far.
    pub fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Whether a request is being answered.
    pub fn has_open_request(&self) -> bool {
        self.open_requests.load(Ordering::Relaxed) > 0
    }

    /// Whether the current request has a body that was not read to its end.
    pub fn has_unread_body(&self) -> bool {
        self.unread_body.load(Ordering::Relaxed)
    }

    /// Records that the server stops.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Records that the current response is a stream.
    pub fn set_streaming(&self) {
        self.urgency.streaming.store(true, Ordering::Relaxed);
    }

    /// Whether its requests come before those of connections without a token, and before streams; `None` as long as that is
    /// not decided anew.
    pub fn comes_first(&self) -> Option<bool> {
        if self.is_multiplexed() {
            return Some(true);
        }
        if self.urgency.streaming.load(Ordering::Relaxed) {
            return Some(false);
        }
        (!self.has_open_request()).then(|| self.urgency.has_token.load(Ordering::Relaxed))
    }

    /// The context of the last request on the connection.
    pub fn last_context(&self) -> &LastContext {
        &self.connection.as_deref().unwrap_or(self).context
    }

    /// Whether one of its requests came from a user or a trusted caller.
    pub fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// Closes the connection to make room for another one.
    pub fn evict(&self) {
        self.eviction.evicted.store(true, Ordering::Release);
        self.eviction.waiting.wake();
    }

    /// Whether the connection was evicted; if not, `cx` is woken when it is.
    pub fn poll_evicted(&self, cx: &Context<'_>) -> bool {
        self.eviction.waiting.register(cx.waker());
        self.eviction.evicted.load(Ordering::Acquire)
    }

    /// Whether the server stops.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

fn state(request: &Request) -> Option<&Arc<ConnectionState>> {
    request.extensions().get::<Arc<ConnectionState>>()
}

/// Records what the head of `request` has told about its caller; until then it has the limits of unknown callers.
pub fn identify(request: &Request, caller: CallerKind) {
    let Some(state) = state(request) else { return };
    state.caller.store(caller as u8, Ordering::Relaxed);
    let connection = state.connection.as_ref().unwrap_or(state);
    if caller >= CallerKind::Client && !connection.urgency.has_token.load(Ordering::Relaxed) {
        connection.urgency.has_token.store(true, Ordering::Relaxed);
    }
    if caller >= CallerKind::User && !connection.is_known() {
        connection.known.store(true, Ordering::Relaxed);
    }
}

/// What the head of `request` has told about its caller so far.
pub fn caller_of(request: &Request) -> CallerKind {
    state(request).map_or(CallerKind::Unknown, |state| state.caller())
}

/// Records that the body of `request` was read to its end.
pub fn body_was_read(request: &Request) {
    if let Some(state) = state(request) {
        state.unread_body.store(false, Ordering::Relaxed);
    }
}

impl ConnectionState {
    /// What the head of the current request has told about its caller so far.
    pub fn caller(&self) -> CallerKind {
        match self.caller.load(Ordering::Relaxed) {
            caller if caller == CallerKind::Trusted as u8 => CallerKind::Trusted,
            caller if caller == CallerKind::User as u8 => CallerKind::User,
            caller if caller == CallerKind::Client as u8 => CallerKind::Client,
            _ => CallerKind::Unknown,
        }
    }
}
