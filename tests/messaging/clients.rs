//! Independent clients use the whole protocol, and the example in its documentation is correct.

use std::process::{Command, Output};

use presence_sidecar::messaging::seal::{SealKey, Sealed};
use serde_json::{Value, json};

use super::harness::{ADMIN, Harness};
use crate::support::{Engine, TestDatabase, command, fixture, test_tool};

/// Runs a command that must succeed; returns its output.
fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = tokio::task::block_in_place(|| command.output()).unwrap();
    assert!(status.success(), "{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn python_client_written_from_the_documentation_uses_the_whole_protocol() {
    require!(&test_tool("cryptography/bin/python"));
    let queued = [("QUEUE_CONNECTION", "database")];
    let harness = Harness::on(TestDatabase::create(Engine::Sqlite), &queued).await;
    let python = test_tool("cryptography/bin/python");
    let output = run(command(&python).arg(fixture("messaging/client.py")).args([&harness.sidecar.url, ADMIN]));
    let output: Value = serde_json::from_str(&output).unwrap();
    let ids = &output["clients"];
    let clients = harness.get_as_operator("/clients").await.json;
    for client in clients["clients"].as_array().unwrap() {
        assert_eq!((&client["id"], &client["status"]), (&ids[client["name"].as_str().unwrap()], &json!("online")));
    }
    let path = format!("/clients/{}/messages", ids["Till 2"].as_str().unwrap());
    let seen = harness.get_as_operator(&path).await.json;
    let relayed =
        seen["messages"].as_array().unwrap().iter().find(|message| message["id"] == output["relayed"]).unwrap();
    assert_eq!((&relayed["from_client_id"], &relayed["payload"]["payload"]), (&ids["Till 1"], &json!({"text": "hi"})));
}

/// Returns the value of a line `name   value` in the example of the API guide.
fn example<'a>(guide: &'a str, name: &str) -> &'a str {
    let section = guide.split("## The messaging protocol").nth(1).expect("the guide has the section");
    let example = section.split("```text").nth(1).expect("the section has an example");
    let line = example.lines().find(|line| line.split_whitespace().next() == Some(name));
    line.and_then(|line| line.split_once(char::is_whitespace)).expect(name).1.trim()
}

#[test]
fn example_of_the_protocol_decrypts() {
    let guide = std::fs::read_to_string(fixture("../openapi/README.md")).unwrap();
    let example = |name| example(&guide, name);
    let [ciphertext, nonce, tag] = ["ciphertext", "nonce", "tag"].map(|name| example(name).to_owned());
    let key = SealKey::parse(example("personal_token")).unwrap();
    let aad = format!(r#"{{"to":"{}","ts":"{}"}}"#, example("client_id"), example("created_at"));
    assert_eq!(aad, example("AAD"));
    let opened = key.open(&Sealed { ciphertext, nonce, tag }, &[aad]).unwrap();
    assert_eq!(std::str::from_utf8(&opened).unwrap(), example("plaintext"));
}

fn simulator(harness: &Harness, arguments: &[&str]) -> Command {
    let mut command = command("php");
    command.arg(fixture("../php-bridge/bin/client-simulator.php")).args(arguments);
    command.arg(format!("--url={}", harness.sidecar.url));
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn php_simulator_receives_acknowledges_and_sends() {
    require!("php");
    let harness = Harness::start(Engine::Sqlite).await;
    let (device, other) = (harness.register("php").await, harness.register("other").await);
    harness.publish(&[&device], "note", json!({"text": "Grüße/1 😀"})).await;
    let once = ["--fingerprint=php", "--once"];
    let run_once = |more: &[&str]| run(&mut simulator(&harness, &[&once[..], more].concat()));
    let lines = run_once(&[]);
    assert!(lines.ends_with("+00:00 < note  Grüße/1 😀\n"), "{lines}");
    assert_eq!(run_once(&[]), "", "the message was acknowledged");
    let sent = run_once(&["--json", "--send=hi/é", &format!("--to={}", other.id)]);
    let sent: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!((&sent["own"], &sent["payload"]), (&json!(true), &json!({"text": "hi/é"})));
    let relayed = other.messages("").await;
    assert_eq!(other.open(&relayed[0]).unwrap()["payload"], json!({"text": "hi/é"}));

    let long = format!("--fingerprint={}", "x".repeat(256));
    let refused = simulator(&harness, &["--once", &long]).output().unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("must not be greater than 255 characters. (HTTP 422)"));
    let help = run(command("php").arg(fixture("../php-bridge/bin/client-simulator.php")).arg("--help"));
    for option in ["--url=", "--fingerprint=", "--name=", "--send=", "--to=", "--type=", "--once", "--json"] {
        assert!(help.contains(option), "{option}");
    }
}
