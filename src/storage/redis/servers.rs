//! How to reach Redis: one server, the master that Sentinels name, or a cluster.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::ConnectionInfo;

use super::cluster::ClusterMap;
use super::confirmation::Confirmation;
use super::error::unavailable;
use super::sentinel::Sentinels;
use crate::storage::Result;

/// How to reach Redis. All connections that are made of clones share what is known of the servers.
#[derive(Clone)]
pub struct RedisServers {
    pub(super) topology: Topology,
    /// A standalone server; else what all servers have in common: credentials, database and certificates.
    pub(super) server: ConnectionInfo,
    /// The confirmation that commits need.
    pub(super) confirmation: Option<Confirmation>,
}

/// Which server commands go to.
#[derive(Clone)]
pub(super) enum Topology {
    /// Always the same one.
    Standalone,
    /// The master that Sentinels name.
    Sentinel(Arc<Sentinels>),
    /// The owner of a key's slot.
    Cluster(Arc<ClusterMap>),
}

impl From<ConnectionInfo> for RedisServers {
    /// One server.
    fn from(server: ConnectionInfo) -> Self {
        Self { topology: Topology::Standalone, server, confirmation: None }
    }
}

impl RedisServers {
    /// The master that `sentinels` name for `service`. The host and the port of `master` are not used.
    ///
    /// # Errors
    /// An address is invalid.
    pub fn sentinel(
        sentinels: Vec<ConnectionInfo>,
        service: &str,
        master: ConnectionInfo,
        timeout: Duration,
    ) -> Result<Self> {
        let sentinels = Sentinels::new(sentinels, service, timeout).map_err(unavailable)?;
        Ok(Self { topology: Topology::Sentinel(Arc::new(sentinels)), server: master, confirmation: None })
    }

    /// The cluster that these nodes belong to; any of them will do. The credentials, the database and the certificates of the
    /// first one are those of all nodes.
    ///
    /// # Errors
    /// There is no node.
    pub fn cluster(nodes: Vec<ConnectionInfo>, timeout: Duration) -> Result<Self> {
        let server = nodes.first().cloned().ok_or_else(|| crate::storage::Unavailable::new("no node is known"))?;
        let topology = Topology::Cluster(Arc::new(ClusterMap::new(nodes, timeout)));
        Ok(Self { topology, server, confirmation: None })
    }

    /// The same servers, with another database.
    #[must_use]
    pub fn with_database(self, database: i64) -> Self {
        let settings = self.server.redis_settings().clone().set_db(database);
        Self { server: self.server.set_redis_settings(settings), ..self }
    }

    /// The same servers; commits and pushed jobs fail unless replicas confirm them.
    #[must_use]
    pub fn with_confirmation(self, confirmation: Option<Confirmation>) -> Self {
        Self { confirmation, ..self }
    }

    /// The confirmation that commits need.
    pub fn confirmation(&self) -> Option<Confirmation> {
        self.confirmation
    }

    /// Whether keys are spread over several servers by their slots.
    pub fn is_cluster(&self) -> bool {
        matches!(self.topology, Topology::Cluster(_))
    }

    /// The database that connections select.
    pub fn database(&self) -> i64 {
        self.server.redis_settings().db()
    }
}

impl fmt::Display for RedisServers {
    /// The address of the server, or of the nodes or Sentinels, and the database, without credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.topology {
            Topology::Standalone => write!(formatter, "{}", self.server.addr())?,
            Topology::Sentinel(sentinels) => write!(formatter, "{sentinels}")?,
            Topology::Cluster(map) => write!(formatter, "cluster {map}")?,
        }
        write!(formatter, "/{}", self.database())
    }
}

impl fmt::Debug for RedisServers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RedisServers({self})")
    }
}
