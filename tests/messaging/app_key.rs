//! A database whose clients were encrypted with another `APP_KEY`.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::harness::{APP_KEY, Device, Harness, environment};
use crate::support::{ENGINES, Engine, Process, TestDatabase};

/// Another key than that of the tests.
const OTHER: &str = "base64:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const REGISTER: &str = "/api/v1/clients/register";

/// The stored secrets of all clients.
fn secrets(database: &TestDatabase) -> Vec<String> {
    database.lines("SELECT api_token_hash, api_token_encrypted, encryption_key_encrypted FROM clients ORDER BY id")
}

#[tokio::test(flavor = "multi_thread")]
async fn registration_never_replaces_a_key_of_another_app_key() {
    for engine in ENGINES {
        let Harness { database, sidecar } = Harness::start(engine).await;
        let first = sidecar.client.with_token("").post(REGISTER, json!({"fingerprint": "till-1"})).await;
        assert_eq!(first.status, 201);
        let stored = secrets(&database);
        drop(sidecar);

        let other = Harness::on(database, &[("APP_KEY", OTHER)]).await;
        let refused = other.anonymous().post(REGISTER, json!({"fingerprint": "till-1", "name": "Till"})).await;
        assert_eq!(refused.status, 409, "{}", refused.text);
        assert!(refused.json["message"].as_str().unwrap().contains("another APP_KEY"), "{}", refused.text);
        assert_eq!(secrets(&other.database), stored, "{engine:?}");
        assert_eq!(other.anonymous().post(REGISTER, json!({"fingerprint": "till-2"})).await.status, 201);

        let both = Harness::on(other.database, &[("APP_KEY", OTHER), ("APP_PREVIOUS_KEYS", APP_KEY)]).await;
        let found = both.anonymous().post(REGISTER, json!({"fingerprint": "till-1"})).await;
        assert_eq!((found.status, found.json), (200, first.json.clone()), "{engine:?}");

        let told = [("APP_KEY", OTHER), ("PRESENCE__REGISTRATION__REPLACE_LOST_KEYS", "true")];
        let replacing = Harness::on(both.database, &told).await;
        let replaced = replacing.anonymous().post(REGISTER, json!({"fingerprint": "till-1"})).await;
        assert_eq!((replaced.status, &replaced.json["client_id"]), (200, &first.json["client_id"]));
        assert_ne!(replaced.json["personal_token"], first.json["personal_token"]);
        let device = Device::new(&replacing.anonymous(), &replaced.json);
        assert_eq!(device.poll("").await.status, 204, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn registration_replaces_a_token_that_does_not_decrypt_and_keeps_the_key() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let before = harness.register("till-1").await;
        for lost in ["'gone'", "NULL"] {
            harness.database.sql(&format!("UPDATE clients SET api_token_encrypted = {lost}"));
            let after = harness.register("till-1").await;
            assert_eq!((&after.id, &after.key), (&before.id, &before.key), "{engine:?}");
            assert_ne!(after.token, before.token);
            assert_eq!(after.poll("").await.status, 204);
        }
    }
}

/// Waits until the log of a sidecar has this text.
fn logged(process: &Process, text: &str) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !process.log().contains(text) {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn another_app_key_is_an_error_in_the_log_of_the_start_and_in_doctor() {
    let Harness { database, sidecar } = Harness::start(Engine::Sqlite).await;
    for fingerprint in ["one", "two"] {
        let registered = sidecar.client.with_token("").post(REGISTER, json!({"fingerprint": fingerprint})).await;
        assert_eq!(registered.status, 201);
    }
    drop(sidecar);
    let doctor = |key: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"));
        let environment = environment(&database, &[("APP_KEY", key)]);
        let output = command.arg("doctor").env_clear().envs(environment).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };

    let sidecar = Process::start(&environment(&database, &[("APP_KEY", OTHER)]));
    let problem = "2 of 2 stored client keys cannot be decrypted: they were encrypted with another APP_KEY";
    assert!(logged(&sidecar, problem), "{}", sidecar.log());
    let line = sidecar.log().lines().find(|line| line.contains(problem)).unwrap().to_owned();
    assert!(line.contains("\"ERROR\"") && line.contains("APP_PREVIOUS_KEYS") && line.contains("secrets.env"), "{line}");
    assert!(!sidecar.log().contains(OTHER.trim_start_matches("base64:")));
    let found = doctor(OTHER);
    assert!(found.contains(&format!("FIX  keys: {problem}")), "{found}");
    assert!(doctor(APP_KEY).contains("ok   keys: 2 of 2 stored client keys decrypt"), "{}", doctor(APP_KEY));

    // As after a restore of the database alone: the first start generates a key beside existing clients.
    let mut generated = environment(&database, &[]);
    generated.retain(|(name, _)| *name != "APP_KEY");
    assert!(logged(&Process::start(&generated), problem));
}
