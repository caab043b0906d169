//! A connection below HTTP: a socket with time limits, and TLS on it if the listener has a certificate.
//!
//! The time limits are below TLS, so that they hold for its handshake, and a connection can be closed in the middle of it.

use std::io;

use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::socket::Socket;
use super::timed_stream::TimedStream;
use super::tls::{H2, ServerTls};

/// A connection below HTTP: without TLS, or with it. Connections without TLS, the usual ones, need no allocation.
pub(super) type Transport = Either<TimedStream<Socket>, Box<TlsStream<TimedStream<Socket>>>>;

/// Makes the handshake of TLS.
///
/// # Errors
/// The peer does not speak TLS, or not in time.
pub(super) async fn secure(stream: TimedStream<Socket>, tls: &ServerTls) -> io::Result<Transport> {
    Ok(Transport::Right(Box::new(tls.acceptor().accept(stream).await?)))
}

/// Whether the peer has chosen HTTP/2 in the handshake.
pub(super) fn has_chosen_h2(transport: &Transport) -> bool {
    match transport {
        Transport::Left(_) => false,
        Transport::Right(stream) => stream.get_ref().1.alpn_protocol() == Some(H2),
    }
}
