//! A Galera cluster of MariaDB for one test.

use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::free_port;
use super::sql_server::system_user;
use super::tools::assert_required;

/// Where Debian has the library of Galera.
pub const PROVIDER: &str = "/usr/lib/galera/libgalera_smm.so";

/// Three nodes on free ports, killed when dropped.
pub struct Galera {
    nodes: Vec<GaleraNode>,
    _folder: TempDir,
}

struct GaleraNode {
    port: u16,
    data: PathBuf,
    child: Option<Child>,
}

impl Galera {
    /// Starts the nodes, one after the other: each copies what the first one has.
    pub fn start() -> Self {
        assert_required("mariadbd");
        let folder = TempDir::new().unwrap();
        let buses: Vec<[u16; 3]> = (0..3).map(|_| [free_port(), free_port(), free_port()]).collect();
        let addresses: Vec<String> = buses.iter().map(|[bus, ..]| format!("127.0.0.1:{bus}")).collect();
        let mut galera = Self { nodes: Vec::new(), _folder: folder };
        for (number, bus) in buses.iter().enumerate() {
            let data = galera._folder.path().join(format!("node-{number}"));
            if number == 0 {
                install(&data);
            } else {
                std::fs::create_dir(&data).unwrap();
            }
            let [user, group] = system_user("mysql");
            for path in [galera._folder.path(), data.as_path()] {
                chown(path, user, group).unwrap();
            }
            let cluster = format!("gcomm://{}", addresses.join(","));
            galera.nodes.push(GaleraNode::start(data, *bus, &cluster, number == 0));
        }
        galera
    }

    /// The value of `database.host`.
    pub fn hosts(&self) -> String {
        let hosts: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        hosts.join(",")
    }

    /// Kills a node, as in a crash.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
    }

    /// What the client of MariaDB prints for a statement on a node.
    pub fn sql(&self, node: usize, statement: &str) -> String {
        sql(self.nodes[node].port, statement).unwrap()
    }

    /// Repeats a statement on a node, as another writer of the cluster would, until the sender is dropped.
    pub fn repeat(&self, node: usize, statement: &str) -> Sender<()> {
        let (running, stopped) = channel();
        let (port, statements) = (self.nodes[node].port, format!("{statement};").repeat(20));
        std::thread::spawn(move || {
            while stopped.try_recv() == Err(TryRecvError::Empty) {
                // A statement that the cluster refuses, as conflicting with another, is not the last.
                let _refused = sql(port, &statements);
            }
        });
        running
    }

    /// The transactions of a node that the cluster ended for those of others.
    pub fn conflicts(&self, node: usize) -> u64 {
        let status = self.sql(
            node,
            "SELECT SUM(variable_value) FROM information_schema.global_status \
             WHERE variable_name IN ('wsrep_local_bf_aborts', 'wsrep_local_cert_failures')",
        );
        status.trim().parse().unwrap()
    }
}

/// What the client of MariaDB prints, or its error.
fn sql(port: u16, statement: &str) -> Result<String, String> {
    let output = Command::new("mariadb")
        .args(["--no-defaults", "--protocol=tcp", "-u", "root", "-N", "-h", "127.0.0.1"])
        .args(["-P", &port.to_string(), "-e", statement])
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// A program as the user of the database: as root, rsync does not copy from node to node.
fn as_mysql(program: &str) -> Command {
    match system_user("mysql") {
        [None, _] => Command::new(program),
        _ => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "mysql", "--regid", "mysql", "--clear-groups", program]);
            command
        }
    }
}

fn install(data: &std::path::Path) {
    let output = Command::new("mariadb-install-db")
        .args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal", "--user=mysql"])
        .args(["--innodb-log-file-size=8M".to_owned(), format!("--datadir={}", data.display())])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

impl GaleraNode {
    fn start(data: PathBuf, [bus, incremental, whole]: [u16; 3], cluster: &str, is_first: bool) -> Self {
        let port = free_port();
        let provider = format!(
            "base_port={bus};gmcast.listen_addr=tcp://127.0.0.1:{bus};ist.recv_addr=127.0.0.1:{incremental};\
             gcache.size=16M"
        );
        let child = as_mysql("mariadbd")
            .args(["--no-defaults", "--bind-address=127.0.0.1", "--innodb-log-file-size=8M", "--wsrep-on=ON"])
            .args(["--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=32M", "--binlog-format=ROW"])
            .args(["--default-storage-engine=InnoDB", "--innodb-autoinc-lock-mode=2", "--wsrep-sst-method=rsync"])
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--socket={}", data.with_extension("sock").display()))
            .args([format!("--port={port}"), format!("--wsrep-provider={PROVIDER}")])
            .args([format!("--wsrep-cluster-address={cluster}"), format!("--wsrep-node-address=127.0.0.1:{bus}")])
            .args([format!("--wsrep-sst-receive-address=127.0.0.1:{whole}")])
            .arg(format!("--wsrep-provider-options={provider}"))
            .args(is_first.then_some("--wsrep-new-cluster"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let node = Self { port, data, child: Some(child) };
        let deadline = Instant::now() + Duration::from_secs(120);
        while !sql(port, "SHOW STATUS LIKE 'wsrep_ready'").is_ok_and(|ready| ready.contains("ON")) {
            assert!(Instant::now() < deadline, "the node in {} did not start", node.data.display());
            std::thread::sleep(Duration::from_millis(100));
        }
        node
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for GaleraNode {
    fn drop(&mut self) {
        self.kill();
    }
}
