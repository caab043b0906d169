//! Checks at the start whether `APP_KEY` decrypts what is stored.

use std::sync::Arc;
use std::time::Duration;

use crate::messaging::Messaging;

/// The pause before a retry while the database does not answer.
const RETRY_PAUSE: Duration = Duration::from_secs(2);

/// Logs an error if stored keys of clients do not decrypt; waits for the database before.
pub async fn check_keys(messaging: Arc<Messaging>) {
    loop {
        match messaging.clients.sample_keys().await {
            Ok(sample) => {
                if let Some(problem) = sample.problem() {
                    tracing::error!("{problem}");
                }
                return;
            }
            Err(error) => tracing::debug!(error = error.chain(), "stored keys could not be checked; retrying"),
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}
