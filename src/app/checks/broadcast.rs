//! The broadcast server: whether it accepts the configured application.

use super::finding::Finding;
use crate::app::broadcast::client;
use crate::broadcast::domain::refusal;
use crate::config::{BroadcastKind, Config};
use crate::webhooks::domain::retry::AttemptOutcome;

/// What an accepted request proves. Reverb does not compare the key, which pages alone need to have right.
fn checked(kind: BroadcastKind) -> &'static str {
    match kind {
        BroadcastKind::Reverb => "id and secret of the application (the key is checked by browsers' connections alone)",
        BroadcastKind::Pusher => "the application",
    }
}

/// Asks the server for the channels of the application, which needs the right id, key and secret.
pub(super) async fn check(config: &Config) -> Finding {
    const SUBJECT: &str = "broadcast";
    let client = match client(config) {
        Ok(Some(client)) => client,
        Ok(None) => return Finding::ok(SUBJECT, "changes are not broadcast (broadcast.connection = \"none\")"),
        Err(why) => {
            return Finding::wrong(SUBJECT, why.to_string(), "install the system's certificates (ca-certificates)");
        }
    };
    let server = client.server();
    let place = format!("{} at {}", server.kind.as_str(), server.url.as_str().trim_end_matches('/'));
    let (result, answer) = client.check(chrono::Utc::now().timestamp()).await;
    match result.outcome() {
        AttemptOutcome::Delivered => Finding::ok(
            SUBJECT,
            format!(
                "{place} accepts {}; `presence-sidecar broadcast test` publishes a test event",
                checked(server.kind)
            ),
        ),
        _ => Finding::wrong(
            SUBJECT,
            format!("{place}: {}", refusal::describe(&result, &answer)),
            refusal::remedy(&result, &answer),
        ),
    }
}
