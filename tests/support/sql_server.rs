//! Real databases of the tests' own: MariaDB and Postgres servers, SQLite files.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use uuid::Uuid;

use super::free_port;
use super::sqlite_file::{self, HeldFile};
use super::tools::{assert_required, is_skipped, send_signal};

/// An engine that the sidecar can keep clients and messages in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// A MariaDB server.
    MariaDb,
    /// A Postgres server.
    Postgres,
}

impl Engine {
    /// Whether this run is about it: `PRESENCE_SIDECAR_TESTS_ENGINES` names it, or names none.
    fn is_selected(self) -> bool {
        let selected = std::env::var("PRESENCE_SIDECAR_TESTS_ENGINES").unwrap_or_default();
        selected.is_empty() || selected.split(',').any(|name| name == format!("{self:?}").to_lowercase())
    }

    /// The program of its server, if it has one.
    pub fn server(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::MariaDb => Some("mariadbd"),
            Self::Postgres => Some("postgres"),
        }
    }
}

/// All of them that this run is about, without those whose server is skipped.
pub const ENGINES: Engines = Engines;

/// See [`ENGINES`].
pub struct Engines;

impl Engines {
    /// Those that have a server.
    pub fn servers(self) -> impl Iterator<Item = Engine> {
        self.into_iter().filter(|engine| engine.server().is_some())
    }
}

impl IntoIterator for Engines {
    type Item = Engine;
    type IntoIter = std::vec::IntoIter<Engine>;

    fn into_iter(self) -> Self::IntoIter {
        let mut engines = vec![Engine::Sqlite, Engine::MariaDb, Engine::Postgres];
        engines.retain(|engine| engine.is_selected() && !engine.server().is_some_and(is_skipped));
        engines.into_iter()
    }
}

/// A server on a free port, in a temporary folder, stopped when dropped.
pub struct SqlServer {
    engine: Engine,
    port: u16,
    folder: TempDir,
    options: ServerOptions,
    child: Option<Child>,
}

/// What is special about a server.
#[derive(Default)]
pub struct ServerOptions {
    /// The folder that its own one is created in, such as a small disk.
    pub parent: Option<PathBuf>,
    /// More arguments of the server program.
    pub arguments: Vec<String>,
    /// The time zone, as `TZ` names it.
    pub zone: Option<String>,
}

impl SqlServer {
    /// A server that keeps its data in memory for long, since no test takes away the power.
    pub fn start(engine: Engine) -> Self {
        Self::start_with(engine, ServerOptions::default())
    }

    /// One with options of its own.
    pub fn start_with(engine: Engine, options: ServerOptions) -> Self {
        assert_required(engine.server().expect("SQLite has no server"));
        let parent = options.parent.clone().unwrap_or_else(std::env::temp_dir);
        let folder = TempDir::new_in(parent).unwrap();
        let mut server = Self { engine, port: free_port(), folder, options, child: None };
        server.install();
        server.run();
        server
    }

    /// A replica of a Postgres, which has what it has so far.
    pub fn replica_of(primary: &Self) -> Self {
        let folder = TempDir::new().unwrap();
        let [user, group] = postgres_user();
        chown(folder.path(), user, group).unwrap();
        let (engine, options) = (primary.engine, ServerOptions::default());
        let mut replica = Self { engine, port: free_port(), folder, options, child: None };
        let output = postgres("pg_basebackup")
            .args(["-h", "127.0.0.1", "-p", &primary.port.to_string(), "-U", "root", "-R", "-X", "stream"])
            .args(["-c", "fast", "-D"])
            .arg(replica.data())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        replica.run();
        replica
    }

