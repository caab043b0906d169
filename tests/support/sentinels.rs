//! A Redis with replicas, and the Sentinels that watch it, for one test.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use presence_sidecar::storage::redis::RedisServers;
use tempfile::TempDir;

use super::free_port;
use super::redis_server::{RedisServer, address};
use super::tools::command;

/// The name of the service.
pub const SERVICE: &str = "mymaster";

/// A master, two replicas and three Sentinels on free ports, killed when dropped.
pub struct SentinelTrio {
    servers: Vec<RedisServer>,
    sentinels: Vec<(u16, Child)>,
    _folder: TempDir,
}

impl SentinelTrio {
    /// Starts all six, and waits until the Sentinels know each other and the replicas.
    pub fn start() -> Self {
        let master = RedisServer::start();
        let (host, port) = ("127.0.0.1".to_owned(), master.port().to_string());
        let replica = |_| RedisServer::start_with(&["--replicaof", &host, &port, "--repl-diskless-sync-delay", "0"]);
        let mut servers = vec![master];
        servers.extend((0..2).map(replica));
        let folder = TempDir::new().unwrap();
        let sentinels = (0..3).map(|number| start_sentinel(&folder, number, &port)).collect();
        let trio = Self { servers, sentinels, _folder: folder };
        trio.wait_until("the Sentinels know all servers", |fields| {
            fields.contains("num-slaves\n2\n") && fields.contains("num-other-sentinels\n2\n")
        });
        trio
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(40);
        for (port, _) in &self.sentinels {
            while !is_so(&cli(*port, &["SENTINEL", "MASTER", SERVICE])) {
                assert!(Instant::now() < deadline, "{what}: not at {port}");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// The master that the Sentinels name.
    pub fn servers(&self) -> RedisServers {
        let sentinels = self.sentinels.iter().map(|(port, _)| address(*port)).collect();
        RedisServers::sentinel(sentinels, SERVICE, address(1), Duration::from_secs(5)).unwrap()
    }

    /// The value of `redis.sentinels`.
    pub fn addresses(&self) -> String {
        let addresses: Vec<String> = self.sentinels.iter().map(|(port, _)| format!("127.0.0.1:{port}")).collect();
        addresses.join(",")
    }

    /// The server that the first Sentinel names.
    pub fn master(&self) -> &RedisServer {
        let named = cli(self.sentinels[0].0, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE]);
        let port: u16 = named.lines().nth(1).unwrap().parse().unwrap();
        self.servers.iter().find(|server| server.port() == port).unwrap()
    }

    /// Waits until both replicas have all that the master has written.
    pub fn wait_until_replicated(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let replication = self.master().cli(&["INFO", "replication"]);
            let offset = |line: &&str| line.split("offset=").nth(1)?.split(',').next().map(str::to_owned);
            let of_replicas: Vec<String> =
                replication.lines().filter(|line| line.starts_with("slave")).filter_map(|line| offset(&line)).collect();
            let own = replication.lines().find_map(|line| line.strip_prefix("master_repl_offset:")).unwrap_or_default();
            if of_replicas.len() == 2 && of_replicas.iter().all(|offset| offset == own.trim()) {
                return;
            }
            assert!(Instant::now() < deadline, "the replicas are behind:\n{replication}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills the master, as in a crash; returns when the Sentinels name another.
    pub fn kill_master(&mut self) {
        let port = self.master().port();
        self.servers.iter_mut().find(|server| server.port() == port).unwrap().stop();
        self.wait_until_replaced(port);
    }

    /// Has the Sentinels replace the master, as planned; returns when all of them name another.
    pub fn fail_over(&self) {
        let port = self.master().port();
        let reply = cli(self.sentinels[0].0, &["SENTINEL", "FAILOVER", SERVICE]);
        assert!(reply.starts_with("OK"), "{reply}");
        self.wait_until_replaced(port);
    }

    fn wait_until_replaced(&self, port: u16) {
        let before = format!("port\n{port}\n");
        self.wait_until("the Sentinels name another master", |fields| !fields.contains(&before));
    }
}

fn start_sentinel(folder: &TempDir, number: usize, master: &str) -> (u16, Child) {
    let port = free_port();
    let file = folder.path().join(format!("sentinel-{number}.conf"));
    let settings = format!(
        "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {SERVICE} 127.0.0.1 {master} 2\n\
         sentinel down-after-milliseconds {SERVICE} 1000\nsentinel failover-timeout {SERVICE} 5000\n",
        folder.path().display()
    );
    std::fs::write(&file, settings).unwrap();
    let child = command("redis-server").arg(&file).arg("--sentinel").stdout(Stdio::null()).spawn().unwrap();
    (port, child)
}

fn cli(port: u16, arguments: &[&str]) -> String {
    let output = command("redis-cli").args(["-p", &port.to_string()]).args(arguments).output();
    String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
}

impl Drop for SentinelTrio {
    fn drop(&mut self) {
        for (_, sentinel) in &mut self.sentinels {
            sentinel.kill().unwrap();
            sentinel.wait().unwrap();
        }
    }
}
