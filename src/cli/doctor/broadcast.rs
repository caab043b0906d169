//! The broadcast server: whether it accepts the configured application.

use super::finding::Finding;
use crate::broadcast::domain::refusal;
use crate::cli::broadcast::client;
use crate::config::Config;
use crate::webhooks::domain::retry::AttemptOutcome;

/// Asks the server for the channels of the application, which needs the right id, key and secret.
pub(super) async fn check(config: &Config) -> Finding {
    const SUBJECT: &str = "broadcast";
    let client = match client(config) {
        Ok(Some(client)) => client,
        Ok(None) => return Finding::ok(SUBJECT, "changes are not broadcast (broadcast.connection = \"none\")"),
        Err(why) => return Finding::wrong(SUBJECT, why, "install the system's certificates (ca-certificates)"),
    };
    let server = client.server();
    let place = format!("{} at {}", server.kind.as_str(), server.url.as_str().trim_end_matches('/'));
    let (result, answer) = client.check(chrono::Utc::now().timestamp()).await;
    match result.outcome() {
        AttemptOutcome::Delivered => Finding::ok(
            SUBJECT,
            format!("{place} accepts the application; `presence-sidecar broadcast test` publishes a test event"),
        ),
        _ => Finding::wrong(
            SUBJECT,
            format!("{place}: {}", refusal::describe(&result, &answer)),
            refusal::remedy(&result),
        ),
    }
}
