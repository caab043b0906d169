//! Metrics of connections.

use metrics::{Counter, Gauge};

use crate::telemetry::{Registry, catalog};

/// Counts open and refused connections. Clones share the counts.
#[derive(Clone)]
pub struct ConnectionMetrics {
    open: Gauge,
    /// Requests that were refused since all connections are in use.
    pub(super) all_in_use: Counter,
    /// Connections that were refused since their address has too many.
    pub(super) per_address: Counter,
    /// Connections that were closed to make room for new ones, before their caller was known.
    pub(super) anonymous: Counter,
}

/// An open connection, until dropped.
pub(super) struct OpenConnection(Gauge);

impl ConnectionMetrics {
    /// Registers the metrics in `registry`.
    pub fn new(registry: &Registry) -> Self {
        let rejected = |limit| registry.counter(&catalog::REJECTED, &[limit]);
        Self {
            open: registry.gauge(&catalog::CONNECTIONS_OPEN, &[]),
            all_in_use: rejected("connections"),
            per_address: rejected("connections_per_address"),
            anonymous: rejected("anonymous_connections"),
        }
    }

    /// Counts a connection.
    pub(super) fn open(&self) -> OpenConnection {
        self.open.increment(1.0);
        OpenConnection(self.open.clone())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

impl std::fmt::Debug for ConnectionMetrics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ConnectionMetrics").finish_non_exhaustive()
    }
}
