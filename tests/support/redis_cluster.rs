//! A Redis Cluster for one test.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use presence_sidecar::storage::redis::RedisServers;
use tempfile::TempDir;

use super::free_port;
use super::redis_server::address;
use super::tools::{command, send_signal};

/// How long a master may be silent before the others replace it.
const NODE_TIMEOUT: &str = "1000";

/// A cluster on free ports, killed when dropped.
pub struct RedisCluster {
    nodes: Vec<ClusterNode>,
    masters: usize,
}

/// One node.
struct ClusterNode {
    port: u16,
    bus: u16,
    folder: TempDir,
    child: Option<Child>,
}

impl RedisCluster {
    /// A cluster of masters, each with this number of replicas. The slots are divided evenly.
    pub fn start(masters: usize, replicas: usize) -> Self {
        Self::start_with(masters, replicas, &[])
    }

    /// A cluster whose nodes have additional arguments.
    pub fn start_with(masters: usize, replicas: usize, arguments: &[&str]) -> Self {
        let node = |_| ClusterNode::start(arguments);
        let cluster = Self { nodes: (0..masters * (1 + replicas)).map(node).collect(), masters };
        for number in 0..masters {
            let first = 16_384 * number / masters;
            let last = 16_384 * (number + 1) / masters - 1;
            cluster.must(number, &["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
        }
        for number in 0..cluster.nodes.len() {
            cluster.must(number, &["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
        }
        for node in &cluster.nodes[1..] {
            cluster.must(0, &["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string(), &node.bus.to_string()]);
        }
        let all = format!("cluster_known_nodes:{}", cluster.nodes.len());
        cluster.wait_until("all nodes know each other", |cluster, node| {
            cluster.cli(node, &["CLUSTER", "INFO"]).contains(&all)
        });
        for replica in masters..cluster.nodes.len() {
            let master = cluster.cli((replica - masters) % masters, &["CLUSTER", "MYID"]);
            cluster.must(replica, &["CLUSTER", "REPLICATE", master.trim()]);
        }
        cluster.wait_until_ready();
        cluster
    }

    /// Waits until all running nodes serve all slots, and replicas are connected.
    pub fn wait_until_ready(&self) {
        self.wait_until("the cluster serves all slots", |cluster, node| {
            cluster.cli(node, &["CLUSTER", "INFO"]).contains("cluster_state:ok")
        });
        self.wait_until("replicas are connected", |cluster, node| {
            let replication = cluster.cli(node, &["INFO", "replication"]);
            replication.contains("role:master") || replication.contains("master_link_status:up")
        });
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&Self, usize) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let running = (0..self.nodes.len()).filter(|node| self.nodes[*node].child.is_some());
        for node in running {
            while !is_so(self, node) {
                assert!(Instant::now() < deadline, "{what}: not on node {node}");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// The servers, known by the addresses of two masters.
    pub fn servers(&self) -> RedisServers {
        let seeds = self.nodes.iter().take(2).map(|node| address(node.port)).collect();
        RedisServers::cluster(seeds, Duration::from_secs(5)).unwrap()
    }

    /// The value of `redis.cluster`.
    pub fn addresses(&self) -> String {
        let addresses: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        addresses.join(",")
    }

    /// The address of a node.
    pub fn address_of(&self, node: usize) -> String {
        format!("127.0.0.1:{}", self.nodes[node].port)
    }

    /// The number of the node that serves the slot of a key.
    pub fn owner(&self, key: &str) -> usize {
        let slot: usize = self.cli(self.running(), &["CLUSTER", "KEYSLOT", key]).trim().parse().unwrap();
        self.owner_of_slot(slot)
    }

    /// The number of the node that serves a slot.
    pub fn owner_of_slot(&self, slot: usize) -> usize {
        let slots = self.cli(self.running(), &["--json", "CLUSTER", "SLOTS"]);
        let slots: serde_json::Value = serde_json::from_str(&slots).unwrap();
        let has_slot = |range: &&serde_json::Value| {
            let bound = |place: usize| usize::try_from(range[place].as_u64().unwrap()).unwrap();
            (bound(0)..=bound(1)).contains(&slot)
        };
        let port = slots.as_array().unwrap().iter().find(has_slot).unwrap()[2][1].as_u64().unwrap();
        self.nodes.iter().position(|node| u64::from(node.port) == port).unwrap()
    }

    fn running(&self) -> usize {
        self.nodes.iter().position(|node| node.child.is_some()).unwrap()
    }

    /// Moves a slot with its keys to another node, in the steps of `redis-cli --cluster reshard`. `between` is called when
    /// the slot is being migrated, and no key has moved yet.
    pub fn migrate(&self, slot: usize, to: usize, between: impl FnOnce()) {
        let (from, number) = (self.owner_of_slot(slot), slot.to_string());
        let id = |node: usize| self.cli(node, &["CLUSTER", "MYID"]).trim().to_owned();
        self.must(to, &["CLUSTER", "SETSLOT", &number, "IMPORTING", &id(from)]);
        self.must(from, &["CLUSTER", "SETSLOT", &number, "MIGRATING", &id(to)]);
        between();
        loop {
            let keys = self.cli(from, &["CLUSTER", "GETKEYSINSLOT", &number, "100"]);
            let keys: Vec<&str> = keys.lines().filter(|key| !key.is_empty()).collect();
            if keys.is_empty() {
                break;
            }
            let port = self.nodes[to].port.to_string();
            let mut command = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
            command.extend(keys);
            self.must(from, &command);
        }
        for node in [to, from] {
            self.must(node, &["CLUSTER", "SETSLOT", &number, "NODE", &id(to)]);
        }
    }

    /// Makes a replica of the master `node` the master, as planned.
    pub fn fail_over(&self, node: usize) {
        let replica = self.replica_of(node);
        self.must(replica, &["CLUSTER", "FAILOVER"]);
        let is_master = || self.cli(replica, &["INFO", "replication"]).contains("role:master");
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_master() {
            assert!(Instant::now() < deadline, "the replica was not promoted");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Adds a node without slots; returns its number.
    pub fn add_node(&mut self) -> usize {
        let node = ClusterNode::start(&[]);
        let known = self.running();
        let bus = self.nodes[known].bus.to_string();
        let address = self.nodes[known].port.to_string();
        assert!(node.cli(&["CLUSTER", "MEET", "127.0.0.1", &address, &bus]).starts_with("OK"));
        self.nodes.push(node);
        let id = self.cli(self.nodes.len() - 1, &["CLUSTER", "MYID"]).trim().to_owned();
        self.wait_until("all nodes know the new one", |cluster, node| {
            cluster
                .cli(node, &["CLUSTER", "NODES"])
                .lines()
                .any(|line| line.starts_with(&id) && !line.contains("handshake") && !line.contains("noaddr"))
        });
        self.nodes.len() - 1
    }

    /// Adds a replica of a master; returns its number.
    pub fn add_replica(&mut self, master: usize) -> usize {
        let master = self.cli(master, &["CLUSTER", "MYID"]);
        let replica = self.add_node();
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.cli(replica, &["CLUSTER", "REPLICATE", master.trim()]).starts_with("OK") {
            assert!(Instant::now() < deadline, "the new node does not know its master");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.wait_until_ready();
        replica
    }

    /// Moves all slots of a master to another one, with their keys.
    pub fn move_all_slots(&self, from: usize, to: usize) {
        let id = |node: usize| self.cli(node, &["CLUSTER", "MYID"]).trim().to_owned();
        let slots = self.ranges_of(from).iter().map(|(first, last)| last - first + 1).sum::<u64>();
        let output = command("redis-cli")
            .args(["--cluster", "reshard", &self.address_of(to), "--cluster-yes", "--cluster-pipeline", "100"])
            .args(["--cluster-from", &id(from), "--cluster-to", &id(to), "--cluster-slots", &slots.to_string()])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}", &text[text.len().saturating_sub(500)..]);
        self.wait_until_ready();
    }

    /// Waits until another node has the slots of a master.
    pub fn wait_until_replaced(&self, node: usize) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.ranges_of(node).is_empty() {
            assert!(Instant::now() < deadline, "no new master was elected");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The first and the last slot of each range of a master.
    fn ranges_of(&self, node: usize) -> Vec<(u64, u64)> {
        let slots = self.cli(self.running(), &["--json", "CLUSTER", "SLOTS"]);
        let slots: serde_json::Value = serde_json::from_str(&slots).unwrap();
        let ranges = slots.as_array().unwrap().iter();
        let own = ranges.filter(|range| range[2][1].as_u64() == Some(u64::from(self.nodes[node].port)));
        own.map(|range| (range[0].as_u64().unwrap(), range[1].as_u64().unwrap())).collect()
    }

    /// The number of a replica of the master `node`, as it was at the start.
    pub fn replica_of(&self, node: usize) -> usize {
        node + self.masters
    }

    /// Kills a node, as in a crash.
    pub fn stop(&mut self, node: usize) {
        if let Some(mut child) = self.nodes[node].child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Freezes a node (`SIGSTOP`) or resumes it (`SIGCONT`).
    pub fn signal(&self, node: usize, name: &str) {
        send_signal(name, self.nodes[node].child.as_ref().unwrap().id());
    }

    /// Runs a command on one node with redis-cli; returns the output.
    pub fn cli(&self, node: usize, arguments: &[&str]) -> String {
        self.nodes[node].cli(arguments)
    }

    /// Runs a command on the node that serves `key`.
    pub fn cli_at(&self, key: &str, arguments: &[&str]) -> String {
        self.cli(self.owner(key), arguments)
    }

    fn must(&self, node: usize, arguments: &[&str]) {
        let reply = self.cli(node, arguments);
        assert!(reply.starts_with("OK") || reply.starts_with("NOKEY"), "{arguments:?}: {reply}");
    }
}

impl ClusterNode {
    fn start(arguments: &[&str]) -> Self {
        let (port, bus, folder) = (free_port(), free_port(), TempDir::new().unwrap());
        let child = command("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--cluster-enabled", "yes"])
            .args(["--cluster-port", &bus.to_string(), "--cluster-node-timeout", NODE_TIMEOUT])
            .args(["--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0", "--dir"])
            .arg(folder.path())
            .args(arguments)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let node = Self { port, bus, folder, child: Some(child) };
        let deadline = Instant::now() + Duration::from_secs(10);
        while !node.cli(&["PING"]).starts_with("PONG") {
            assert!(Instant::now() < deadline, "redis-server did not start in {:?}", node.folder.path());
            std::thread::sleep(Duration::from_millis(10));
        }
        node
    }

    fn cli(&self, arguments: &[&str]) -> String {
        let output = command("redis-cli").args(["-p", &self.port.to_string()]).args(arguments).output();
        String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
    }
}

impl Drop for RedisCluster {
    fn drop(&mut self) {
        (0..self.nodes.len()).for_each(|node| self.stop(node));
    }
}
