//! The owners of the slots, as the nodes of the cluster tell them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};
use futures_util::stream::{FuturesUnordered, StreamExt};
use redis::{ConnectionAddr, ConnectionInfo, Pipeline, Value};
use tokio::sync::Mutex;

use crate::storage::redis::error::unavailable;
use crate::storage::redis::node::{Node, server_at};
use crate::storage::redis::slot::SLOTS;
use crate::storage::{Result, Unavailable};

/// The shortest time between two reads of the map.
const MIN_INTERVAL: Duration = Duration::from_millis(50);
/// How long the first answer waits for those of other nodes, which may know of a later failover.
const OTHER_ANSWERS: Duration = Duration::from_millis(50);
/// The owner of a slot that no node serves.
const NONE: u16 = u16::MAX;

/// The host and the port of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::storage::redis) struct NodeAddress {
    pub(super) host: Arc<str>,
    pub(super) port: u16,
}

/// Which node owns each slot.
#[derive(Clone, Debug)]
pub(super) struct SlotTable {
    /// How often the table was read or corrected; 0 before the first time.
    pub(super) generation: u64,
    nodes: Vec<NodeAddress>,
    /// The numbers of the servers, in the order of the nodes.
    numbers: Vec<u32>,
    owners: Box<[u16]>,
}

