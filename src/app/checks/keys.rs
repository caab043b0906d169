//! Checks that the stored keys of clients decrypt.

use super::finding::Finding;
use crate::app::stored_keys::sample_stored_keys;
use crate::config::Config;

/// Checks that stored keys decrypt; `None` if there are no messages to check.
pub async fn check_keys(config: &Config) -> Option<Finding> {
    match sample_stored_keys(config).await {
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
