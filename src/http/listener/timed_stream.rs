//! A socket with time limits: for a head, for a connection without a request, and for a peer that takes no bytes.
//!
//! hyper's own limit for heads counts while a connection is idle, and it has none for writing. Here one timer per connection
//! is set only when the socket makes a request wait, and is moved only when it fires: an ordinary request costs no timer.

use std::future::Future;
use std::io;
use std::io::{Error, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::linger::{LINGER_READ, Linger, LingerPace};
use crate::http::budget::{FREE_BYTES, Reservation};
use crate::http::connection::ConnectionState;

/// Time for a peer that takes no bytes once the server stops.
const STOPPING_WRITE_TIMEOUT: Duration = Duration::from_secs(2);

/// The time limits of a connection.
#[derive(Clone, Copy, Debug)]
pub struct StreamTimeouts {
    /// From the first byte of a head to its last one, and for the first head of a connection.
    pub head: Duration,
    /// Without a request.
    pub idle: Duration,
    /// While the peer takes no bytes.
    pub write: Duration,
}

/// A socket with time limits.
pub struct TimedStream<S> {
    socket: S,
    state: Arc<ConnectionState>,
    timeouts: StreamTimeouts,
    timer: Option<Pin<Box<Sleep>>>,
    head: Head,
    stalled_since: Option<Instant>,
    linger: Option<Linger>,
    pace: Arc<LingerPace>,
}

/// What has arrived since the last request.
struct Head {
    requests: u32,
    bytes: usize,
    waiting_since: Option<Instant>,
    reservation: Reservation,
}

impl<S> TimedStream<S> {
    /// A stream on `socket`. Heads larger than [`FREE_BYTES`] are counted by `reservation`.
    /// Refused bodies are discarded at `pace`.
    pub(super) fn new(
        socket: S,
        state: Arc<ConnectionState>,
        timeouts: StreamTimeouts,
        reservation: Reservation,
        pace: Arc<LingerPace>,
    ) -> Self {
        let head = Head { requests: 0, bytes: 0, waiting_since: None, reservation };
        Self { socket, state, timeouts, timer: None, head, stalled_since: None, linger: None, pace }
    }

    /// Ready once `deadline` has passed; until then the task is woken at that time or earlier.
    fn poll_deadline(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        loop {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            if timer.deadline() > deadline || timer.is_elapsed() {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(cx));
        }
    }

    /// Fails if the head, or the next request, is overdue, or the connection was evicted.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.head.begin_if_new(&self.state);
        if self.state.poll_evicted(cx) {
            return Poll::Ready(Err(evicted()));
        }
        if self.state.has_open_request() {
            return Poll::Pending;
        }
        let since = *self.head.waiting_since.get_or_insert_with(Instant::now);
        // Between the requests of HTTP/2 there are other frames.
        let is_head = !self.state.is_multiplexed() && (self.head.bytes > 0 || self.head.requests == 0);
        let limit = if is_head { self.timeouts.head } else { self.timeouts.idle };
        ready!(self.poll_deadline(cx, since + limit));
        let what = if is_head { "the head did not arrive in time" } else { "the connection was idle" };
        Poll::Ready(Err(Error::new(ErrorKind::TimedOut, what)))
    }

    /// Fails if the peer has taken no bytes for too long, or the connection was evicted.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.state.poll_evicted(cx) {
            return Poll::Ready(evicted());
        }
        let since = *self.stalled_since.get_or_insert_with(Instant::now);
        let limit = self.timeouts.write;
        let limit = if self.state.is_stopping() { limit.min(STOPPING_WRITE_TIMEOUT) } else { limit };
        ready!(self.poll_deadline(cx, since + limit));
        Poll::Ready(Error::new(ErrorKind::TimedOut, "the peer does not take the response"))
    }
}

fn evicted() -> Error {
    Error::new(ErrorKind::ConnectionAborted, "the connection made room for another one")
}

impl Head {
    /// Begins a new head after a request.
    fn begin_if_new(&mut self, state: &ConnectionState) {
        let requests = state.requests();
        if requests != self.requests {
            self.requests = requests;
            self.bytes = 0;
            self.waiting_since = None;
            self.reservation.release();
        }
    }

    /// Counts bytes of a head.
    fn add(&mut self, bytes: usize) -> io::Result<()> {
        if self.bytes == 0 {
            self.waiting_since = None;
        }
        self.bytes += bytes;
        match self.bytes > FREE_BYTES && self.reservation.grow_to(self.bytes).is_err() {
            true => Err(Error::other("the memory budget is used up")),
            false => Ok(()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = &mut *self;
        let before = buffer.filled().len();
        match Pin::new(&mut stream.socket).poll_read(cx, buffer) {
            Poll::Pending => stream.poll_overdue(cx),
            Poll::Ready(Ok(())) if !stream.state.has_open_request() && !stream.state.is_multiplexed() => {
                stream.head.begin_if_new(&stream.state);
                Poll::Ready(stream.head.add(buffer.filled().len() - before))
            }
            ready @ Poll::Ready(_) => ready,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TimedStream<S> {
    fn poll_written(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.poll_stalled(cx).map(Err),
            ready @ Poll::Ready(_) => {
                self.stalled_since = None;
                ready
            }
        }
    }

    /// Reads and discards until the peer closes, a limit is reached, or the connection is evicted.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let linger = *self.linger.get_or_insert_with(|| Linger::begin(&self.pace));
            let Some(turn) = linger.turn().filter(|_| !self.state.poll_evicted(cx)) else { return Poll::Ready(()) };
            ready!(self.poll_deadline(cx, turn));
            let mut discarded = [0; LINGER_READ];
            let mut buffer = ReadBuf::new(&mut discarded);
            match Pin::new(&mut self.socket).poll_read(cx, &mut buffer) {
                Poll::Pending => return self.poll_deadline(cx, linger.until()),
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => {}
            }
            self.linger = linger.after(buffer.filled().len(), &self.pace);
            if self.linger.is_none() {
                return Poll::Ready(());
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.poll_written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.poll_written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = &mut *self;
        if stream.linger.is_none() {
            ready!(Pin::new(&mut stream.socket).poll_shutdown(cx))?;
        }
        if stream.state.has_unread_body() {
            ready!(stream.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}
