//! `presence-sidecar client`, for people and scripts.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use presence_sidecar::client::{
    ClientError, PollBackoff, SavedCredentials, SidecarConnection, render_payload, sanitize,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::harness::{Device, Harness};
use crate::support::{Engine, TestDatabase};

/// The home directory of a user of the command.
struct Home {
    folder: TempDir,
    url: String,
}

impl Home {
    fn of(harness: &Harness) -> Self {
        Self { folder: TempDir::new().unwrap(), url: harness.sidecar.url.clone() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"));
        command.arg("client").args(arguments).env_clear().env("HOME", self.folder.path());
        command.env("PRESENCE_SIDECAR_URL", &self.url);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        tokio::task::block_in_place(|| self.command(arguments).output().unwrap())
    }

    /// Runs a command that must succeed; returns its output.
    fn run_ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join(".config/presence-sidecar/client.json")
    }

    fn device(&self, harness: &Harness) -> Device {
        Device::new(&harness.anonymous(), &serde_json::from_slice(&std::fs::read(self.file()).unwrap()).unwrap())
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn client_replaces_its_token() {
    let harness = Harness::start(Engine::Sqlite).await;
    let home = Home::of(&harness);
    home.run_ok(&["register", "--fingerprint", "rotates"]);
    let old = home.device(&harness);
    let printed = home.run_ok(&["rotate"]);
    let new = home.device(&harness);
    assert_eq!((old.poll("").await.status, new.poll("").await.status), (401, 204));
    assert!(new.key == old.key && !printed.contains(&new.token), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn client_registers_receives_and_sends_without_printing_secrets() {
    let harness = Harness::start(Engine::Sqlite).await;
    let home = Home::of(&harness);
    let missing = home.run(&["--once"]);
    assert!(!missing.status.success() && stderr(&missing).contains("register first"), "{}", stderr(&missing));

    let registered = home.run_ok(&["register", "--name", "Till 1", "--fingerprint", "till-1"]);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&home.file()), mode(home.file().parent().unwrap())), (0o600, 0o700));
    let device = home.device(&harness);
    let whoami = home.run_ok(&["whoami"]);
    assert_eq!(whoami, format!("client_id={}\nurl={}\n", device.id, home.url));
    for secret in [&device.token, &device.key] {
        assert!(!registered.contains(secret) && home.run_ok(&["whoami", "--secrets"]).contains(secret));
    }

    harness.publish(&[&device], "note", json!({"text": "one\u{1b}[2J\u{202e}"})).await;
    harness.publish(&[&device], "note", json!({"n": 1})).await;
    let printed = home.run_ok(&["--once"]);
    let lines: Vec<&str> = printed.lines().map(|line| line.split_once("+00:00 ").unwrap().1).collect();
    assert_eq!(lines, ["< note  one\u{fffd}[2J\u{fffd}", r#"< note  {"n":1}"#]);
    assert_eq!(home.run_ok(&["--once"]), "", "the messages were acknowledged");

    let other = harness.register("other").await;
    home.run_ok(&["--to", &other.id.to_uppercase(), "send", "hello", "--type", "greeting"]);
    home.run_ok(&["send", "--payload", r#"{"n": [1]}"#]);
    let relayed = other.messages("").await;
    assert_eq!((relayed.len(), &relayed[0]["type"]), (1, &json!("greeting")));
    assert_eq!(other.open(&relayed[0]).unwrap()["payload"], json!({"text": "hello"}));
    let own: Vec<Value> =
        home.run_ok(&["--once", "--json"]).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(
        own.iter().map(|own| &own["payload"]).collect::<Vec<_>>(),
        [&json!({"text": "hello"}), &json!({"n": [1]})]
    );
    assert!(own.iter().all(|own| own["own"] == true));
}

#[tokio::test(flavor = "multi_thread")]
async fn client_of_one_machine_keeps_its_credentials_and_needs_the_registration_token() {
    let closed = [("PRESENCE__REGISTRATION__TOKEN", "let-me-in-please")];
    let harness = Harness::on(TestDatabase::create(Engine::Sqlite), &closed).await;
    let home = Home::of(&harness);
    // The file is empty in images that nothing has booted.
    let has_id = std::fs::read_to_string("/etc/machine-id").is_ok_and(|id| !id.trim().is_empty());
    let fingerprint = || if has_id { vec![] } else { vec!["--fingerprint", "this-machine"] };
    let register = |more: &[&str]| home.run(&[&["register"], &fingerprint()[..], more].concat());
    let refused = register(&[]);
    assert!(!refused.status.success() && stderr(&refused).contains("set --registration-token"));
    assert!(register(&["--registration-token", "let-me-in-please"]).status.success());
    let first = std::fs::read(home.file()).unwrap();
    assert!(register(&["--registration-token", "let-me-in-please"]).status.success());
    assert_eq!(std::fs::read(home.file()).unwrap(), first);

    let revoke = format!("/api/v1/operators/clients/{}/revoke", home.device(&harness).id);
    let revoke = harness.anonymous().request(reqwest::Method::POST, &revoke);
    let revoke = revoke.header("X-Operator-Token", super::OPERATOR);
    assert_eq!(harness.anonymous().send(revoke).await.status, 200);
    for arguments in [&["--once"][..], &["send", "x"], &[]] {
        let out = home.run(arguments);
        assert!(!out.status.success() && stderr(&out).contains("register again"), "{}", stderr(&out));
    }
    std::fs::set_permissions(home.file(), std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(stderr(&home.run(&["--once"])).contains("chmod 600"));
}

/// A client that runs until it is stopped.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Running {
    fn start(home: &Home, arguments: &[&str]) -> Self {
        let mut child = home.command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn next(&mut self) -> Value {
        tokio::task::block_in_place(|| serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn running_client_sends_each_line_prints_messages_and_ends_at_ctrl_c() {
    let harness = Harness::start(Engine::Sqlite).await;
    let home = Home::of(&harness);
    home.run_ok(&["register", "--fingerprint", "till-1"]);
    let (device, other) = (home.device(&harness), harness.register("other").await);
    harness.publish(&[&device], "note", json!({"text": "first"})).await;
    let mut running = Running::start(&home, &["--json", "--to", &other.id]);
    assert_eq!(running.next()["payload"], json!({"text": "first"}));
    running.child.stdin.as_mut().unwrap().write_all("eins\n\nzwei ü\n".as_bytes()).unwrap();
    for text in ["eins", "zwei ü"] {
        let own = running.next();
        assert_eq!((&own["own"], &own["payload"]), (&json!(true), &json!({"text": text})));
    }
    let relayed = other.messages("").await;
    assert_eq!(relayed.len(), 2, "an empty line is not sent");
    drop(running.child.stdin.take());
    harness.publish(&[&device], "note", json!({"text": "last"})).await;
    assert_eq!(running.next()["payload"], json!({"text": "last"}), "it continues after the end of its input");
    crate::support::send_signal("INT", running.child.id());
    assert!(tokio::task::block_in_place(|| running.child.wait()).unwrap().success());
}

#[test]
fn poll_backoff_grows_from_3_to_30_seconds_and_resets_after_a_message() {
    let mut backoff = PollBackoff::default();
    let seconds = |wait: Duration| wait.as_secs();
    let empty: Vec<u64> = (0..6).map(|_| seconds(backoff.after(0))).collect();
    assert_eq!(empty, [3, 6, 12, 24, 30, 30]);
    assert_eq!((seconds(backoff.after(1)), seconds(backoff.after(0)), seconds(backoff.after(0))), (3, 3, 6));
    assert_eq!(backoff.after(50), Duration::ZERO, "another page may follow a full one");
    let busy = ClientError::RateLimited { retry_after: Duration::from_secs(41) };
    assert_eq!((seconds(backoff.after_failure(&busy)), seconds(backoff.after(0))), (41, 6));
    assert_eq!(seconds(backoff.after_failure(&ClientError::InvalidKey)), 12);
    backoff.reset();
    assert_eq!(seconds(backoff.after(0)), 3);
}

#[tokio::test]
async fn client_errors_name_the_cause_and_tell_if_a_retry_helps() {
    _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    for address in ["", "localhost:8137", "ftp://h", "http://"] {
        assert!(matches!(SidecarConnection::to(address), Err(ClientError::InvalidAddress(_))), "{address}");
    }
    let unreachable = SidecarConnection::to("http://127.0.0.1:9").unwrap();
    let error = unreachable.expect::<Value>(unreachable.request(reqwest::Method::GET, "/up")).await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().starts_with("http://127.0.0.1:9 does not answer: "));
    let refused = |status| ClientError::Refused { status, message: "no".to_owned(), retry_after: None };
    assert!(refused(503).is_retryable() && !refused(422).is_retryable());
    assert!(refused(401).is_unauthorized() && !refused(403).is_unauthorized());
    assert_eq!(refused(403).to_string(), "no (HTTP 403)");
    assert_eq!(
        (render_payload(&json!({"text": "a\nb"})), render_payload(&json!(["a", 1]))),
        ("a b".to_owned(), r#"["a",1]"#.to_owned())
    );
    assert_eq!(sanitize("a\u{9b}31mb"), "a\u{fffd}31mb");
}

#[test]
fn credentials_debug_shows_no_secret() {
    let [client_id, personal_token, api_token] = ["id", "the-key", "the-token"].map(str::to_owned);
    let credentials = SavedCredentials { url: String::new(), client_id, personal_token, api_token };
    assert_eq!(format!("{credentials:?}"), "SavedCredentials { client_id: \"id\", .. }");
}
