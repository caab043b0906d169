//! Listening sockets, TCP and Unix.

use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use poem::Addr;
use poem::web::{LocalAddr, RemoteAddr};
use rustix::io::Errno;
use tokio::net::{TcpListener, TcpSocket, UnixListener};

use super::socket::Socket;
use crate::config::{Listen, SocketAccess};

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

/// The file of a Unix socket, removed when dropped if this process has made it.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    is_own: bool,
}

impl SocketFile {
    /// A file that another process has made, and removes.
    pub(super) fn of_others(path: &Path) -> Self {
        Self { path: path.to_owned(), is_own: false }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_own {
            _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Binds `listen`: each address that a name has, such as 127.0.0.1 and ::1 for `localhost`, on the same port. A socket file
/// without a listening process is replaced.
///
/// # Errors
/// An address is in use, or binding is not permitted.
pub async fn bind(listen: &Listen) -> io::Result<Vec<BoundListener>> {
    match listen {
        Listen::Tcp(address) => Ok(bind_tcp(address).await?.into_iter().map(BoundListener::Tcp).collect()),
        Listen::Unix(path) => {
            if is_stale(path).await {
                std::fs::remove_file(path)?;
            }
            let listener = UnixListener::bind(path)?;
            Ok(vec![BoundListener::Unix(listener, SocketFile { path: path.clone(), is_own: true })])
        }
    }
}

/// Binds all addresses of a name, but those of a family that this host does not have.
async fn bind_tcp(name: &str) -> io::Result<Vec<TcpListener>> {
    let mut bound: Vec<TcpListener> = Vec::new();
    let mut failed = io::Error::new(io::ErrorKind::InvalidInput, "the name has no address");
    let mut addresses: Vec<SocketAddr> = tokio::net::lookup_host(name).await?.collect();
    addresses.sort_unstable();
    addresses.dedup();
    for mut address in addresses {
        if let Some(first) = bound.first() {
            address.set_port(first.local_addr()?.port());
        }
        match bind_address(address) {
            Ok(listener) => bound.push(listener),
            Err(error) if is_absent(&error) => failed = error,
            Err(error) => return Err(error),
        }
    }
    if bound.is_empty() { Err(failed) } else { Ok(bound) }
}

fn bind_address(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit it. The system would let each hold megabytes of a response that nobody reads.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Whether the host does not have the address, as one without IPv6 does not have ::1.
fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(Errno::AFNOSUPPORT.raw_os_error())
}

async fn is_stale(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    socket && tokio::net::UnixStream::connect(path).await.is_err()
}

impl BoundListener {
    /// Sets the group and the mode of the file of a Unix socket.
    ///
    /// # Errors
    /// The process may not give the file to the group.
    pub fn permit(&self, access: &SocketAccess) -> io::Result<()> {
        let Self::Unix(_, SocketFile { path, is_own: true }) = self else { return Ok(()) };
        if let Some(group) = access.group {
            std::os::unix::fs::chown(path, None, Some(group))?;
        }
        std::fs::set_permissions(path, Permissions::from_mode(access.mode))
    }

    /// The address as URL with this scheme, or `unix:` with the path.
    pub fn url(&self, scheme: &str) -> String {
        match self {
            Self::Tcp(listener) => {
                listener.local_addr().map_or_else(|_| "?".to_owned(), |at| format!("{scheme}://{at}"))
            }
            Self::Unix(_, file) => format!("unix:{}", file.path.display()),
        }
    }

    /// Accepts a connection; returns its socket and both addresses.
    pub(super) async fn accept(&self) -> io::Result<(Socket, LocalAddr, RemoteAddr)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, remote) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let local = stream.local_addr()?;
                Ok((Socket::Left(stream), LocalAddr(local.into()), RemoteAddr(remote.into())))
            }
            Self::Unix(listener, _) => {
                let (stream, remote) = listener.accept().await?;
                let local = stream.local_addr()?;
                Ok((Socket::Right(stream), LocalAddr(Addr::from(local)), RemoteAddr(Addr::from(remote))))
            }
        }
    }
}
