//! `presence-sidecar rotate`: both values are accepted until it is finished, and nothing stored is lost.

use std::fs;
use std::path::Path;
use std::process::Output;

use super::{program, text_of};
use crate::messaging::harness::Device;
use crate::support::{Client, Process, send_signal};

fn environment(storage: &Path) -> Vec<(&'static str, String)> {
    // The token is the generated one.
    vec![("PRESENCE_STORAGE", storage.display().to_string()), ("PRESENCE_TOKEN", String::new())]
}

fn rotate(storage: &Path, arguments: &[&str]) -> Output {
    let mut command = program(&[&["rotate"], arguments].concat());
    command.env("PRESENCE_STORAGE", storage).output().unwrap()
}

fn secret(storage: &Path, name: &str) -> String {
    let text = fs::read_to_string(storage.join("secrets.env")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
    line.unwrap_or_default().to_owned()
}

async fn status(sidecar: &Process, token: &str) -> u16 {
    sidecar.client.with_token(token).get("/api/v1/presence/counts").await.status
}

/// Reloads, and waits until a token is accepted or not.
async fn reload(sidecar: &Process, token: &str, expected: u16) {
    send_signal("HUP", sidecar.id());
    while status(sidecar, token).await != expected {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_tokens_are_accepted_until_the_rotation_is_finished() {
    let storage = tempfile::TempDir::new().unwrap();
    let sidecar = Process::start(&environment(storage.path()));
    let old = secret(storage.path(), "PRESENCE_TOKEN");
    let output = rotate(storage.path(), &["token"]);
    assert!(output.status.success(), "{}", text_of(&output));
    let both = secret(storage.path(), "PRESENCE_TOKEN");
    let new = both.strip_suffix(&format!(",{old}")).unwrap();
    let printed = text_of(&output);
    assert!(!printed.contains(new), "secrets are not printed");
    assert!(printed.contains("a shell that reads the file gets the new one by ${PRESENCE_TOKEN%%,*}"), "{printed}");
    reload(&sidecar, new, 200).await;
    assert_eq!(status(&sidecar, &old).await, 200);
    assert!(rotate(storage.path(), &["token", "--finish"]).status.success());
    assert_eq!(secret(storage.path(), "PRESENCE_TOKEN"), new);
    reload(&sidecar, &old, 401).await;
    assert_eq!(status(&sidecar, new).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_keep_their_credentials_when_the_key_is_replaced() {
    let storage = tempfile::TempDir::new().unwrap();
    let sidecar = Process::start(&environment(storage.path()));
    let body = serde_json::json!({"fingerprint": "f"});
    let device =
        Device::new(&sidecar.client, &sidecar.client.post("/api/v1/clients/register", body.clone()).await.json);
    let old = secret(storage.path(), "APP_KEY");
    drop(sidecar);
    assert!(rotate(storage.path(), &["app-key"]).status.success());
    let refused = rotate(storage.path(), &["app-key", "--finish"]);
    let text = text_of(&refused);
    assert!(text.contains("APP_KEY needs no --finish: the former keys stay in APP_PREVIOUS_KEYS"), "{text}");
    assert_ne!(secret(storage.path(), "APP_KEY"), old);
    assert_eq!(secret(storage.path(), "APP_PREVIOUS_KEYS"), old);
    let sidecar = Process::start(&environment(storage.path()));
    assert_eq!(device.at(&Client::new(&sidecar.url, "")).poll("").await.status, 204);
    let again = sidecar.client.post("/api/v1/clients/register", body).await;
    assert_eq!((again.status, again.json["client_id"].as_str()), (200, Some(device.id.as_str())));
}

#[test]
fn secret_of_another_source_is_not_replaced() {
    let storage = tempfile::TempDir::new().unwrap();
    fs::write(storage.path().join("secrets.env"), "PRESENCE_WEBHOOK_SECRET=old\n# a comment\n").unwrap();
    assert!(rotate(storage.path(), &["webhook-secret", "--json"]).status.success());
    assert!(secret(storage.path(), "PRESENCE_WEBHOOK_SECRET").starts_with("whsec_"));
    assert_eq!(secret(storage.path(), "PRESENCE__WEBHOOK__PREVIOUS_SECRETS"), "old");
    let config = text_of(&program(&["config"]).env("PRESENCE_STORAGE", storage.path()).output().unwrap());
    let previous = config.lines().find(|line| line.starts_with("webhook.previous_secrets = ")).unwrap();
    assert!(previous.ends_with("secrets.env"), "{previous}");
    assert!(rotate(storage.path(), &["webhook-secret", "--finish"]).status.success());
    assert_eq!(secret(storage.path(), "PRESENCE__WEBHOOK__PREVIOUS_SECRETS"), "");
    assert!(fs::read_to_string(storage.path().join("secrets.env")).unwrap().contains("# a comment\n"));
    let unset = text_of(&rotate(storage.path(), &["user-token-secret"]));
    assert!(unset.contains("secrets.env: PRESENCE_USER_TOKEN_SECRET is not set: user tokens are signed"), "{unset}");
    let mut command = program(&["rotate", "token"]);
    command.env("PRESENCE_STORAGE", storage.path()).env("PRESENCE_TOKEN", "a-token-of-more-than-32-characters");
    let text = text_of(&command.output().unwrap());
    assert!(text.contains("auth.tokens comes from environment"), "{text}");
    let mut command = program(&["rotate", "webhook-secret"]);
    command.env("PRESENCE_STORAGE", storage.path()).env("PRESENCE__WEBHOOK__PREVIOUS_SECRETS", "set-elsewhere");
    let text = text_of(&command.output().unwrap());
    assert!(text.contains("webhook.previous_secrets comes from environment"), "{text}");
}
