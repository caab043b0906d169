//! Requests to the sidecar: polls clients and messages for the view, and publishes.

use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::model::UiEvent;
use crate::client::{ClientError, Operator, Publication};

/// The interval between requests for the clients.
const CLIENTS_INTERVAL: Duration = Duration::from_secs(2);

/// The interval between requests for the messages of the selected client.
const MESSAGES_INTERVAL: Duration = Duration::from_secs(1);

/// The type of published messages.
const KIND: &str = "chat";

/// Maximum number of attempts at a publication. All have the same idempotency key, so that it is stored once.
const MAX_ATTEMPTS: u32 = 3;

/// The client whose messages to request, and the id after which they start.
pub(super) type MessageQuery = Option<(String, i64)>;

/// The sender of events to the view.
pub(super) type EventSender = mpsc::Sender<UiEvent>;

/// Polls the clients until the receiver is dropped.
pub(super) async fn poll_clients(operator: Operator, events: EventSender) {
    loop {
        let event = operator.clients().await.map_or_else(|error| request_failed(&error), UiEvent::Clients);
        if events.send(event).await.is_err() {
            return;
        }
        tokio::time::sleep(CLIENTS_INTERVAL).await;
    }
}

/// Polls the messages of the query until the receiver is dropped: at once when the query changes, then at an interval.
pub(super) async fn poll_messages(operator: Operator, mut query: watch::Receiver<MessageQuery>, events: EventSender) {
    loop {
        let current = query.borrow_and_update().clone();
        if let Some((client, last)) = current {
            let event = match operator.messages(&client, last).await {
                Ok(messages) => UiEvent::Messages { client, messages },
                Err(error) => request_failed(&error),
            };
            if events.send(event).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(MESSAGES_INTERVAL) => {}
            changed = query.changed() => if changed.is_err() { return },
        }
    }
}

/// Publishes a text, and reports the result.
pub(super) async fn publish(operator: Operator, client: String, text: String, events: EventSender) {
    let publication = Publication {
        to: vec![client.clone()],
        kind: KIND.to_owned(),
        payload: json!({"text": text}),
        key: Uuid::new_v4().to_string(),
    };
    let mut attempts = 0;
    let event = loop {
        attempts += 1;
        match operator.publish(&publication).await {
            Ok(_) => break UiEvent::Published { client },
            Err(error) if error.is_retryable() && attempts < MAX_ATTEMPTS => {
                let wait = error.retry_after().unwrap_or(MESSAGES_INTERVAL);
                tokio::time::sleep(wait).await;
            }
            Err(error) => break UiEvent::PublishFailed { text, reason: error.to_string() },
        }
    };
    _ = events.send(event).await;
}

fn request_failed(error: &ClientError) -> UiEvent {
    UiEvent::RequestFailed(error.to_string())
}
