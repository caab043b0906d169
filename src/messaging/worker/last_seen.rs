//! Writes the times of last requests.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::messaging::service::MessagingContext;

/// The interval between writes.
const INTERVAL: Duration = Duration::from_secs(1);

/// Writes the recorded times of last requests every second until `stop`, and once more then.
pub async fn run_last_seen(context: Arc<MessagingContext>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = stop.cancelled() => {}
        }
        context.write_last_seen().await;
    }
}
