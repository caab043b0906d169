//! Requests to the sidecar for the view of presence.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::model::{PresenceEvent, PresenceQuery, PresenceReading};
use crate::client::{ClientError, PresenceReader};

/// The interval between requests.
const INTERVAL: Duration = Duration::from_secs(1);

/// Polls what the query asks for until the receiver is dropped: at once when the query changes, then at an interval.
pub(super) async fn poll(
    reader: PresenceReader,
    mut query: watch::Receiver<PresenceQuery>,
    events: mpsc::Sender<PresenceEvent>,
) {
    loop {
        let current = query.borrow_and_update().clone();
        let event = read(&reader, current).await.unwrap_or_else(|error| PresenceEvent::Failed(error.to_string()));
        if events.send(event).await.is_err() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            changed = query.changed() => if changed.is_err() { return },
        }
    }
}

async fn read(reader: &PresenceReader, query: PresenceQuery) -> Result<PresenceEvent, ClientError> {
    let page = reader.page(query.filter.status(), query.cursor.as_deref()).await?;
    let report = match &query.user {
        Some(user) => Some(reader.report(user).await?),
        None => None,
    };
    Ok(PresenceEvent::Read(Box::new(PresenceReading { query, page, report })))
}
