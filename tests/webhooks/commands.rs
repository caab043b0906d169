//! The command `presence-sidecar webhooks`.

use std::process::{Command, Output};

use crate::support::{Process, Reaction, Receiver, TOKEN};

/// The output of a command for the sidecar at `address` that posts to `url`.
fn webhooks(address: &str, url: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_presence-sidecar"))
        .arg("webhooks")
        .args(arguments)
        .env_clear()
        .env("PRESENCE_TOKEN", TOKEN)
        .env("PRESENCE_LISTEN", address)
        .env("PRESENCE_WEBHOOK_URL", url)
        .env("PRESENCE_WEBHOOK_SECRET", "the-secret")
        .output()
        .unwrap()
}

fn printed(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_command_lists_and_replays_deliveries() {
    let receiver = Receiver::reacting(|number| match number {
        0 => Reaction::Answer(422, ""),
        _ => Reaction::Answer(204, ""),
    })
    .await;
    let sidecar = Process::start(&[
        ("PRESENCE_DRIVER", "webhook".to_owned()),
        ("PRESENCE_WEBHOOK_URL", receiver.url.clone()),
        ("PRESENCE_WEBHOOK_SECRET", "the-secret".to_owned()),
        ("PRESENCE__WEBHOOK__SCHEDULE", String::new()),
    ]);
    sidecar.client.heartbeat("u-1").await;
    let address = sidecar.url.strip_prefix("http://").unwrap();
    let run = |arguments: &[&str]| tokio::task::block_in_place(|| webhooks(address, &receiver.url, arguments));
    let mut listed = run(&["list", "--state", "dead"]);
    while !printed(&listed).contains("u-1") {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        listed = run(&["list", "--state", "dead"]);
    }
    let line = printed(&listed);
    assert!(line.starts_with("QUEUED AT ") && line.contains("  default   1      HTTP 422 "), "{line}");
    let id = line.split_whitespace().last().unwrap();
    let json = run(&["list", "--state", "dead", "--json"]).stdout;
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&json).unwrap()["id"], id);
    assert_eq!(printed(&run(&["replay", id])), "1 queued again.\n");
    receiver.wait_for(2).await;
    assert_eq!(printed(&run(&["replay", "--since", "2020-01-01T00:00:00Z"])), "0 queued again.\n");
    let refused = run(&["replay", id]);
    assert_eq!(
        (refused.status.success(), printed(&refused).as_str()),
        (false, "presence-sidecar: There is no such dead letter.\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_test_sends_a_signed_ping_and_prints_the_result() {
    let receiver = Receiver::reacting(|number| match number {
        0 => Reaction::Answer(200, "x-a: b\r\n"),
        _ => Reaction::Answer(503, ""),
    })
    .await;
    let run = |arguments: &[&str]| tokio::task::block_in_place(|| webhooks("127.0.0.1:9", &receiver.url, arguments));
    let taken = run(&["test"]);
    assert_eq!((taken.status.success(), printed(&taken).as_str()), (true, "default: HTTP 200\n"));
    let post = receiver.posts().remove(0);
    assert_eq!(
        (post.json()["event"].as_str(), post.json()["id"].as_str()),
        (Some("ping"), Some(post.headers["webhook-id"].as_str()))
    );
    assert!(post.headers["x-presence-signature"].starts_with("t="));
    let refused = run(&["test", "default"]);
    assert!(!refused.status.success() && printed(&refused).contains("HTTP 503"), "{}", printed(&refused));
    assert!(printed(&run(&["test", "nobody"])).contains("no endpoint is named nobody; endpoints: default"));
    let down = run(&["list"]);
    assert!(!down.status.success() && printed(&down).contains("does not answer"), "{}", printed(&down));
}
