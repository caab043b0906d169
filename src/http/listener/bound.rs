//! Listening sockets, TCP and Unix.

use std::io;
use std::path::{Path, PathBuf};

use poem::Addr;
use poem::web::{LocalAddr, RemoteAddr};
use tokio::net::{TcpListener, TcpSocket, UnixListener};

use super::socket::Socket;
use crate::config::Listen;

/// Size of the send buffer of a TCP connection. The system doubles it.
const SEND_BUFFER_BYTES: u32 = 128 * 1024;

/// Connections that the kernel keeps until they are accepted: as many as may come at once, as all pages of an application
/// do after a deploy. The kernel lowers it to its own limit.
const BACKLOG: u32 = 4_096;

/// A socket that is bound, but does not accept connections yet.
#[derive(Debug)]
pub enum BoundListener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket and its file, which is removed with the listener.
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix socket, removed when dropped.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.0);
    }
}

/// Binds `listen`. A socket file without a listening process is replaced.
///
/// # Errors
/// The address is in use, or binding is not permitted.
pub async fn bind(listen: &Listen) -> io::Result<BoundListener> {
    match listen {
        Listen::Tcp(address) => bind_tcp(address).await.map(BoundListener::Tcp),
        Listen::Unix(path) => {
            if is_stale(path).await {
                std::fs::remove_file(path)?;
            }
            let listener = UnixListener::bind(path)?;
            Ok(BoundListener::Unix(listener, SocketFile(path.clone())))
        }
    }
}

/// Binds the first address of a name that can be bound.
async fn bind_tcp(address: &str) -> io::Result<TcpListener> {
    let mut failed = io::Error::new(io::ErrorKind::InvalidInput, "the name has no address");
    for address in tokio::net::lookup_host(address).await? {
        let bound = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.set_reuseaddr(true)?;
            // Accepted sockets inherit it. The system would let each hold megabytes of a response that nobody reads.
            socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        match bound() {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

async fn is_stale(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    socket && tokio::net::UnixStream::connect(path).await.is_err()
}

impl BoundListener {
    /// The address as URL, or `unix:` with the path.
    pub fn describe(&self) -> String {
        match self {
            Self::Tcp(listener) => listener.local_addr().map_or_else(|_| "?".to_owned(), |at| format!("http://{at}")),
            Self::Unix(_, file) => format!("unix:{}", file.0.display()),
        }
    }

    /// Accepts a connection; returns its socket and both addresses.
    pub(super) async fn accept(&self) -> io::Result<(Socket, LocalAddr, RemoteAddr)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, remote) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let local = stream.local_addr()?;
                Ok((Socket::Tcp(stream), LocalAddr(local.into()), RemoteAddr(remote.into())))
            }
            Self::Unix(listener, _) => {
                let (stream, remote) = listener.accept().await?;
                let local = stream.local_addr()?;
                Ok((Socket::Unix(stream), LocalAddr(Addr::from(local)), RemoteAddr(Addr::from(remote))))
            }
        }
    }
}
