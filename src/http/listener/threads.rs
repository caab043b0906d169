//! The threads of the server. Connections whose callers have not shown a token yet, and streams, run on threads of their own:
//! a thousand pages that connect, get an event or leave at the same time are a thousand tasks, and none is in front of a
//! heartbeat.
//!
//! A connection moves from one kind to the other between two polls. Its socket and its timers stay with the runtime of the
//! callers, which also runs the tasks that it starts.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::task::TaskTracker;

use crate::http::connection::ConnectionState;

/// The runtime of the server, with `workers` threads. 0 means half of the machine's cores: the application uses the
/// others, and more threads than free cores only cost context switches.
///
/// # Errors
/// The system cannot start threads.
pub fn runtime(workers: usize) -> io::Result<Runtime> {
    let half = || std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
    let workers = if workers == 0 { half() } else { workers };
    Builder::new_multi_thread().worker_threads(workers).enable_all().build()
}

/// A connection, from its beginning to its end.
type Connection = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Both kinds of threads.
pub(super) struct Threads {
    callers: Handle,
    others: Handle,
    connections: TaskTracker,
    /// That of `others`, until dropped; `None` if the system cannot start threads, and all connections run with the callers.
    runtime: Option<Runtime>,
}

impl Threads {
    /// Those of the current runtime, and as many others.
    pub(super) fn start() -> Self {
        let callers = Handle::current();
        let workers = callers.metrics().num_workers();
        let built = Builder::new_multi_thread().worker_threads(workers).build();
        let runtime = built.inspect_err(|error| tracing::warn!(%error, "streams share the threads of callers")).ok();
        let others = runtime.as_ref().map_or_else(|| callers.clone(), |runtime| runtime.handle().clone());
        Self { callers, others, connections: TaskTracker::new(), runtime }
    }

    /// Runs a connection whose caller is not known yet.
    pub(super) fn spawn(
        self: &Arc<Self>,
        state: Arc<ConnectionState>,
        connection: impl Future<Output = ()> + Send + 'static,
    ) {
        self.run(false, state, Box::pin(self.connections.track_future(connection)));
    }

    /// The connections that have not ended.
    pub(super) fn connections(&self) -> &TaskTracker {
        &self.connections
    }

    fn run(self: &Arc<Self>, comes_first: bool, state: Arc<ConnectionState>, connection: Connection) {
        let threads = self.clone();
        let handle = if comes_first { &self.callers } else { &self.others };
        handle.spawn(async move {
            let entered = (!comes_first).then(|| threads.callers.clone());
            let leg = Leg { connection: Some(connection), state: state.clone(), comes_first, entered };
            if let Some(connection) = leg.await {
                threads.run(!comes_first, state, connection);
            }
        });
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // To wait for its threads is not allowed on a thread of the other runtime; they have nothing to do.
            runtime.shutdown_background();
        }
    }
}

/// A connection on one kind of threads; returns it when it is to run on the other.
struct Leg {
    connection: Option<Connection>,
    state: Arc<ConnectionState>,
    comes_first: bool,
    /// The runtime that its sockets, timers and tasks belong to, if that is not the current one.
    entered: Option<Handle>,
}

impl Future for Leg {
    type Output = Option<Connection>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let leg = &mut *self;
        let Some(connection) = &mut leg.connection else { return Poll::Ready(None) };
        let _entered = leg.entered.as_ref().map(Handle::enter);
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        let moves = leg.state.comes_first().is_some_and(|comes_first| comes_first != leg.comes_first);
        if moves { Poll::Ready(leg.connection.take()) } else { Poll::Pending }
    }
}
