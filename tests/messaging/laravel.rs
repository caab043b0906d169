//! PHP reads the sidecar's tables, and the sidecar reads PHP's ciphertexts.

use serde_json::{Value, json};

use super::harness::{APP_KEY, Harness, crypt};
use crate::support::{Engine, command, fixture};

#[tokio::test(flavor = "multi_thread")]
async fn php_verifies_hashes_and_decrypts_secrets_and_messages_of_the_sidecar() {
    require!("laravel");
    let harness = Harness::start(Engine::Sqlite).await;
    let device = harness.register("php").await;
    harness.publish(&[&device], "event", json!({"text": "Grüße/1 😀"})).await;
    let id = device.messages("").await[0]["id"].as_i64().unwrap();
    device.acknowledge(id).await;
    let output = command("laravel")
        .arg(fixture("messaging/laravel.php"))
        .arg(harness.database.file())
        .args([APP_KEY, &device.token, &device.key])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["hash"], true);
    assert_eq!(found["wrong hash"], false);
    assert_eq!((&found["api token"], &found["personal token"]), (&json!(true), &json!(true)));
    assert_eq!((&found["type"], &found["receipt"]), (&json!("event"), &json!(id)));
    assert_eq!(found["message"]["payload"], json!({"text": "Grüße/1 😀"}));
    let encrypted = found["encrypted here"].as_str().unwrap();
    assert_eq!(crypt().decrypt(encrypted).unwrap().as_slice(), b"from PHP");
}
