//! A TCP or Unix socket.

use tokio::net::{TcpStream, UnixStream};
use tokio_util::either::Either;

/// A connected socket: TCP on the left, a Unix socket on the right.
pub type Socket = Either<TcpStream, UnixStream>;
