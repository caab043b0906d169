//! The whole view, driven in tmux.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tokio::net::{TcpSocket, TcpStream};

use crate::messaging::{ADMIN, Harness, OPERATOR};
use crate::support::{Engine, command, send_signal};

/// A shell in a terminal of 80 by 24 on its own tmux server, ended when dropped.
pub(super) struct Tmux {
    socket: String,
}

impl Tmux {
    /// A shell with these variables.
    pub(super) fn with(socket: &str, variables: &[(&str, &str)]) -> Self {
        let socket = format!("{socket}-{}", std::process::id());
        let tmux = Self { socket };
        let variables: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let environment = variables.iter().flat_map(|variable| ["-e", variable.as_str()]);
        let session = ["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24"];
        tmux.run(&session.into_iter().chain(environment).chain(["sh"]).collect::<Vec<_>>());
        tmux
    }

    /// A shell of an operator.
    fn of_operator(socket: &str, url: &str) -> Self {
        Self::with(socket, &[("PRESENCE_SIDECAR_URL", url), ("OPERATOR_TOKENS", OPERATOR), ("ADMIN_TOKEN", ADMIN)])
    }

    fn run(&self, arguments: &[&str]) -> String {
        let mut command = command("tmux");
        // UTF-8, independent of the locale.
        command.args(["-u", "-L", &self.socket]).args(arguments).env_remove("TMUX").env("TERM", "screen-256color");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(super) fn keys(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    /// Waits until the terminal shows all `texts`; returns its content.
    pub(super) async fn wait_for(&self, texts: &[&str]) -> String {
        let mut shown = String::new();
        for _ in 0..600 {
            shown = tokio::task::block_in_place(|| self.run(&["capture-pane", "-p"]));
            if texts.iter().all(|text| shown.contains(text)) {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{texts:?} is not shown, but\n{shown}");
    }

    /// Waits until the view has ended, and asserts that the terminal is restored: main screen, line mode, echo.
    pub(super) async fn assert_restored(&self) {
        self.wait_for(&["ended 0"]).await;
        assert_eq!(self.run(&["display-message", "-p", "#{alternate_on}"]), "0\n");
        self.keys(&["stty -a | grep -o -e ' icanon' -e ' echo ' | tr -d '\\n' && echo '.'", "Enter"]);
        self.wait_for(&[" icanon echo ."]).await;
    }

    /// Starts the full-screen view of a command.
    pub(super) fn start(&self, command: &str) {
        self.keys(&[&format!("{} {command}; echo ended $?", env!("CARGO_BIN_EXE_presence-sidecar")), "Enter"]);
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        _ = Command::new("tmux").args(["-L", &self.socket, "kill-server"]).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_sees_clients_and_publishes_to_them() {
    require!("tmux");
    let harness = Harness::start(Engine::Sqlite).await;
    for (fingerprint, name) in [("one", "Till 1"), ("two", "Till 2")] {
        let body = json!({"fingerprint": fingerprint, "name": name});
        assert_eq!(harness.anonymous().post("/api/v1/clients/register", body).await.status, 201);
    }
    let (one, two) = (harness.register("one").await, harness.register("two").await);
    harness.publish(&[&one], "note", json!({"text": "Price list changed"})).await;
    one.poll("").await;
    one.post("/messages/send", &one.seal(&json!({"type": "chat", "payload": {"text": "thank you"}}))).await;

    let tmux = Tmux::of_operator("operator", &harness.sidecar.url);
    tmux.start("operator");
    let shown =
        tmux.wait_for(&["2 clients, 1 online", "● Till 1", "○ Till 2", "Price list changed", "thank you"]).await;
    assert!(shown.contains("▸ application note") && shown.contains("◂ sent chat"), "{shown}");
    tmux.keys(&["Down"]);
    tmux.wait_for(&["Publish to Till 2", "No messages yet."]).await;
    tmux.keys(&["-l", "Grüße, how is it going?"]);
    tmux.keys(&["Enter"]);
    tmux.wait_for(&["published to Till 2", "▸ application chat", "  Grüße, how is it going?"]).await;
    let message = two.messages("").await.remove(0);
    assert_eq!(two.open(&message).unwrap()["payload"], json!({"text": "Grüße, how is it going?"}));
    tmux.run(&["resize-window", "-x", "46", "-y", "12"]);
    let small = tmux.wait_for(&["  Grüße, how is it going?", "└──────"]).await;
    assert!(!small.contains("Clients ─"), "{small}");
    tmux.keys(&["C-c"]);
    tmux.assert_restored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn view_retries_an_unreachable_sidecar_and_restores_the_terminal_at_sigterm() {
    require!("tmux");
    let harness = Harness::start(Engine::Sqlite).await;
    // Bound but not listening: the port is reserved and refuses connections.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    let tmux = Tmux::of_operator("away", &format!("http://127.0.0.1:{port}"));
    tmux.start("operator");
    tmux.wait_for(&["retrying: http://127.0.0.1:", "does not answer"]).await;
    let device = harness.register("one").await;
    let target = harness.sidecar.url.strip_prefix("http://").unwrap().to_owned();
    let listener = socket.listen(16).unwrap();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(&target).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    let shown = tmux.wait_for(&[&device.id[..8]]).await;
    assert!(!shown.contains("retrying"), "{shown}");
    let shell = tmux.run(&["list-panes", "-F", "#{pane_pid}"]);
    let view = Command::new("ps").args(["-o", "pid=", "--ppid", shell.trim()]).output().unwrap().stdout;
    let view = String::from_utf8(view).unwrap();
    send_signal("TERM", view.trim().parse().unwrap());
    tmux.assert_restored().await;
}
