//! The connection to one server.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{Client, ConnectionAddr, ConnectionInfo, RedisError, RedisResult};

use super::error::meaning;

/// The idle time after which the kernel sends TCP keepalive probes, and the time between two probes.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// The time between two replacements of a connection, however many callers meet its error.
const PAUSE: Duration = Duration::from_millis(100);

/// One server, and a connection to it that is established on first use and re-established when it is lost.
pub(super) struct Node {
    client: Client,
    config: ConnectionManagerConfig,
    connection: ArcSwap<ConnectionManager>,
    replaced: Mutex<Option<Instant>>,
}

impl Node {
    /// A connection that fails when the server does not reply within `timeout`.
    pub(super) fn new(server: ConnectionInfo, timeout: Duration) -> RedisResult<Self> {
        // The kernel detects a peer that vanished without closing the connection.
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
        let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive).set_user_timeout(2 * KEEPALIVE);
        let client = Client::open(server.set_tcp_settings(tcp))?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout))
            .set_number_of_retries(0);
        let connection = ConnectionManager::new_lazy_with_config(client.clone(), config.clone())?;
        Ok(Self { client, config, connection: ArcSwap::from_pointee(connection), replaced: Mutex::default() })
    }

    /// The current connection.
    pub(super) fn connection(&self) -> ConnectionManager {
        ConnectionManager::clone(&self.connection.load())
    }

    /// Replaces the connection if this error says that it is of no use any more: after a failover another server may be
    /// writable at this address, and a password that was refused may be the right one now. The old connection never learns of it:
    /// it keeps the error of its handshake, unless that was an error of the network.
    pub(super) fn replace_after(&self, error: &RedisError) {
        if !meaning(error).is_connection_useless {
            return;
        }
        let mut replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
        if replaced.is_some_and(|last| last.elapsed() < PAUSE) {
            return;
        }
        if let Ok(new) = ConnectionManager::new_lazy_with_config(self.client.clone(), self.config.clone()) {
            self.connection.store(Arc::new(new));
            *replaced = Some(Instant::now());
        }
    }

    /// The client, for connections of another kind.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Host and port, or the path of the socket.
    pub(super) fn address(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }
}

/// The server at another host and port, with the credentials, the database and the certificates of `server`.
pub(super) fn server_at(server: &ConnectionInfo, host: &str, port: u16) -> ConnectionInfo {
    let address = match server.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            let (insecure, tls_params) = (*insecure, tls_params.clone());
            ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure, tls_params }
        }
        _ => ConnectionAddr::Tcp(host.to_owned(), port),
    };
    server.clone().set_addr(address)
}
