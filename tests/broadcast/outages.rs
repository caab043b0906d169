//! A broadcast server that is away, and comes back.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{metric, publishing_to, statuses_of};
use crate::support::{HeldPort, Receiver, Reverb};

#[tokio::test(flavor = "multi_thread")]
async fn newest_states_arrive_within_two_seconds_of_the_return_and_webhooks_never_wait() {
    let receiver = Receiver::start().await;
    let port = HeldPort::new();
    let away = Reverb::on(&port).await;
    let sidecar = publishing_to(
        &away,
        &[
            ("PRESENCE_DRIVER", "webhook"),
            ("PRESENCE_WEBHOOK_URL", &receiver.url),
            ("PRESENCE_WEBHOOK_SECRET", "secret"),
        ],
    )
    .await;
    drop(away);
    for call in ["heartbeat", "offline", "heartbeat"] {
        for user in 0..50 {
            let started = Instant::now();
            let path = format!("/api/v1/presence/{call}");
            assert_eq!(sidecar.client.post(&path, json!({"user_id": user})).await.status, 200);
            assert!(started.elapsed() < Duration::from_secs(1), "heartbeats do not wait for broadcasts");
        }
    }
    receiver.wait_for(150).await;
    let outage = if crate::support::is_too_slow() { 3 } else { 30 };
    tokio::time::sleep(Duration::from_secs(outage)).await;
    let server = Reverb::on(&port).await;
    let back = Instant::now();
    let is_online = |events: &[crate::support::Published], user: usize| {
        statuses_of(events, &json!(user)).last().is_some_and(|status| status == "online")
    };
    let events = server.wait_until(|events| (0..50).all(|user| statuses_of(events, &json!(user)).len() == 3)).await;
    assert!(back.elapsed() < Duration::from_secs(2), "{:?}", back.elapsed());
    for user in 0..50 {
        assert!(is_online(&events, user));
        assert_eq!(statuses_of(&events, &json!(user)), ["online", "offline", "online"]);
    }
    assert!(metric(&sidecar.client, "presence_broadcast_pending").await >= 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_was_only_slow_gets_no_change_again_and_again() {
    let server = Reverb::start().await;
    let sidecar = publishing_to(&server, &[("PRESENCE__BROADCAST__TIMEOUT", "1")]).await;
    server.freeze(true);
    for user in ["ada", "grace"] {
        sidecar.client.heartbeat(user).await;
    }
    // Time for the first requests, and for some probes.
    tokio::time::sleep(Duration::from_secs(8)).await;
    server.freeze(false);
    sidecar.client.heartbeat("joan").await;
    let times = |events: &[crate::support::Published], user: &str| statuses_of(events, &json!(user)).len();
    let events = server.wait_until(|events| times(events, "joan") > 0).await;
    // What has timed out is published when the server goes on, and once more since nobody can know that.
    for user in ["ada", "grace"] {
        assert!((1..=2).contains(&times(&events, user)), "{user}: {}", times(&events, user));
    }
}