/// A number that stands for a server: the same for the same address.
fn number_of_address(address: &NodeAddress) -> u32 {
    // FNV-1a.
    address.to_string().bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The map of one cluster, shared by all connections to it.
pub(in crate::storage::redis) struct ClusterMap {
    seeds: Vec<ConnectionInfo>,
    timeout: Duration,
    table: ArcSwap<SlotTable>,
    asked: Mutex<Option<Instant>>,
}

/// The answer of a node.
struct Answer {
    epoch: u64,
    table: SlotTable,
}

impl SlotTable {
    fn empty() -> Self {
        Self { generation: 0, nodes: Vec::new(), numbers: Vec::new(), owners: vec![NONE; SLOTS].into() }
    }

    /// The number of the server that owns a slot; 0 if no node is known to serve it.
    pub(super) fn server_of(&self, slot: u16) -> u32 {
        let owner = self.owners.get(usize::from(slot)).map_or(NONE, |owner| *owner);
        self.numbers.get(usize::from(owner)).copied().unwrap_or(0)
    }

    /// The owner of a slot; `None` if no node is known to serve it.
    pub(super) fn owner(&self, slot: u16) -> Option<&NodeAddress> {
        self.nodes.get(usize::from(*self.owners.get(usize::from(slot))?))
    }

    /// All nodes that own slots.
    pub(super) fn nodes(&self) -> &[NodeAddress] {
        &self.nodes
    }

    fn number_of(&mut self, node: NodeAddress) -> u16 {
        let known = self.nodes.iter().position(|known| *known == node);
        let number = known.unwrap_or_else(|| {
            self.numbers.push(number_of_address(&node));
            self.nodes.push(node);
            self.nodes.len() - 1
        });
        u16::try_from(number).unwrap_or(NONE)
    }

    fn slots(&self) -> usize {
        self.owners.iter().filter(|owner| **owner != NONE).count()
    }
}

impl ClusterMap {
    pub(in crate::storage::redis) fn new(seeds: Vec<ConnectionInfo>, timeout: Duration) -> Self {
        Self { seeds, timeout, table: ArcSwap::from_pointee(SlotTable::empty()), asked: Mutex::default() }
    }

    /// The table; reads it if that was not done yet.
    pub(super) async fn table(&self) -> Result<Guard<Arc<SlotTable>>> {
        if self.table.load().generation == 0 {
            self.refresh(0).await?;
        }
        Ok(self.table.load())
    }

    /// The table as it is known.
    pub(super) fn known(&self) -> Guard<Arc<SlotTable>> {
        self.table.load()
    }

    /// Records the owner that a node named in a `MOVED`.
    pub(super) fn set_owner(&self, slot: u16, node: &NodeAddress) {
        self.table.rcu(|table| {
            if table.owner(slot) == Some(node) {
                return table.clone();
            }
            let mut table = SlotTable::clone(table);
            let number = table.number_of(node.clone());
            if let Some(owner) = table.owners.get_mut(usize::from(slot)) {
                *owner = number;
            }
            table.generation += 1;
            Arc::new(table)
        });
    }

    /// Reads the table from the nodes, unless another caller did since generation `seen`.
    pub(super) async fn refresh(&self, seen: u64) -> Result<()> {
        let began = Instant::now();
        let mut asked = self.asked.lock().await;
        if self.table.load().generation > seen {
            return Ok(());
        }
        if let Some(last) = *asked {
            if last >= began && seen > 0 {
                return Ok(());
            }
            tokio::time::sleep(MIN_INTERVAL.saturating_sub(last.elapsed())).await;
        }
        let answer = self.ask().await;
        *asked = Some(Instant::now());
        let mut table = answer?.table;
        self.table.rcu(|current| {
            table.generation = current.generation + 1;
            table.clone()
        });
        Ok(())
    }

    /// Asks all known nodes. Of the answers that come at about the same time, that of the greatest epoch counts: it knows of
    /// the latest failover.
    async fn ask(&self) -> Result<Answer> {
        let mut asking: FuturesUnordered<_> = self.known_nodes().into_iter().map(|node| self.ask_one(node)).collect();
        let mut best: Option<Answer> = None;
        let mut errors = Vec::new();
        loop {
            let next = match best {
                None => asking.next().await,
                Some(_) => tokio::time::timeout(OTHER_ANSWERS, asking.next()).await.unwrap_or(None),
            };
            match next {
                None => break,
                Some(Ok(answer)) => {
                    let rank = |answer: &Answer| (answer.epoch, answer.table.slots());
                    if best.as_ref().is_none_or(|best| rank(best) < rank(&answer)) {
                        best = Some(answer);
                    }
                }
                Some(Err(error)) => errors.push(error.reason()),
            }
        }
        best.ok_or_else(|| Unavailable::new(format!("no node of the cluster answers: {}", errors.join("; "))))
    }

    /// The configured nodes, and those of the table.
    fn known_nodes(&self) -> BTreeSet<NodeAddress> {
        let configured = self.seeds.iter().filter_map(|seed| NodeAddress::of(seed.addr()));
        configured.chain(self.table.load().nodes.iter().cloned()).collect()
    }

    async fn ask_one(&self, node: NodeAddress) -> Result<Answer> {
        let named = |error: Unavailable| Unavailable::new(format!("{node}: {}", error.reason()));
        let server = self.seeds.first().ok_or_else(|| Unavailable::new("no node is known"))?;
        // The map is the same in each database, and a node may have only the first one.
        let settings = server.redis_settings().clone().set_db(0);
        let server = server_at(server, &node.host, node.port).set_redis_settings(settings);
        let connection = Node::new(server, self.timeout).map_err(unavailable).map_err(named)?.connection();
        let mut pipeline = Pipeline::with_capacity(2);
        pipeline.cmd("CLUSTER").arg("SLOTS").cmd("CLUSTER").arg("INFO").ignore_errors();
        let replies: Vec<Value> =
            pipeline.query_async(&mut connection.clone()).await.map_err(unavailable).map_err(named)?;
        let [slots, info] = <[Value; 2]>::try_from(replies).map_err(|_| Unavailable::new("the reply is too short"))?;
        let slots = slots.extract_error().map_err(unavailable).map_err(named)?;
        let table = read_slots(&slots, &node);
        if table.nodes.is_empty() {
            return Err(named(Unavailable::new("it knows no node that serves slots")));
        }
        Ok(Answer { epoch: read_epoch(&info), table })
    }
}

/// The reply to `CLUSTER SLOTS`: the first and the last slot, and its nodes, of which the first is the master.
fn read_slots(reply: &Value, answering: &NodeAddress) -> SlotTable {
    let mut table = SlotTable::empty();
    let ranges = reply.as_sequence().unwrap_or_default().iter().filter_map(Value::as_sequence);
    for range in ranges {
        let [Value::Int(first), Value::Int(last), master, ..] = range else { continue };
        let Some([host, Value::Int(port), ..]) = master.as_sequence() else { continue };
        let host = match host {
            Value::BulkString(host) if !host.is_empty() => String::from_utf8_lossy(host).as_ref().into(),
            _ => answering.host.clone(),
        };
        let (Ok(first), Ok(last), Ok(port)) = (usize::try_from(*first), usize::try_from(*last), u16::try_from(*port))
        else {
            continue;
        };
        let number = table.number_of(NodeAddress { host, port });
        if let Some(owners) = table.owners.get_mut(first..=last) {
            owners.fill(number);
        }
    }
    table
}

/// The current epoch of the reply to `CLUSTER INFO`; 0 if the user may not ask.
fn read_epoch(reply: &Value) -> u64 {
    let text = match reply {
        Value::BulkString(text) => String::from_utf8_lossy(text),
        _ => return 0,
    };
    let epoch = text.lines().find_map(|line| line.strip_prefix("cluster_current_epoch:"));
    epoch.and_then(|epoch| epoch.trim().parse().ok()).unwrap_or(0)
}

impl NodeAddress {
    fn of(address: &ConnectionAddr) -> Option<Self> {
        match address {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Some(Self { host: host.as_str().into(), port: *port })
            }
            _ => None,
        }
    }

    /// The address of a redirection, such as `127.0.0.1:7001`; without a host it is that of `answering`.
    pub(super) fn parse(text: &str, answering: &Self) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = if host.is_empty() || host == "?" { answering.host.clone() } else { host.into() };
        Some(Self { host, port: port.parse().ok()? })
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(formatter, "[{}]:{}", self.host, self.port),
            false => write!(formatter, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for ClusterMap {
    /// The configured nodes.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<String> = self.seeds.iter().map(|seed| seed.addr().to_string()).collect();
        formatter.write_str(&nodes.join(","))
    }
}
