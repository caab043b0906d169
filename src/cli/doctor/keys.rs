//! Checks that the stored keys of clients decrypt.

use super::finding::Finding;
use crate::config::Config;

/// The check of stored keys; `None` if there are no messages to check.
pub(super) async fn keys(config: &Config) -> Option<Finding> {
    match crate::app::sample_stored_keys(config).await {
        Ok(sample) => sample.map(|sample| match sample.problem() {
            Some(problem) => {
                Finding::wrong("keys", problem, "set APP_PREVIOUS_KEYS to the former APP_KEY and restart the sidecar")
            }
            None => Finding::ok("keys", format!("{0} of {0} stored client keys decrypt", sample.tried)),
        }),
        Err(error) => {
            Some(Finding::wrong("keys", error.chain(), "start the database, or correct DB_CONNECTION and DB_HOST"))
        }
    }
}
