//! `presence-sidecar presence`: what it shows of a running sidecar.

use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use super::{program, text_of};
use crate::support::{Process, TOKEN, free_port, send_signal};

fn presence(url: &str, arguments: &[&str]) -> Output {
    let arguments = [&["presence"], arguments, &["--url", url]].concat();
    program(&arguments).env("PRESENCE_SIDECAR_TOKEN", TOKEN).output().unwrap()
}

fn shown(url: &str, arguments: &[&str]) -> String {
    let output = presence(url, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text_of(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_list_changes_history_and_reasons() {
    let sidecar = Process::start(&[]);
    for body in [
        json!({"user_id": "ada lovelace", "scope": {"tenant": "acme"}}),
        json!({"user_id": "ada lovelace", "scope": {"tenant": "acme"}, "active": false}),
        json!({"user_id": 7}),
    ] {
        sidecar.client.post("/api/v1/presence/heartbeat", body).await;
    }
    let run = |arguments: &[&str]| tokio::task::block_in_place(|| shown(&sidecar.url, arguments));

    let changes = run(&["changes"]);
    let lines: Vec<&str> = changes.lines().collect();
    assert!(lines[0].starts_with("TIME ") && lines[0].ends_with("SCOPE"), "{changes}");
    assert_eq!(lines.len(), 4);
    assert!(
        lines[2].contains("  online   away     heartbeat ") && lines[2].ends_with("tenant=acme guard=web"),
        "{changes}"
    );
    let objects_of = |arguments: &[&str]| objects(&run(&[arguments, &["--json"]].concat()));
    let all = objects_of(&["changes"]);
    assert_eq!(objects_of(&["changes", "--user", "7"]), [all[2].clone()]);
    assert_eq!(objects_of(&["changes", "--tenant", "acme"]), all[..2]);
    assert_eq!(objects_of(&["changes", "--limit", "2"]), all[..2]);
    let cursor = all[1]["cursor"].as_str().unwrap();
    assert_eq!(objects_of(&["changes", "--after", cursor]), [all[2].clone()]);

    let history = run(&["history", "ada lovelace", "--tenant", "acme"]);
    assert!(history.lines().nth(1).unwrap().contains("  online   away "), "{history}");
    assert_eq!(run(&["history", "ada lovelace", "--tenant", "acme", "--limit", "1"]).lines().count(), 2);
    let explained = run(&["explain", "7"]);
    assert!(explained.starts_with("online since ") && explained.contains("What would change it:\n  - "), "{explained}");
    assert!(explained.contains("\nACTIVE  LAST SEEN "), "{explained}");
    assert_eq!(objects_of(&["explain", "7"])[0]["status"], "online");
    assert_eq!(run(&["roster", "--tenant", "acme", "--status", "online"]), "");
    assert!(run(&["roster", "--tenant", "acme", "--status", "away"]).ends_with("  ada lovelace\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_prints_changes_as_they_happen_and_continues_after_a_lost_connection() {
    let listen = format!("127.0.0.1:{}", free_port());
    let storage = tempfile::TempDir::new().unwrap();
    let environment = [
        ("PRESENCE_LISTEN", listen),
        ("PRESENCE_STORAGE", storage.path().to_str().unwrap().to_owned()),
        ("PRESENCE_CACHE_STORE", "database".to_owned()),
    ];
    let sidecar = Process::start(&environment);
    sidecar.client.heartbeat("before").await;
    let mut watch = program(&["presence", "watch", "--json", "--after", "0-0", "--url", &sidecar.url])
        .env("PRESENCE_SIDECAR_TOKEN", TOKEN)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = || {
        let line = tokio::task::block_in_place(|| lines.next().unwrap().unwrap());
        serde_json::from_str::<Value>(&line).unwrap()["user_id"].clone()
    };
    assert_eq!(next(), "before");
    sidecar.client.heartbeat("while").await;
    assert_eq!(next(), "while");
    drop(sidecar);
    let sidecar = Process::start(&environment);
    sidecar.client.heartbeat("after").await;
    assert_eq!(next(), "after");
    send_signal("INT", watch.id());
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_token_and_unreachable_sidecar_are_named_with_a_fix() {
    let sidecar = Process::start(&[]);
    let run = |url: &str, token: &str| {
        let arguments = ["presence", "counts", "--url", url, "--token", token];
        tokio::task::block_in_place(|| program(&arguments).output().unwrap())
    };
    let right = run(&sidecar.url, TOKEN);
    assert!(right.status.success() && text_of(&right).starts_with("ONLINE "), "{}", text_of(&right));
    let refused = text_of(&run(&sidecar.url, "not-the-token-of-it"));
    assert!(
        refused.contains("does not accept the token") && refused.contains("set PRESENCE_TOKEN or --token"),
        "{refused}"
    );
    assert!(!refused.contains("not-the-token-of-it"), "{refused}");
    let away = text_of(&run("http://127.0.0.1:9", TOKEN));
    assert!(away.contains("http://127.0.0.1:9 does not answer: ") && away.contains("--url"), "{away}");
    for arguments in [&["watch"][..], &["changes"]] {
        let gone = presence(&sidecar.url, &[arguments, &["--after", "nonsense"]].concat());
        assert_eq!(gone.status.code(), Some(1), "{}", text_of(&gone));
    }
}
