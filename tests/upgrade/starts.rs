//! Starts on what 0.1.0 wrote: two at once, and again.

use std::process::Command;

use serde_json::Value;

use super::fixture::{Fixture, Store, Webhooks, operate};
use super::presence::expired;
use super::{assert_covers, eventually, list, on_every_store};
use crate::messaging::Device;
use crate::support::{Process, TOKEN};

/// Checks that a sidecar finds what 0.1.0 left, and has done once what was to be done; returns the change log.
///
/// The sidecar runs with [`Webhooks::down`], and no request has changed anything yet.
pub async fn assert_everything_is_there(fixture: &Fixture, sidecar: &Process) -> Vec<Value> {
    let log = expired(fixture, &sidecar.client).await;
    assert_covers(&log[..fixture.changes().len()].into(), &fixture.changes().into());
    for state in ["pending", "dead"] {
        let answer = sidecar.client.get(&format!("/api/v1/webhooks/deliveries?limit=1000&state={state}")).await;
        let found = list(&answer.json["data"]);
        let lost = list(&fixture.expected[state]).iter().filter(|job| !found.iter().any(|now| now["id"] == job["id"]));
        assert_eq!(lost.collect::<Vec<_>>(), Vec::<&Value>::new(), "{state}");
    }
    eventually("queued fan-out is not done", async || {
        let pending = operate(&sidecar.client, "/fan-outs?state=pending").await;
        list(&pending["data"]).is_empty().then_some(())
    })
    .await;
    for recorded in list(&fixture.expected["messages"]["clients"]) {
        let device = Device::new(&sidecar.client, recorded);
        let messages = device.messages("?cursor=-1").await;
        assert_eq!(messages.len(), list(&recorded["messages"]).len() + 1, "{}", recorded["name"]);
        assert!(messages.iter().all(|message| device.open(message).is_some()));
    }
    log
}

async fn sidecars_that_start_at_once_and_one_that_starts_later_find_the_same(fixture: Fixture) {
    let down = Webhooks::down();
    let environment = fixture.environment(down);
    let starting = [(); 2].map(|()| {
        let environment = environment.clone();
        tokio::task::spawn_blocking(move || Process::start(&environment))
    });
    let mut logs = Vec::new();
    for starting in starting {
        let mut sidecar = starting.await.unwrap();
        eventually("the sidecar is not ready", async || {
            (sidecar.client.get("/ready").await.status == 200).then_some(())
        })
        .await;
        logs.push(assert_everything_is_there(&fixture, &sidecar).await);
        assert!(sidecar.terminate().success());
    }
    let later = fixture.start(down);
    logs.push(assert_everything_is_there(&fixture, &later).await);
    assert_eq!(logs[0], logs[1], "both see one log");
    assert_eq!(logs[1], logs[2], "nothing is recorded again");
}

async fn migrations_at_once_leave_what_is_there(fixture: Fixture) {
    let environment = fixture.environment(Webhooks::down());
    let migrating = [(); 2].map(|()| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"));
        command.arg("migrate").env_clear().envs(environment.iter().cloned());
        command.env("PRESENCE_TOKEN", TOKEN).env("PRESENCE_STORAGE", "/nonexistent/storage");
        tokio::task::spawn_blocking(move || command.output().unwrap())
    });
    for migrating in migrating {
        let output = migrating.await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let table = if fixture.store == Store::Redis { "messages" } else { "sidecar_presence_changes" };
    assert_ne!(fixture.database.sql(&format!("SELECT COUNT(*) FROM {table}")).trim(), "0");
    let sidecar = fixture.start(Webhooks::down());
    assert_everything_is_there(&fixture, &sidecar).await;
}

on_every_store!(
    sidecars_that_start_at_once_and_one_that_starts_later_find_the_same,
    migrations_at_once_leave_what_is_there,
);
