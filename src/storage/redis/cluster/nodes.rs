//! The connections to the nodes of a cluster: one for each node.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::{ConnectionInfo, RedisResult};

use super::map::{ClusterMap, NodeAddress};
use crate::storage::Result;
use crate::storage::redis::error::unavailable;
use crate::storage::redis::node::{Node, server_at};

/// A connection to each node that commands were sent to.
pub(in crate::storage::redis) struct ClusterNodes {
    pub(super) map: Arc<ClusterMap>,
    pub(super) timeout: Duration,
    server: ConnectionInfo,
    nodes: ArcSwap<HashMap<NodeAddress, Arc<Node>>>,
}

impl ClusterNodes {
    /// No connection yet; `server` has the credentials, the database and the certificates.
    pub(in crate::storage::redis) fn new(map: Arc<ClusterMap>, server: ConnectionInfo, timeout: Duration) -> Self {
        Self { map, timeout, server, nodes: ArcSwap::default() }
    }

    /// The connection to a node. Connections to nodes that own no slots any more are dropped when a new one is made.
    pub(super) fn node(&self, address: &NodeAddress) -> RedisResult<Arc<Node>> {
        if let Some(node) = self.nodes.load().get(address) {
            return Ok(node.clone());
        }
        let server = server_at(&self.server, &address.host, address.port);
        let node = Arc::new(Node::new(server, self.timeout)?);
        let known = self.map.known();
        self.nodes.rcu(|nodes| {
            let mut nodes = HashMap::clone(nodes);
            nodes.retain(|address, _| known.nodes().contains(address));
            nodes.entry(address.clone()).or_insert_with(|| node.clone());
            nodes
        });
        // Another caller may have been first.
        Ok(self.nodes.load().get(address).unwrap_or(&node).clone())
    }

    /// The number of the server that owns a slot, as far as is known.
    pub(in crate::storage::redis) fn server_of(&self, slot: u16) -> u32 {
        self.map.known().server_of(slot)
    }

    /// The number of nodes that own slots, as far as is known.
    pub(in crate::storage::redis) fn count(&self) -> usize {
        self.map.known().nodes().len()
    }

    /// All nodes that own slots.
    pub(in crate::storage::redis) async fn all(&self) -> Result<Vec<Arc<Node>>> {
        let table = self.map.table().await?;
        let nodes = table.nodes().iter().map(|address| self.node(address)).collect::<RedisResult<_>>();
        nodes.map_err(unavailable)
    }

    /// Has the map read again, in the background.
    pub(super) fn refresh_later(&self) {
        let (map, seen) = (self.map.clone(), self.map.known().generation);
        tokio::spawn(async move { map.refresh(seen).await });
    }
}
