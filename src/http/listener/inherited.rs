//! Sockets that systemd has opened (`LISTEN_FDS`): connections wait in them while the sidecar is restarted.

use std::io;

use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener};

use super::bound::{BoundListener, SocketFile};

/// Takes over the sockets that the process was started with, in their order; none if it was not started with any.
///
/// # Errors
/// One of them is neither a listening TCP socket nor a listening Unix socket.
pub fn inherited() -> io::Result<Vec<BoundListener>> {
    let mut sockets = ListenFd::from_env();
    (0..sockets.len()).filter_map(|index| take(&mut sockets, index).transpose()).collect()
}

/// Must be called in a runtime.
fn take(sockets: &mut ListenFd, index: usize) -> io::Result<Option<BoundListener>> {
    if let Ok(Some(listener)) = sockets.take_tcp_listener(index) {
        listener.set_nonblocking(true)?;
        return Ok(Some(BoundListener::Tcp(TcpListener::from_std(listener)?)));
    }
    let Some(listener) = sockets.take_unix_listener(index)? else { return Ok(None) };
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let file = SocketFile::of_others(address.as_pathname().unwrap_or_else(|| "?".as_ref()));
    Ok(Some(BoundListener::Unix(UnixListener::from_std(listener)?, file)))
}
