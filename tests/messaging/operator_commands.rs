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
    let ends: Vec<&str> = read.lines().skip(1).map(|line| line.split_once("application").unwrap().1.trim()).collect();
    assert_eq!(ends, ["chat  hello", r#"n     {"n":1}"#]);
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
    assert!(screen.contains("needs a terminal"), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_publishes_to_no_unknown_client_and_shows_fan_outs() {
    let harness = Harness::start(Engine::Sqlite).await;
    let tokens = [("OPERATOR_TOKENS", OPERATOR), ("ADMIN_TOKEN", ADMIN)];
    let device = harness.register("known").await;
    let unknown = "0b2c8a6e-5a3f-4a51-9d57-2f6f4c1f7a10";
    let to = format!("{},{unknown}", device.id);
    let refused = operator(&harness, &tokens, &["publish", "--to", &to, "hello"]);
    let text = text_of(&refused);
    assert!(!refused.status.success() && text.contains(&format!("no client has the id {unknown}")), "{text}");
    assert_eq!(device.messages("").await, Vec::<Value>::new());
    for (arguments, expected) in
        [(&["fan-outs", "--dead"][..], "No dead messages.\n"), (&["replay-fan-outs"], "0 queued again.\n")]
    {
        assert_eq!(text_of(&operator(&harness, &tokens, arguments)), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_commands_show_status_roster_and_counts() {
    let harness = Harness::start(Engine::Sqlite).await;
    harness.sidecar.client.heartbeat("ada lovelace").await;
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"));
        command.arg("presence").args(arguments).args(["--url", &harness.sidecar.url]).env_clear();
        command.env("PRESENCE_TOKEN", crate::support::TOKEN);
        let output = tokio::task::block_in_place(|| command.output().unwrap());
        assert!(output.status.success(), "{}", text_of(&output));
        text_of(&output)
    };
    let status = run(&["status", "ada lovelace"]);
    let lines: Vec<&str> = status.lines().collect();
    assert!(lines[0].starts_with("STATUS ") && lines[1].starts_with("online "), "{status}");
    assert!(
        lines[3].ends_with("  SESSION") && lines[4].starts_with("online ") && lines[4].ends_with("  default"),
        "{status}"
    );
    assert!(run(&["roster"]).ends_with("  ada lovelace\n"));
    assert_eq!(run(&["counts"]), "ONLINE    AWAY      PRESENT\n1         0         1\n");
    assert_eq!(run(&["roster", "--tenant", "acme"]), "No users.\n");
    let json: Value = serde_json::from_str(&run(&["counts", "--json"])).unwrap();
    assert_eq!(json["present"], 1);
}

#[test]
fn any_id_is_one_segment_of_a_path() {
    let path = |id: &str| {
        let url = format!("http://sidecar.test/clients/{}/messages", presence_sidecar::client::path_segment(id));
        reqwest::Url::parse(&url).unwrap().path().to_owned()
    };
    assert_eq!(path("a b+c/d?e#f%é"), "/clients/a%20b%2Bc%2Fd%3Fe%23f%25%C3%A9/messages");
}
