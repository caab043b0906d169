//! Units of systemd, the program of Supervisor, manifests of Kubernetes and the Compose file beside an app.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use presence_sidecar::config::{Sources, aliases, load};
use serde::Deserialize;
use serde_yaml::Value;
use tempfile::TempDir;

use super::{assert_understood, read, tree};
use crate::support::{Client, Process, TOKEN, free_port, send_signal};

const BINARY: &str = env!("CARGO_BIN_EXE_presence-sidecar");

/// The longest time in which the sidecar stops, in seconds.
fn shutdown_timeout() -> u64 {
    load(&Sources::default()).unwrap().config.server.shutdown_timeout.as_secs()
}

/// The values of a setting of a unit or of an INI file.
fn settings<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).collect()
}

fn seconds(text: &str, name: &str) -> u64 {
    settings(text, name)[0].parse().unwrap()
}

fn command_line(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn unit_starts_the_sidecar_and_outlasts_its_stop() {
    let unit = read("docker/systemd/presence-sidecar.service");
    assert_understood(&command_line(settings(&unit, "ExecStart")[0]));
    assert!(seconds(&unit, "TimeoutStopSec") > shutdown_timeout());
    assert_eq!((settings(&unit, "Type")[0], settings(&unit, "ExecReload")[0]), ("notify", "/bin/kill -HUP $MAINPID"));
    let package = read("docker/deb/presence.toml");
    assert!(package.contains(&format!("\"/var/lib/{}\"", settings(&unit, "StateDirectory")[0])));
    let sources = Sources { file: Some(tree("docker/deb/presence.toml")), ..Sources::default() };
    assert!(load(&sources).unwrap().warnings.is_empty());
}

#[test]
fn unit_is_hardened() {
    require!("systemd-analyze");
    let unit = tree("docker/systemd/presence-sidecar.service");
    // A threshold of 19 is an exposure of 1.9.
    let analysis =
        Command::new("systemd-analyze").args(["security", "--offline=true", "--threshold=19"]).arg(&unit).output();
    let analysis = analysis.unwrap();
    let text = String::from_utf8_lossy(&analysis.stdout);
    assert!(analysis.status.success(), "{text}{}", String::from_utf8_lossy(&analysis.stderr));
    assert!(text.contains("Overall exposure level"), "{text}");
    for file in ["presence-sidecar.service", "presence-sidecar.socket"] {
        let verified =
            Command::new("systemd-analyze").arg("verify").arg(tree("docker/systemd").join(file)).output().unwrap();
        let problems = String::from_utf8_lossy(&verified.stderr).into_owned();
        // The program and its manual page are not installed here; other units are those of this machine.
        let own = problems.lines().filter(|line| line.contains("presence-sidecar"));
        let wrong: Vec<&str> = own
            .filter(|line| !line.contains("is not executable") && !line.contains("'man presence-sidecar(1)'"))
            .collect();
        assert!(wrong.is_empty(), "{file}: {wrong:?}");
    }
}

/// The next message for systemd that is not a sign of life, or one that is.
fn next_message(socket: &UnixDatagram, is_sign_of_life: bool) -> String {
    let mut buffer = [0; 1024];
    loop {
        let length = socket.recv(&mut buffer).expect("systemd is told");
        let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if message.contains("WATCHDOG=1") == is_sign_of_life {
            return message;
        }
    }
}

#[test]
fn systemd_is_told_that_the_sidecar_is_ready_alive_and_stopping() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap().to_owned()), ("WATCHDOG_USEC", "200000".to_owned())];
    let mut sidecar = Process::start(&environment);
    let ready = next_message(&socket, false);
    assert!(ready.contains("READY=1") && ready.contains(&format!("STATUS=listening on {}", sidecar.url)), "{ready}");
    for _ in 0..3 {
        next_message(&socket, true);
    }
    send_signal("TERM", sidecar.id());
    assert!(next_message(&socket, false).contains("STOPPING=1"));
    sidecar.kill();
}

