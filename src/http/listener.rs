//! The accept loop: TCP and unix sockets, a cap on connections, a time-out for half-sent heads, a drain at the end.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Listen;

/// A socket that is bound, but not yet accepted from.
#[derive(Debug)]
pub enum BoundListener {
    /// TCP.
    Tcp(TcpListener),
    /// A unix socket and its path, which goes when the listener goes.
    Unix(UnixListener, SocketFile),
}

/// A unix socket's file, removed when dropped.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.0);
    }
}

/// Binds `listen`. A socket file that nobody answers on any more is replaced.
///
/// # Errors
/// The address is taken, or may not be bound.
pub async fn bind(listen: &Listen) -> io::Result<BoundListener> {
    match listen {
        Listen::Tcp(address) => TcpListener::bind(address.as_str()).await.map(BoundListener::Tcp),
        Listen::Unix(path) => {
            if is_stale(path).await {
                std::fs::remove_file(path)?;
            }
            let listener = UnixListener::bind(path)?;
            Ok(BoundListener::Unix(listener, SocketFile(path.clone())))
        }
    }
}

async fn is_stale(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    socket && tokio::net::UnixStream::connect(path).await.is_err()
}

impl BoundListener {
    /// The address in the form that a client or a person uses.
    pub fn describe(&self) -> String {
        match self {
            Self::Tcp(listener) => listener.local_addr().map_or_else(|_| "?".to_owned(), |at| format!("http://{at}")),
            Self::Unix(_, file) => format!("unix:{}", file.0.display()),
        }
    }
}

/// A runtime for the accept loop with so many threads; 0 means half of the machine's, since a sidecar shares it with
/// the application, and more threads than cores to run on only wake each other.
///
/// # Errors
/// The system gives no threads.
pub fn runtime(workers: usize) -> io::Result<Runtime> {
    let half = || std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
    let workers = if workers == 0 { half() } else { workers };
    tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()
}

/// ServerLimits of the accept loop.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// Connections open at once, over all listeners.
    pub connections: usize,
    /// Time for a request's head to arrive.
    pub header_timeout: Duration,
    /// Time for open requests to end after the stop.
    pub shutdown_timeout: Duration,
}

/// Serves `routes` on all of `listeners` until `stop`; then lets open requests end, and cuts off those that outlast
/// `shutdown_timeout`. Nothing of `routes` is left when it returns.
pub async fn serve(
    listeners: Vec<BoundListener>,
    routes: impl Endpoint<Output = Response> + 'static,
    limits: ServerLimits,
    stop: CancellationToken,
) {
    let server = Arc::new(Server {
        routes,
        limits,
        open: Arc::new(Semaphore::new(limits.connections)),
        connections: TaskTracker::new(),
        stop,
        cut: CancellationToken::new(),
    });
    let accepting = TaskTracker::new();
    for listener in listeners {
        accepting.spawn(server.clone().accept(listener));
    }
    accepting.close();
    accepting.wait().await;
    server.connections.close();
    if tokio::time::timeout(limits.shutdown_timeout, server.connections.wait()).await.is_err() {
        tracing::warn!(
            open = server.connections.len(),
            "requests were still open at the end of server.shutdown_timeout and are cut off"
        );
        server.cut.cancel();
        server.connections.wait().await;
    }
}

struct Server<E> {
    routes: E,
    limits: ServerLimits,
    open: Arc<Semaphore>,
    connections: TaskTracker,
    stop: CancellationToken,
    cut: CancellationToken,
}

impl<E: Endpoint<Output = Response> + 'static> Server<E> {
    async fn accept(self: Arc<Self>, listener: BoundListener) {
        loop {
            let Ok(place) = self.open.clone().acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = accept_one(&listener) => accepted,
                () = self.stop.cancelled() => return,
            };
            let (stream, local, remote) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let server = self.clone();
            self.connections.spawn(async move {
                match stream {
                    Stream::Tcp(stream) => server.connection(stream, local, remote).await,
                    Stream::Unix(stream) => server.connection(stream, local, remote).await,
                }
                drop(place);
            });
        }
    }

    async fn connection<S>(&self, stream: S, local: LocalAddr, remote: RemoteAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let service = service_fn(|request: hyper::Request<Incoming>| {
            let request = Request::from((request, local.clone(), remote.clone(), Scheme::HTTP));
            async { Ok::<_, std::convert::Infallible>(self.routes.get_response(request).await.into()) }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.limits.header_timeout);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                self.cut.run_until_cancelled(connection).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

enum Stream {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

async fn accept_one(listener: &BoundListener) -> io::Result<(Stream, LocalAddr, RemoteAddr)> {
    match listener {
        BoundListener::Tcp(listener) => {
            let (stream, remote) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let local = stream.local_addr()?;
            Ok((Stream::Tcp(stream), LocalAddr(local.into()), RemoteAddr(remote.into())))
        }
        BoundListener::Unix(listener, _) => {
            let (stream, remote) = listener.accept().await?;
            let local = stream.local_addr()?;
            Ok((Stream::Unix(stream), LocalAddr(Addr::from(local)), RemoteAddr(Addr::from(remote))))
        }
    }
}