    /// Makes a replica of Postgres the primary.
    pub fn promote(&self) {
        assert_eq!(self.try_sql("", "SELECT pg_promote(true, 60)").unwrap().trim(), "t");
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where it keeps its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A MariaDB that starts clears what others have in the same folder.
    fn temporary(&self) -> String {
        format!("--tmpdir={}", self.folder.path().display())
    }

    fn install(&self) {
        let command = match self.engine {
            Engine::Sqlite => panic!("SQLite has no server"),
            Engine::MariaDb => Command::new("mariadb-install-db")
                .args(["--no-defaults", "--user=root", "--skip-test-db", "--auth-root-authentication-method=normal"])
                .args(["--innodb-log-file-size=8M", &format!("--datadir={}", self.data().display())])
                .arg(self.temporary())
                .output(),
            Engine::Postgres => {
                let [user, group] = postgres_user();
                chown(self.folder.path(), user, group).unwrap();
                postgres("initdb")
                    .args(["-U", "root", "--auth=trust", "--no-sync", "-E", "UTF8", "-D"])
                    .arg(self.data())
                    .output()
            }
        };
        let output = command.expect("the server is installed by tests/run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts it again on the same port, after [`SqlServer::stop`].
    pub fn run(&mut self) {
        let (port, folder) = (self.port.to_string(), self.folder.path().display());
        let mut command = match self.engine {
            Engine::Sqlite => panic!("SQLite has no server"),
            Engine::MariaDb => {
                let mut command = Command::new("mariadbd");
                command.args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1", "--innodb-log-file-size=8M"]);
                command.args(["--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M", "--port", &port]);
                command.args([format!("--datadir={}", self.data().display()), format!("--socket={folder}/sql.sock")]);
                command.arg(self.temporary());
                command
            }
            Engine::Postgres => {
                let mut command = postgres("postgres");
                command.arg("-D").arg(self.data()).args(["-p", &port, "-k", &folder.to_string()]);
                command.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=200"]);
                command
            }
        };
        command.args(&self.options.arguments).envs(self.options.zone.as_ref().map(|zone| ("TZ", zone)));
        self.child = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(120);
        while self.try_sql("", "SELECT 1").is_err() {
            assert!(Instant::now() < deadline, "{:?} did not start", self.engine);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops it as a crash would, without leaving anything in the system.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // One that is frozen would not hear it.
            send_signal("CONT", child.id());
            send_signal(if self.engine == Engine::Postgres { "QUIT" } else { "KILL" }, child.id());
            child.wait().unwrap();
        }
    }

    /// Starts it again if it has ended by itself.
    pub fn run_if_ended(&mut self) {
        if self.child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some()) {
            self.run();
        }
    }

    /// Freezes MariaDB (`STOP`) or lets it go on (`CONT`). Postgres is many processes, which do not freeze together.
    pub fn signal(&self, name: &str) {
        send_signal(name, self.child.as_ref().unwrap().id());
    }

    /// The engine's own client, as root.
    fn client(&self, database: &str) -> Command {
        self.client_as("root", database)
    }

    fn client_as(&self, user: &str, database: &str) -> Command {
        let (port, host) = (self.port.to_string(), "127.0.0.1");
        match self.engine {
            Engine::Sqlite => panic!("SQLite has no server"),
            Engine::MariaDb => {
                let mut client = Command::new("mariadb");
                client.args([
                    "--no-defaults",
                    "--protocol=tcp",
                    "-u",
                    user,
                    "-N",
                    "--unbuffered",
                    "-h",
                    host,
                    "-P",
                    &port,
                ]);
                client.args((!database.is_empty()).then_some(database));
                client
            }
            Engine::Postgres => {
                let database = if database.is_empty() { "postgres" } else { database };
                let mut client = Command::new("psql");
                client.args(["-X", "-A", "-t", "-U", user, "-h", host, "-p", &port, "-d", database]);
                client
            }
        }
    }

    fn try_sql(&self, database: &str, statement: &str) -> Result<String, String> {
        let flag = if self.engine == Engine::Postgres { "-c" } else { "-e" };
        let output = self.client(database).args([flag, statement]).output();
        let output = output.expect("the client is installed by tests/run");
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

impl Drop for SqlServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where Debian has the programs of the newest Postgres.
pub fn postgres_programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let newest = versions.map(|entry| entry.unwrap().path()).max()?;
    Some(newest.join("bin")).filter(|folder| folder.join("postgres").is_file())
}

/// A program of Postgres, which does not run as root.
fn postgres(program: &str) -> Command {
    let program = postgres_programs().unwrap().join(program);
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(program).current_dir("/");
    command
}

/// The user and the group that Postgres runs as, if the tests run as root.
pub fn postgres_user() -> [Option<u32>; 2] {
    system_user("postgres")
}

/// The numbers of a system user and its group, if the tests run as root.
pub fn system_user(name: &str) -> [Option<u32>; 2] {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return [None, None];
    }
    let of = |flag: &str| {
        let output = Command::new("id").args([flag, name]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    };
    [of("-u"), of("-g")]
}

/// A server that tests which run side by side share; it goes with the last of them.
fn shared(engine: Engine) -> Arc<Mutex<SqlServer>> {
    static SERVERS: Mutex<[Weak<Mutex<SqlServer>>; 2]> = Mutex::new([Weak::new(), Weak::new()]);
    let mut servers = SERVERS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let place = &mut servers[usize::from(engine == Engine::Postgres)];
    if let Some(server) = place.upgrade() {
        return server;
    }
    let server = Arc::new(Mutex::new(SqlServer::start(engine)));
    *place = Arc::downgrade(&server);
    server
}

/// A database in which another connection holds locks until this is dropped.
pub enum HeldDatabase {
    /// The connection is to an SQLite file.
    File {
        /// It ends when this is dropped.
        _connection: HeldFile,
    },
    /// The connection is of a server's own client.
    Server {
        /// The client ends when its input does.
        _orders: ChildStdin,
    },
}

/// A client that has executed `statements` and keeps its connection; `None` if it failed.
fn held_by(mut command: Command, statements: &str) -> Option<HeldDatabase> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let child = child.as_mut().map(|child| (child.stdin.take().unwrap(), child.stdout.take().unwrap()));
    let (mut orders, answers) = child.expect("the client is installed by tests/run");
    orders.write_all(format!("{statements}; SELECT 'held';\n").as_bytes()).ok()?;
    let held = BufReader::new(answers).lines().any(|line| line.unwrap() == "held");
    held.then_some(HeldDatabase::Server { _orders: orders })
}

/// An empty database of a test's own.
pub struct TestDatabase {
    /// The engine it is in.
    pub engine: Engine,
    name: String,
    server: Option<Arc<Mutex<SqlServer>>>,
    folder: TempDir,
}

impl TestDatabase {
    /// One on a shared server, or in a file.
    pub fn create(engine: Engine) -> Self {
        Self::on(engine, (engine != Engine::Sqlite).then(|| shared(engine)))
    }

    /// One on a server of the test's own.
    pub fn create_on(server: &Arc<Mutex<SqlServer>>) -> Self {
        let engine = server.lock().unwrap().engine;
        Self::on(engine, Some(server.clone()))
    }

    fn on(engine: Engine, server: Option<Arc<Mutex<SqlServer>>>) -> Self {
        let database =
            Self { engine, name: format!("t{}", Uuid::new_v4().simple()), server, folder: TempDir::new().unwrap() };
        if let Some(server) = &database.server {
            server.lock().unwrap().try_sql("", &format!("CREATE DATABASE {}", database.name)).unwrap();
        }
        database
    }

    /// The name, on a server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Moves the tables of MariaDB, of which there are none yet, to another disk. The log of the server stays: it is mapped into
    /// memory, which is no place for a full disk.
    pub fn move_tables_to(&self, disk: &Path) {
        let server = self.server.as_ref().expect("the database has a server").lock().unwrap();
        let (tables, moved) = (server.data().join(&self.name), disk.join("tables"));
        std::fs::remove_dir_all(&tables).unwrap();
        std::fs::create_dir(&moved).unwrap();
        std::os::unix::fs::symlink(moved, tables).unwrap();
    }

    /// The file of an SQLite database.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("database.sqlite")
    }

    /// A file that is there already, copied.
    pub fn of_file(file: &Path) -> Self {
        let database = Self::create(Engine::Sqlite);
        std::fs::copy(file, database.file()).unwrap();
        database
    }

    /// Keeps everybody else from writing to an SQLite database until it is dropped.
    pub fn hold(&self) -> HeldDatabase {
        self.hold_with("BEGIN IMMEDIATE")
    }

    /// Begins a transaction and keeps it open until it is dropped.
    pub fn hold_with(&self, statements: &str) -> HeldDatabase {
        let Some(server) = &self.server else {
            return HeldDatabase::File { _connection: HeldFile::after(&self.file(), statements) };
        };
        let command = server.lock().unwrap().client(&self.name);
        held_by(command, statements).unwrap_or_else(|| panic!("{statements} failed"))
    }

    /// Keeps a connection of another user open until it is dropped; `None` if the server refuses it.
    pub fn try_hold_as(&self, user: &str, statements: &str) -> Option<HeldDatabase> {
        let server = self.server.as_ref().expect("the database has a server").lock().unwrap();
        held_by(server.client_as(user, &self.name), statements)
    }

    /// As [`sql`](Self::sql), or the error of the statement. The database must be on a server.
    pub fn try_sql(&self, statement: &str) -> Result<String, String> {
        let server = self.server.as_ref().expect("the database has a server").lock().unwrap();
        server.try_sql(&self.name, statement)
    }

    /// The names of Laravel that lead here.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let Some(server) = &self.server else {
            return vec![("DB_CONNECTION", "sqlite".to_owned()), ("DB_DATABASE", self.file().display().to_string())];
        };
        let connection = if self.engine == Engine::MariaDb { "mysql" } else { "pgsql" };
        vec![
            ("DB_CONNECTION", connection.to_owned()),
            ("DB_PORT", server.lock().unwrap().port.to_string()),
            ("DB_DATABASE", self.name.clone()),
            ("DB_USERNAME", "root".to_owned()),
        ]
    }

    /// What the engine's own client prints for a statement, without headings.
    pub fn sql(&self, statement: &str) -> String {
        let Some(server) = &self.server else {
            return sqlite_file::run(&self.file(), statement);
        };
        // A failed test must not poison the server that others share.
        let output = server.lock().unwrap().try_sql(&self.name, statement);
        output.unwrap_or_else(|error| panic!("{statement}: {error}"))
    }

    /// The lines that a statement prints.
    pub fn lines(&self, statement: &str) -> Vec<String> {
        self.sql(statement).lines().map(|line| line.replace('\t', "|")).collect()
    }
}