/// A program that is ended with the test.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        send_signal("TERM", self.0.id());
        _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_of_systemd_take_the_place_of_listen_and_outlive_the_sidecar() {
    require!("systemd-socket-activate");
    let folder = TempDir::new().unwrap();
    let (port, path) = (free_port(), folder.path().join("sidecar.sock"));
    let child = Command::new("systemd-socket-activate")
        .args(["--listen", &format!("127.0.0.1:{port}"), "--listen", path.to_str().unwrap()])
        .args(["--setenv", &format!("PRESENCE_TOKEN={TOKEN}"), "--setenv", "PRESENCE_CACHE_STORE=array"])
        .args(["--setenv", &format!("PRESENCE_STORAGE={}", folder.path().display())])
        // It is not used.
        .args(["--setenv", "PRESENCE_LISTEN=127.0.0.1:1"])
        .args([BINARY, "serve"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Started(child);
    // The first connection starts it.
    let client = Client::new(&format!("http://127.0.0.1:{port}"), TOKEN);
    let answer = loop {
        let connected = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
        match connected {
            Ok(_) => break client.heartbeat(1).await,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    assert_eq!(answer.json["transition"], "came_online");
    let health =
        Command::new(BINARY).args(["health", "--url", &format!("unix:{}", path.display())]).env_clear().output();
    assert!(health.unwrap().status.success(), "it answers on the second socket, too");
    drop(started);
    assert!(path.exists(), "the socket is systemd's");
}

/// The text with each of these parts replaced; a part that is not in it is a failure.
fn changed(text: String, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is not in {text}");
        text.replace(from, to)
    })
}

#[test]
fn supervisor_program_is_understood_and_outlasts_the_stop() {
    let text = read("docker/supervisor.conf");
    assert_understood(&command_line(settings(&text, "command")[0]));
    assert!(seconds(&text, "stopwaitsecs") > shutdown_timeout());
    assert_eq!(settings(&text, "stopsignal")[0], "TERM");
}

#[tokio::test(flavor = "multi_thread")]
async fn supervisor_runs_the_sidecar_and_starts_it_again() {
    require!("supervisord");
    let folder = TempDir::new().unwrap();
    let (root, port) = (folder.path().to_str().unwrap(), free_port());
    let environment = format!("environment=PRESENCE_TOKEN=\"{TOKEN}\",PRESENCE_LISTEN=\"127.0.0.1:{port}\"");
    let log_file = format!("{root}/log");
    let changes = [
        ("/usr/local/bin/presence-sidecar", BINARY),
        ("/var/lib/presence-sidecar", root),
        ("/var/log/supervisor/presence-sidecar.log", log_file.as_str()),
        ("user=www-data\n", ""),
        ("environment=PRESENCE_CONFIG=\"/etc/presence-sidecar/presence.toml\"", environment.as_str()),
    ];
    let program = changed(read("docker/supervisor.conf"), &changes);
    let configuration = folder.path().join("supervisord.conf");
    let own = format!("[supervisord]\nnodaemon=true\nlogfile={root}/supervisord.log\npidfile={root}/pid\n");
    std::fs::write(&configuration, format!("{own}\n{program}")).unwrap();
    let child = Command::new("supervisord").arg("--configuration").arg(&configuration).stdout(Stdio::null()).spawn();
    let _started = Started(child.unwrap());
    let client = Client::new(&format!("http://127.0.0.1:{port}"), TOKEN);
    let log = || std::fs::read_to_string(folder.path().join("supervisord.log")).unwrap_or_default();
    let spawned = |count: usize| {
        let log = log();
        let mut lines = log.lines().filter(|line| line.contains("spawned: 'presence-sidecar'")).map(str::to_owned);
        lines.nth(count)
    };
    for count in 0..2 {
        while spawned(count).is_none() || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(client.heartbeat(count).await.status, 200, "{}", log());
        let line = spawned(count).unwrap();
        send_signal("KILL", line.rsplit(' ').next().unwrap().parse().unwrap());
    }
}

fn documents(path: &str) -> BTreeMap<String, Value> {
    let text = read(path);
    let documents = serde_yaml::Deserializer::from_str(&text).map(|document| Value::deserialize(document).unwrap());
    documents.map(|document| (document["kind"].as_str().unwrap().to_owned(), document)).collect()
}

/// Asserts that the sidecar knows each of these variables.
fn assert_known<'a>(names: impl Iterator<Item = &'a str>) {
    for name in names {
        assert!(aliases().any(|alias| alias.name == name), "{name} means nothing to the sidecar");
    }
}

fn keys(mapping: &Value) -> Vec<&str> {
    mapping.as_mapping().unwrap().keys().map(|key| key.as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn kubernetes_manifests_fit_together_and_to_the_sidecar() {
    let all = documents("docker/kubernetes.yaml");
    assert_known(keys(&all["Secret"]["stringData"]).into_iter().chain(keys(&all["ConfigMap"]["data"])));
    let pod = &all["Deployment"]["spec"]["template"];
    let container = &pod["spec"]["containers"][0];
    let arguments = container["args"].as_sequence().unwrap().iter().map(|word| word.as_str().unwrap().to_owned());
    assert_understood(&[vec!["presence-sidecar".to_owned()], arguments.collect()].concat());
    let sidecar = Process::start(&[]);
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str().unwrap();
        assert_eq!(sidecar.client.get(path).await.status, 200, "{probe} asks {path}");
        assert_eq!(container[probe]["httpGet"]["port"], "http");
    }
    assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/up", "a store that is down restarts nothing");
    assert_eq!(pod["spec"]["enableServiceLinks"], false, "a Service named redis would set REDIS_PORT");
    let drain = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap();
    let grace = pod["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(grace > drain + shutdown_timeout() + 1, "{grace} s");
    let port = container["ports"][0]["containerPort"].as_u64().unwrap();
    assert!(all["ConfigMap"]["data"]["PRESENCE_LISTEN"].as_str().unwrap().ends_with(&format!(":{port}")));
    let labels = &pod["metadata"]["labels"];
    for selector in [
        &all["Deployment"]["spec"]["selector"]["matchLabels"],
        &all["Service"]["spec"]["selector"],
        &all["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ] {
        assert_eq!(selector, labels);
    }
    let scaled = &all["HorizontalPodAutoscaler"]["spec"];
    assert_eq!(scaled["scaleTargetRef"]["name"], all["Deployment"]["metadata"]["name"]);
    assert!(scaled["minReplicas"].as_u64() > all["PodDisruptionBudget"]["spec"]["minAvailable"].as_u64());
    assert!(container["resources"]["requests"]["cpu"].is_string(), "the autoscaler needs it");
}

#[test]
fn compose_beside_an_app_reads_its_env() {
    let text = changed(read("docker/compose.app.yaml"), &[("${PRESENCE_SIDECAR_SOURCE:-./presence-sidecar}", ".")]);
    let compose: Value = serde_yaml::from_str(&text).unwrap();
    let service = &compose["services"]["presence-sidecar"];
    assert_known(keys(&service["environment"]).into_iter());
    assert_eq!(service["env_file"][0], ".env");
    let volume = service["volumes"][0].as_str().unwrap().split(':').next().unwrap().to_owned();
    assert!(keys(&compose["volumes"]).contains(&volume.as_str()));
    let grace = service["stop_grace_period"].as_str().unwrap().trim_end_matches('s').parse::<u64>().unwrap();
    assert!(grace > shutdown_timeout());
    let check = service["healthcheck"]["test"].as_sequence().unwrap()[1..].iter();
    assert_understood(&check.map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>());
}

#[test]
fn scripts_of_the_package_can_be_run_by_dpkg() {
    for name in ["postinst", "prerm", "postrm"] {
        let path = tree("docker/deb").join(name);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o111, 0o111, "{name}");
        let checked = Command::new("sh").arg("-n").arg(&path).output().unwrap();
        assert!(checked.status.success(), "{name}: {}", String::from_utf8_lossy(&checked.stderr));
        assert!(!read(&format!("docker/deb/{name}")).contains("systemctl start"), "{name} starts nothing");
    }
}
