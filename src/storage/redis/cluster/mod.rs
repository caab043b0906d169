//! A Redis Cluster: the owners of the slots, and commands that follow them.
//!
//! All callers share one [`ClusterMap`]. Commands go to the nodes of their slots, to all of them at the same time, as one
//! pipeline for each node. A node that does not serve a slot refuses the command (`MOVED`, `ASK`, `TRYAGAIN`,
//! `CLUSTERDOWN`), and a refused command was not executed: it alone is sent again, to the node that the reply names or after
//! a pause, until the timeout. The same holds for a script that the node does not know. The map is read again after lost
//! connections, and whenever a node says that it is not the one.
//!
//! While a slot is migrated, single keys are found on either node. A script needs all of its keys on one node; it declares
//! one that never exists, so that both nodes refuse it until the slot has moved, and none stops it in the middle.

mod batch;
mod failed;
mod map;
mod nodes;
mod send;

pub(super) use self::batch::Slots;
pub(super) use self::map::ClusterMap;
pub(super) use self::nodes::ClusterNodes;
