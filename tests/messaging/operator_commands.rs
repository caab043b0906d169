//! `presence-sidecar operator`, for scripts.

use std::process::{Command, Output};

use serde_json::{Value, json};

use super::harness::{ADMIN, Harness, OPERATOR};
use crate::support::Engine;

fn operator(harness: &Harness, tokens: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"));
    command.arg("operator").args(arguments).env_clear().envs(tokens.iter().copied());
    command.env("PRESENCE_LISTEN", harness.sidecar.url.strip_prefix("http://").unwrap());
    tokio::task::block_in_place(|| command.output().unwrap())
}

fn text_of(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_lists_clients_publishes_reads_and_revokes() {
    let harness = Harness::start(Engine::Sqlite).await;
    let run = |arguments: &[&str]| {
        let output = operator(&harness, &[("OPERATOR_TOKENS", OPERATOR), ("ADMIN_TOKEN", ADMIN)], arguments);
        assert!(output.status.success(), "{}", text_of(&output));
        text_of(&output)
    };
    assert_eq!(run(&["clients"]), "No clients.\n");
    let (one, two) = (harness.register("one").await, harness.register("two").await);
    one.poll("").await;
    let status = |id: &str| {
        let listed = run(&["clients"]);
        listed.lines().find(|line| line.starts_with(id)).unwrap().split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!((status(&one.id).as_str(), status(&two.id).as_str()), ("online", "offline"));
    let json: Value = serde_json::from_str(run(&["clients", "--json"]).lines().next().unwrap()).unwrap();
    assert!(json["created_at"].is_string());

    let to = format!("{},{}", one.id, two.id);
    assert_eq!(run(&["publish", "--to", &to, "hello"]), "Queued for 2 ids.\n");
    for _ in 0..2 {
        run(&["publish", "--to", &one.id, "--type", "n", "--payload", r#"{"n":1}"#, "--idempotency-key", "k"]);
    }
    let read = run(&["messages", &one.id]);
    let ends: Vec<&str> = read.lines().map(|line| line.split_once("application").unwrap().1.trim()).collect();
    assert_eq!(ends, ["chat  hello", r#"n  {"n":1}"#]);
    for n in 0..101 {
        harness.publish(&[&two], "count", json!({"n": n})).await;
    }
    assert_eq!(run(&["messages", &two.id, "--json"]).lines().count(), 102, "all pages");

    assert_eq!(run(&["revoke", &two.id]), format!("Revoked client {}.\n", two.id));
    assert_eq!(two.poll("").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_error_names_the_missing_token() {
    let harness = Harness::start(Engine::Sqlite).await;
    let refused = |tokens: &[(&str, &str)], arguments: &[&str]| {
        let output = operator(&harness, tokens, arguments);
        assert!(!output.status.success());
        text_of(&output)
    };
    let publish = ["publish", "--to", "11111111-1111-4111-8111-111111111111", "x"];
    assert!(refused(&[("ADMIN_TOKEN", ADMIN)], &["clients"]).contains("set OPERATOR_TOKENS"));
    assert!(refused(&[], &[]).contains("set OPERATOR_TOKENS"));
    assert!(refused(&[("OPERATOR_TOKENS", OPERATOR)], &publish).contains("set ADMIN_TOKEN"));
    let wrong = refused(&[("ADMIN_TOKEN", "another-token-than-theirs")], &publish);
    assert_eq!(wrong, "presence-sidecar: Invalid admin token (HTTP 403)\n");
    let unreachable = [("OPERATOR_TOKENS", OPERATOR), ("PRESENCE_SIDECAR_URL", "http://127.0.0.1:9")];
    assert!(refused(&unreachable, &["clients"]).contains("http://127.0.0.1:9 does not answer: "));
    let unanswered = refused(&[("ADMIN_TOKEN", ADMIN), ("PRESENCE_SIDECAR_URL", "http://127.0.0.1:9")], &publish);
    let key = unanswered.trim().rsplit_once("to retry: --idempotency-key ").unwrap().1;
    assert!(uuid::Uuid::parse_str(key).is_ok(), "{unanswered}");
    let screen = refused(&[("OPERATOR_TOKENS", OPERATOR)], &[]);
    assert!(screen.contains("cannot open the terminal"), "{screen}");
}
