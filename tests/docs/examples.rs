//! Examples in the documentation print what the program prints, apart from times, ids and addresses.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::Document;
use crate::support::{Answer, Client};

/// The address in the documentation.
const ADDRESS: &str = "http://127.0.0.1:8137";

/// How long the program may take to print something.
const PATIENCE: Duration = Duration::from_secs(30);

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"));
    command.current_dir(folder).env_clear();
    command
}

/// A sidecar without configuration, started for the first time.
struct FirstStart {
    child: Child,
    folder: TempDir,
    /// What it printed, with the address of the documentation.
    printed: Vec<String>,
    /// What it has logged until now, likewise, without times.
    logged: Vec<String>,
    log: Receiver<String>,
    url: String,
}

impl FirstStart {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut child = program(folder.path())
            .arg("serve")
            .env("PRESENCE_LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let printed = lines(child.stdout.take().unwrap());
        let log = lines(child.stderr.take().unwrap());
        let mut logged = Vec::new();
        let url = loop {
            let line = log.recv_timeout(PATIENCE).expect("the sidecar logs where it listens");
            let url = line.split("listen=\"").nth(1).map(|rest| rest.split('"').next().unwrap().to_owned());
            logged.push(without_time(&line).to_owned());
            if let Some(url) = url {
                break url;
            }
        };
        let printed = std::iter::from_fn(|| printed.recv_timeout(PATIENCE).ok());
        let mut until_docs = Vec::new();
        for line in printed {
            let is_last = line.ends_with("/docs");
            until_docs.push(line.replace(&url, ADDRESS));
            if is_last {
                break;
            }
        }
        let logged = logged.into_iter().map(|line| line.replace(&url, ADDRESS)).collect();
        Self { child, folder, printed: until_docs, logged, log, url }
    }

    /// Waits until it has logged a line of the documentation.
    fn has_logged(&mut self, shown: &str) -> bool {
        while !self.logged.iter().any(|logged| is_shown_as(logged, shown)) {
            let Ok(line) = self.log.recv_timeout(PATIENCE) else { return false };
            self.logged.push(without_time(&line).replace(&self.url, ADDRESS));
        }
        true
    }

    /// A client with the token that the start has generated.
    fn client(&self) -> Client {
        let secrets = fs::read_to_string(self.folder.path().join("storage/secrets.env")).unwrap();
        let token = secrets.lines().find_map(|line| line.strip_prefix("PRESENCE_TOKEN=")).unwrap();
        Client::new(&self.url, token.trim_matches(['"', '\'']))
    }
}

impl Drop for FirstStart {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            _ = sender.send(line);
        }
    });
    receiver
}

/// A log line without its time.
fn without_time(line: &str) -> &str {
    match line.split_once("Z  ") {
        Some((time, rest)) if time.starts_with("20") => rest,
        _ => line,
    }
}

/// Whether the documentation shows this line so: as it is, or its beginning before `…`.
fn is_shown_as(logged: &str, shown: &str) -> bool {
    shown.strip_suffix('…').map_or(logged == shown, |beginning| logged.starts_with(beginning))
}

/// The console blocks of a document that contain `word`.
fn consoles<'a>(document: &'a Document, word: &str) -> Vec<Vec<&'a str>> {
    let contains = |block: &Vec<&str>| block.iter().any(|line| line.contains(word));
    document.blocks("console").into_iter().filter(contains).collect()
}

#[test]
fn first_start_prints_what_the_readme_shows() {
    let readme = Document::read(Path::new("README.md"));
    let block = consoles(&readme, "$ presence-sidecar serve").remove(0);
    let (log, shown): (Vec<&str>, Vec<&str>) = block[1..].iter().partition(|line| without_time(line) != **line);
    let log: Vec<&str> = log.into_iter().map(without_time).collect();
    let mut start = FirstStart::new();
    assert_eq!(start.printed, shown);
    assert!(!log.is_empty());
    for line in &log {
        assert!(start.has_logged(line), "{line} is not in\n{}", start.logged.join("\n"));
    }
    for line in start.logged.iter().filter(|line| line.starts_with("INFO ")) {
        assert!(log.iter().any(|shown| is_shown_as(line, shown)), "{line} is not shown");
    }
}

/// An answer without what differs from run to run: times, ids, positions.
fn stable(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                let varies = [
                    "last_seen_at",
                    "last_online_at",
                    "seconds_ago",
                    "occurred_at",
                    "seq",
                    "id",
                    "cursor",
                    "next_cursor",
                ];
                let is_session = name == "id" && *member == "default";
                *member = match member.take() {
                    Value::Null => Value::Null,
                    _ if varies.contains(&name.as_str()) && !is_session => Value::from("…"),
                    member => stable(member),
                };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = stable(item.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    value
}

/// Does what a `curl` of the documentation does: `curl -s $U/path -H … -d 'body'`.
async fn curl(client: &Client, command: &str) -> Answer {
    let path = command.split_once("$U").unwrap().1.split(' ').next().unwrap();
    let path = format!("/api/v1/presence{path}");
    match command.split_once(" -d '") {
        Some((_, body)) => {
            let body: Value = serde_json::from_str(body.trim_end_matches('\'')).unwrap();
            client.post(&path, body).await
        }
        None => client.get(&path).await,
    }
}

/// Runs all `curl` commands of a document that show an answer; gives how many there were.
async fn assert_answers(document: &str) -> usize {
    let document = Document::read(Path::new(document));
    let start = FirstStart::new();
    let client = start.client();
    let mut count = 0;
    for block in consoles(&document, "$ curl -s $U") {
        for pair in block.windows(2) {
            let Some(command) = pair[0].strip_prefix("$ curl -s $U").map(|rest| format!("$U{rest}")) else { continue };
            let shown: Value = serde_json::from_str(pair[1]).unwrap_or_else(|error| panic!("{}: {error}", pair[1]));
            let answer = curl(&client, &command).await;
            assert_eq!(stable(answer.json).to_string(), stable(shown).to_string(), "{command}");
            count += 1;
        }
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_the_readme_are_answered_as_shown() {
    assert_eq!(assert_answers("README.md").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_the_api_guide_are_answered_as_shown() {
    assert_eq!(assert_answers("openapi/README.md").await, 7);
}

#[test]
fn configuration_is_printed_as_the_guide_shows() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("presence.toml"), "[cache]\nttl_second = 60\n").unwrap();
    let guide = Document::read(Path::new("config/README.md"));
    let mut count = 0;
    for block in consoles(&guide, "presence-sidecar config") {
        for (place, line) in block.iter().enumerate().filter(|(_, line)| line.starts_with("$ ")) {
            let shown: Vec<&str> =
                block[place + 1..].iter().copied().take_while(|line| !line.starts_with("$ ")).collect();
            let (variables, arguments) = line[2..].split_once("presence-sidecar ").unwrap();
            let arguments = arguments.split(" | head").next().unwrap().split(' ');
            let variables = variables.split_whitespace().map(|pair| pair.split_once('=').unwrap());
            let output = program(folder.path()).args(arguments).envs(variables).output().unwrap();
            let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            let limit = if line.contains(" | head") { shown.len() } else { usize::MAX };
            assert!(!shown.is_empty(), "{line}");
            assert_eq!(printed.lines().take(limit).collect::<Vec<_>>(), shown, "{line}");
            count += 1;
        }
    }
    assert_eq!(count, 3);
}
