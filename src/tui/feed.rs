//! Asks the sidecar for the view: who is there, what was said; and publishes.

use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::model::UiEvent;
use crate::client::{ClientError, Operator, Publication};

/// How often it is asked who is there.
const CLIENTS_EVERY: Duration = Duration::from_secs(2);

/// How often it is asked for messages of the client that is looked at.
const MESSAGES_EVERY: Duration = Duration::from_secs(1);

/// The type of what is typed.
const KIND: &str = "chat";

/// Times that a publication is sent that nobody answered. They carry the same key, so that it is stored once.
const TRIES: u32 = 3;

/// Whose messages are wanted, and behind which id.
pub(super) type Wanted = Option<(String, i64)>;

/// Where events go.
pub(super) type Events = mpsc::Sender<UiEvent>;

/// Tells who is there, until nobody listens.
pub(super) async fn clients(operator: Operator, events: Events) {
    loop {
        let event = operator.clients().await.map_or_else(failed, UiEvent::Clients);
        if events.send(event).await.is_err() {
            return;
        }
        tokio::time::sleep(CLIENTS_EVERY).await;
    }
}

/// Tells what was said, until nobody listens: at once when something else is wanted, and then regularly.
pub(super) async fn messages(operator: Operator, mut wanted: watch::Receiver<Wanted>, events: Events) {
    loop {
        let now = wanted.borrow_and_update().clone();
        if let Some((client, last)) = now {
            let event = match operator.messages(&client, last).await {
                Ok(messages) => UiEvent::Messages { client, messages },
                Err(failure) => failed(failure),
            };
            if events.send(event).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(MESSAGES_EVERY) => {}
            changed = wanted.changed() => if changed.is_err() { return },
        }
    }
}

/// Publishes what was typed, and tells how it went.
pub(super) async fn publish(operator: Operator, client: String, text: String, events: Events) {
    let publication = Publication {
        to: vec![client.clone()],
        kind: KIND.to_owned(),
        payload: json!({"text": text}),
        key: Uuid::new_v4().to_string(),
    };
    let mut tried = 0;
    let event = loop {
        tried += 1;
        match operator.publish(&publication).await {
            Ok(_) => break UiEvent::Published { client },
            Err(failure) if failure.is_passing() && tried < TRIES => {
                let wait = failure.retry_after().unwrap_or(MESSAGES_EVERY);
                tokio::time::sleep(wait).await;
            }
            Err(failure) => break UiEvent::Unpublished { text, why: failure.to_string() },
        }
    };
    _ = events.send(event).await;
}

fn failed(failure: ClientError) -> UiEvent {
    UiEvent::Failed(failure.to_string())
}
