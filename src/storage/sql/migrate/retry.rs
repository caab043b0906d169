//! Retries of work that another process does at the same time.

use crate::storage::sql::error::{Error, Result};

/// The largest number of retries.
const MAX_RETRIES: u32 = 5;

/// Runs `work`, and retries it when another process has created the same tables or rows in the meantime.
///
/// # Errors
/// The first other error, or that of the last retry.
pub(super) async fn retry_on_race<T, F>(work: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut retries = 0;
    loop {
        match work().await {
            Err(Error::UniqueViolation | Error::Conflict(_)) if retries < MAX_RETRIES => retries += 1,
            outcome => return outcome,
        }
    }
}
